"""Reverts: what one would do, what it does, and what it does only on request."""

from typing import Any

import pytest

from cameras import actions, credentials, site_actions
from cameras.intent import InvalidIntent, clean_camera
from cameras.models import Camera, Change, Site
from cameras.reverts import RevertEffect, can_revert, plan_revert, revert
from tests.factories import AUTHOR, NOW, make_camera, make_site

pytestmark = pytest.mark.django_db
OTHER_URL = "rtsp://user:0ther-secret@10.0.0.9/live"


def change(camera: Camera, **values: Any) -> Change:
    cleaned = clean_camera(values, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=cleaned, by=AUTHOR, now=NOW)
    return Change.objects.latest("revision")


def stored(camera: Camera) -> Camera:
    return Camera.objects.get(pk=camera.pk)


def effects(undone: Change, camera: Camera) -> dict[str, RevertEffect]:
    return {field.name: field.effect for field in plan_revert(undone, stored(camera))}


# --- What it would do -------------------------------------------------------------------------------------


def test_a_plan_says_for_each_field_what_would_become_of_it() -> None:
    camera = make_camera(notes="a", location="x")
    undone = change(camera, notes="b", location="y", name="New", connection_string=OTHER_URL)
    change(camera, notes="a", location="z")

    assert effects(undone, camera) == {
        "notes": RevertEffect.ALREADY_SO,
        "location": RevertEffect.CHANGED_SINCE,
        "name": RevertEffect.RESTORED,
        "connection_string": RevertEffect.NOT_KEPT,
    }


def test_registering_and_deleting_cannot_be_reverted() -> None:
    camera = make_camera()
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=NOW)

    assert not any(map(can_revert, Change.objects.all()))


# --- What it does -----------------------------------------------------------------------------------------


def test_a_revert_is_a_change_like_any_other_and_can_be_reverted() -> None:
    camera = make_camera(site=make_site(), model_config={"a": 1})
    undone = change(camera, site=None, model_config={"a": 1.0}, desired_state="running")
    generation = stored(camera).generation

    revert(change=undone, fields=undone.diff.keys(), seen_revision=stored(camera).revision, by=AUTHOR, now=NOW)

    again = Change.objects.latest("revision")
    now = stored(camera)
    assert (now.site.name, now.model_config, now.desired_state) == ("North", {"a": 1}, "stopped")
    assert now.generation == generation + 1
    assert again.diff["desired_state"] == {"before": "running", "after": "stopped"}
    assert again.note == f"Revert of change {undone.revision}."
    revert(change=again, fields=["site"], seen_revision=now.revision, by=AUTHOR, now=NOW)
    assert stored(camera).site is None


def test_only_fields_that_are_named_are_reverted() -> None:
    camera = make_camera(notes="a", location="x")
    undone = change(camera, notes="b", location="y")

    revert(change=undone, fields=["notes"], seen_revision=undone.revision, by=AUTHOR, now=NOW)

    assert (stored(camera).notes, stored(camera).location) == ("a", "y")


def test_a_camera_that_changed_since_it_was_read_is_left_alone() -> None:
    camera = make_camera(notes="a")
    undone = change(camera, notes="b")
    change(camera, notes="c")

    with pytest.raises(actions.StaleRevision):
        revert(change=undone, fields=["notes"], seen_revision=undone.revision, by=AUTHOR, now=NOW)

    assert stored(camera).notes == "c"


def test_a_camera_is_not_reverted_to_a_site_that_is_gone() -> None:
    camera = make_camera(site=make_site())
    undone = change(camera, site=None)
    site_actions.retire_site(site=Site.objects.get(), by=AUTHOR, now=NOW)

    with pytest.raises(InvalidIntent):
        revert(change=undone, fields=["site"], seen_revision=undone.revision, by=AUTHOR, now=NOW)


def test_a_clone_a_move_and_a_replacement_say_so_in_the_log() -> None:
    source, site = make_camera("Gate", notes="n"), make_site()
    values = clean_camera({"name": "Gate 2"}, stored_redacted="")

    clone = actions.clone_camera(source_id=source.pk, values=values, by=AUTHOR, now=NOW)
    actions.move_cameras(camera_ids=[source.pk, clone.pk], site_id=site.pk, by=AUTHOR, now=NOW)
    url = clean_camera({"connection_string": OTHER_URL}, stored_redacted="")["connection_string"]
    actions.replace_hardware(camera_id=clone.pk, connection_string=url, reason="Hail.", by=AUTHOR, now=NOW)

    assert credentials.unseal(clone.pk, Camera.objects.get(pk=clone.pk).sealed_connection) == OTHER_URL
    with pytest.raises(credentials.UnreadableCredential):
        credentials.unseal(clone.pk, stored(source).sealed_connection)
    log = list(Change.objects.filter(camera_id=clone.pk).order_by("revision").values_list("kind", "note"))
    assert log == [
        ("created", f"Clone of Gate ({source.pk})."),
        ("updated", ""),
        ("updated", "Hardware replaced: Hail."),
    ]
    assert set(Camera.objects.values_list("site", flat=True)) == {site.pk}
    assert (stored(clone).desired_state, stored(clone).generation) == ("stopped", 2)
