"""What each action does to rows and to the log."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from cameras import actions, credentials
from cameras.intent import InvalidIntent, clean_camera
from cameras.models import Camera, Change, DesiredState
from tests.factories import AUTHOR, NOW, make_camera, make_camera_of_before

pytestmark = pytest.mark.django_db


def test_a_new_camera_is_stopped_and_logged() -> None:
    camera = make_camera("Gate")

    change = Change.objects.get()
    assert (camera.desired_state, camera.generation, camera.revision) == ("stopped", 1, change.revision)
    assert (change.kind, change.name, change.by, change.via) == ("created", "Gate", AUTHOR.label, AUTHOR.via)


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    camera = make_camera("Gate")

    again = actions.update_camera(
        camera_id=camera.pk, values={"name": "Gate"}, by=AUTHOR, now=NOW + timedelta(seconds=1)
    )

    assert again.updated_at == NOW
    assert Change.objects.count() == 1


def change_notes(camera: Camera) -> None:
    actions.update_camera(camera_id=camera.pk, values={"notes": "new"}, by=AUTHOR, now=NOW)


def start(camera: Camera) -> None:
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.RUNNING, by=AUTHOR, now=NOW)


def import_notes(camera: Camera) -> None:
    changed = {camera.pk: (camera.revision, {"notes": "new"})}
    actions.save_cameras(new=[], changed=changed, by=AUTHOR, now=NOW)


def send_it_again(camera: Camera) -> None:
    values = clean_camera({"connection_string": "RTSP://user:p{ss@10.0.0.5/x"}, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=values, by=AUTHOR, now=NOW)


@pytest.mark.parametrize("save", [change_notes, start, import_notes, send_it_again])
def test_an_address_that_an_earlier_version_stored_is_mended_on_the_next_save(save: Callable[..., None]) -> None:
    camera = make_camera_of_before("RTSP://user:p{ss@10.0.0.5/x")
    assert actions.reveal_connection_string(camera=camera, by=AUTHOR, now=NOW) == "rtsp://user:p%7Bss@10.0.0.5/x"

    save(camera)

    stored = Camera.objects.get()
    assert credentials.unseal(stored.pk, stored.sealed_connection) == "rtsp://user:p%7Bss@10.0.0.5/x"
    assert (stored.redacted_connection, stored.address) == ("rtsp://user:***@10.0.0.5/x", "10.0.0.5:554")


def test_mending_is_no_change_of_what_a_worker_runs_on() -> None:
    camera = make_camera_of_before("RTSP://user:p{ss@10.0.0.5/x")

    change_notes(camera)

    assert Camera.objects.get().generation == 1
    assert Change.objects.latest("revision").diff.keys() == {"notes"}


def test_a_clone_of_a_camera_of_before_is_of_today() -> None:
    """Its password was taken then, and would be refused as a placeholder now."""
    source = make_camera_of_before("RTSP://$NAME:$Password@10.0.0.5/x")

    clone = actions.clone_camera(source_id=source.pk, values={"name": "Clone"}, by=AUTHOR, now=NOW)

    assert credentials.unseal(clone.pk, clone.sealed_connection) == "rtsp://%24NAME:%24Password@10.0.0.5/x"


def test_a_clone_of_what_no_rule_lets_through_today_is_refused_by_its_field() -> None:
    source = make_camera_of_before("rtsp://user:***@10.0.0.5/x")

    with pytest.raises(InvalidIntent, match="connection_string: It contains a masked value"):
        actions.clone_camera(source_id=source.pk, values={"name": "Clone"}, by=AUTHOR, now=NOW)


def test_what_cannot_be_opened_does_not_keep_other_fields_from_being_saved() -> None:
    camera = make_camera("Gate")
    Camera.objects.update(sealed_connection="broken")

    change_notes(camera)

    assert (Camera.objects.get().notes, Camera.objects.get().sealed_connection) == ("new", "broken")
