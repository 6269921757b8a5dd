"""The bin: what is kept of a deleted camera, how it comes back, and when it cannot any more."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras import actions, connections, credentials, recycle_bin, restores, site_actions
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent, clean_camera
from cameras.key_rotation import key_ring_fits, rotate_keys, survey_keys
from cameras.models import (
    Camera,
    CameraVitals,
    Change,
    ChangeBlock,
    DeletedCamera,
    DesiredState,
    Purge,
    Site,
)
from cameras.sentences import sentence_of
from controlplane.access.models import ApiToken, AuditEntry
from controlplane.access.principals import unlimited
from tests.at_once import at_once
from tests.factories import (
    AUTHOR,
    NOW,
    SECRET,
    URL,
    ApiClient,
    make_camera,
    make_holder,
    make_site,
    make_token,
)

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=3)
AGED = timedelta(days=30)


def delete(*cameras: Camera, **options: Any) -> None:
    given = {"by": AUTHOR, "now": NOW, **options}
    actions.retire_cameras(camera_ids=[camera.pk for camera in cameras], **given)


def restore(camera: Camera, **options: Any) -> restores.Restored:
    return restores.restore_camera(camera_id=camera.pk, **{"by": AUTHOR, "now": LATER, **options})


def intent_of(camera: Camera) -> dict[str, Any]:
    """All columns but those that say when, and in which revision."""
    row = Camera.objects.filter(pk=camera.pk).values().get()
    return {
        name: value
        for name, value in row.items()
        if name not in ("revision", "generation", "updated_at", "desired_state_at")
    }


# --- Restoring --------------------------------------------------------------------------------------------


def test_a_restored_camera_is_as_it_was_with_its_id_and_the_next_generation() -> None:
    zones = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    camera = make_camera(
        "Gate", site=make_site(), location="roof", notes="n", model_config={"n": [1, 1.0, None]},
        zone_config=zones, desired_state="running", expected_interval_seconds=7,
    )  # fmt: skip
    before = intent_of(camera)
    delete(camera)

    restored = restore(camera)

    assert intent_of(camera) == before
    stored = Camera.objects.get()
    assert (stored.generation, stored.revision) == (camera.generation + 1, 3)
    assert (stored.desired_state_at, stored.updated_at) == (LATER, LATER)
    assert connections.read(stored) == URL
    assert CameraVitals.objects.get().pk == camera.pk
    assert (restored.lost_site, DeletedCamera.objects.exists(), Purge.objects.exists()) == ("", False, False)


def test_a_stopped_camera_is_stopped_since_it_was() -> None:
    camera = make_camera(desired_state="running")
    stopped_at = NOW + timedelta(hours=1)
    actions.set_desired_state(
        camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=stopped_at
    )
    delete(camera, now=NOW + timedelta(hours=2))

    restore(camera)

    assert Camera.objects.get().desired_state_at == stopped_at


def test_a_restored_camera_comes_to_watchers_as_a_new_one_and_the_log_says_restored(viewer: ApiClient) -> None:
    camera = make_camera()
    delete(camera)
    cursor = viewer.get("/cameras")["X-Cursor"]

    restore(camera)

    (change,) = viewer.get(f"/cameras/changes?since={cursor}").json()["changes"]
    assert (change["kind"], change["camera_id"], change["generation"]) == ("created", str(camera.pk), 2)
    assert sentence_of(ChangeBlock.objects.latest("pk")) == "“Gate” restored by factory"
    assert Change.objects.latest("revision").note == "Restored: change 2 had deleted it."


def test_tokens_of_a_restored_camera_stay_revoked() -> None:
    camera = make_camera()
    make_token("worker", camera)
    delete(camera)

    restore(camera)

    token = ApiToken.objects.get()
    assert token.revoked_at is not None
    assert not token.bindings.exists()


def test_a_site_that_is_gone_is_told_and_left_out() -> None:
    camera = make_camera(site=make_site("North"))
    delete(camera)
    site_actions.retire_site(site=Site.objects.get(), by=AUTHOR, now=NOW)

    restored = restore(camera)

    assert (restored.lost_site, Camera.objects.get().site_id) == ("North", None)
    assert Change.objects.latest("revision").note.endswith("Its site North is gone.")


def test_the_range_of_samples_that_no_rollup_holds_comes_back_with_the_camera() -> None:
    camera = make_camera()
    CameraVitals.objects.update(dirty_from_at=NOW, dirty_until_at=LATER)
    delete(camera)

    restore(camera)

    vitals = CameraVitals.objects.get()
    assert (vitals.dirty_from_at, vitals.dirty_until_at) == (NOW, LATER)


def test_a_camera_can_be_deleted_and_restored_again_and_again() -> None:
    camera = make_camera()

    for _ in range(3):
        delete(camera)
        restore(camera)

    assert Camera.objects.get().generation == 4


def test_what_is_not_in_the_bin_is_not_restored() -> None:
    with pytest.raises(DeletedCamera.DoesNotExist):
        restore(make_camera())


@pytest.mark.parametrize("count", [1, 50])
def test_many_take_as_many_queries_as_one(count: int) -> None:
    site = make_site()
    cameras = [make_camera(f"Gate {number}", site=site) for number in range(count)]

    with CaptureQueriesContext(connection) as deleting:
        delete(*cameras)
    with CaptureQueriesContext(connection) as restoring:
        restores.restore_cameras(camera_ids=[camera.pk for camera in cameras], by=AUTHOR, now=NOW)

    # SQLite takes 999 parameters a statement: fifty rows of vitals are three.
    more = 2 if connection.vendor == "sqlite" and count == 50 else 0
    assert (len(deleting), len(restoring)) == (20, 13 + more)
    assert Camera.objects.count() == count


# --- Who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "may"),
    [
        (lambda north, south: [("administrator", north)], True),
        (lambda north, south: [("administrator", south)], False),
        (lambda north, south: [("administrator", south), ("operator", north)], False),
        (lambda north, south: [("administrator",)], True),
        (lambda north, south: [("operator",)], False),
    ],
)
@pytest.mark.parametrize("act", [restores.restore_camera, restores.erase_camera])
def test_restoring_and_erasing_take_the_permission_where_the_camera_stood(
    act: Callable[..., Any], roles: Any, may: bool
) -> None:
    north, south = make_site("North"), make_site("South")
    camera = make_camera(site=north)
    delete(camera)
    do = partial(act, camera_id=camera.pk, by=make_holder(*roles(north, south)).author("api"), now=LATER)

    if may:
        do()
    else:
        with pytest.raises(OutOfScope):
            do()

    assert DeletedCamera.objects.exists() is not may


def test_whoever_may_add_cameras_at_one_site_only_does_not_restore_one_to_no_site() -> None:
    north = make_site("North")
    camera = make_camera(site=north)
    delete(camera)
    site_actions.retire_site(site=Site.objects.get(), by=AUTHOR, now=NOW)

    with pytest.raises(OutOfScope, match="under no site"):
        restore(camera, by=make_holder(("administrator", north)).author("api"))


# --- The end of it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "erased"), [(AGED - timedelta(microseconds=1), 0), (AGED, 1), (AGED + timedelta(days=9), 1)]
)
def test_a_camera_is_erased_after_its_days(age: timedelta, erased: int) -> None:
    camera = make_camera()
    delete(camera)

    assert recycle_bin.count_expired(NOW + age) == erased
    assert recycle_bin.erase_expired(NOW + age) == erased

    assert DeletedCamera.objects.count() == 1 - erased
    assert list(Purge.objects.values_list("pk", flat=True)) == [camera.pk] * erased
    entries = AuditEntry.objects.filter(action="camera.erased").values_list("object_id", "by", "via")
    assert list(entries) == [(str(camera.pk), "command:maintain", "command")] * erased


def test_the_days_are_a_setting(settings: Any) -> None:
    settings.DELETED_CAMERA_DAYS = 0
    delete(make_camera())

    assert recycle_bin.erase_expired(NOW) == 1


def test_more_than_a_chunk_are_all_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recycle_bin, "CHUNK", 2)
    delete(*(make_camera(f"Gate {number}") for number in range(5)))

    assert recycle_bin.erase_expired(NOW + AGED) == 5


@pytest.mark.parametrize("way", ["erased now", "deleted without being kept", "aged"])
def test_what_was_erased_cannot_be_restored_and_its_id_stays_taken_until_the_purge_has_ended(way: str) -> None:
    camera = make_camera()
    delete(camera, is_kept=way != "deleted without being kept")
    if way == "erased now":
        restores.erase_camera(camera_id=camera.pk, by=AUTHOR, now=LATER)
    elif way == "aged":
        recycle_bin.erase_expired(NOW + AGED)
    values = clean_camera({"name": "Other", "connection_string": URL})

    with pytest.raises(restores.PurgeBegun):
        restore(camera)
    with pytest.raises(InvalidIntent, match="id: Belongs to a deleted camera"):
        actions.register_camera(values=values, by=AUTHOR, now=LATER, camera_id=camera.pk)

    Purge.objects.all().delete()
    with pytest.raises(DeletedCamera.DoesNotExist):
        restore(camera)
    actions.register_camera(values=values, by=AUTHOR, now=LATER, camera_id=camera.pk)


def test_the_id_of_a_camera_in_the_bin_is_not_given_away() -> None:
    camera = make_camera()
    delete(camera)

    with pytest.raises(InvalidIntent, match="restore it, or erase it for good"):
        actions.register_camera(
            values=clean_camera({"name": "Other", "connection_string": URL}),
            by=AUTHOR,
            now=NOW,
            camera_id=camera.pk,
        )


def test_the_log_holds_no_secret_of_a_deleted_camera() -> None:
    camera = make_camera()
    sealed = Camera.objects.get().sealed_connection
    delete(camera)

    logged = str(
        [list(Change.objects.values()), list(ChangeBlock.objects.values()), list(AuditEntry.objects.values())]
    )

    assert SECRET not in logged
    assert sealed not in logged
    assert DeletedCamera.objects.get().sealed_connection == sealed


# --- Key rotation -----------------------------------------------------------------------------------------


def test_a_rotation_seals_the_bin_anew_so_that_the_old_key_can_be_dropped(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [old]
    camera = make_camera("deleted")
    make_camera("kept")
    delete(camera)
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert survey_keys().on_old_keys == 2

    rotation = rotate_keys(by=unlimited("command:rotate_field_keys").author("command"), now=NOW)

    assert rotation.rotated == 2
    assert rotation.survey is not None
    assert rotation.survey.is_clean
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert connections.read(restore(camera).camera) == URL


def test_a_key_that_only_the_bin_was_sealed_with_is_missed(settings: Any) -> None:
    delete(make_camera())
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert not key_ring_fits()
    credentials.unreadable.clear()


# --- At once ----------------------------------------------------------------------------------------------


def _outcome(act: Callable[[], Any]) -> str:
    try:
        act()
    except (DeletedCamera.DoesNotExist, restores.PurgeBegun) as error:
        return type(error).__name__
    return "done"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rival", ["erase", "expire", "restore"])
def test_a_camera_is_restored_or_purged_and_never_both(rival: str) -> None:
    rivals: dict[str, Callable[[Camera], Any]] = {
        "erase": lambda camera: restores.erase_camera(camera_id=camera.pk, by=AUTHOR, now=LATER),
        "expire": lambda camera: recycle_bin.erase_expired(NOW + AGED),
        "restore": restore,
    }
    for number in range(15):
        camera = make_camera(f"Gate {number}")
        delete(camera)

        outcomes = at_once(
            partial(_outcome, partial(restore, camera)), partial(_outcome, partial(rivals[rival], camera))
        )

        present = Camera.objects.filter(pk=camera.pk).exists()
        purged = Purge.objects.filter(pk=camera.pk).exists()
        assert (present, purged) in ((True, False), (False, True))
        assert not DeletedCamera.objects.exists()
        assert outcomes[0] == ("done" if present else "PurgeBegun") or rival == "restore"
        if rival == "restore":
            assert sorted(outcomes) == ["DoesNotExist", "done"]
