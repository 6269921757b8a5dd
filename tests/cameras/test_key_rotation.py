"""Rotation of the key ring: what is sealed anew, what is left alone, and what it says of the rest."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from cameras import actions, credentials, health, key_rotation
from cameras.intent import clean_camera
from cameras.key_rotation import Canary, canary_state, make_canary, rotate_keys, survey_keys
from cameras.models import Camera, Change, KeyCanary
from controlplane.access.models import AuditEntry
from controlplane.access.principals import unlimited
from tests.factories import NOW, SECRET, URL, make_camera

pytestmark = pytest.mark.django_db

BY = unlimited("command:rotate_field_keys").author("command")
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
OTHER_URL = "rtsp://user:another@10.0.0.6:554/stream"


@pytest.fixture(autouse=True)
def ring(settings: Any) -> Iterator[Any]:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    yield settings
    credentials.unreadable.clear()


def rotate(**options: Any) -> key_rotation.Rotation:
    return rotate_keys(by=BY, now=NOW, **options)


def connection_of(camera: Camera) -> str:
    return credentials.unseal(camera.pk, Camera.objects.get(pk=camera.pk).sealed_connection)


def flip_a_byte(camera: Camera) -> None:
    sealed = camera.sealed_connection
    flipped = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
    Camera.objects.filter(pk=camera.pk).update(sealed_connection=flipped)


def test_after_a_rotation_the_old_key_can_be_dropped(ring: Any) -> None:
    cameras = [make_camera(f"Gate {number}") for number in range(3)]
    make_canary()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    rotation = rotate()

    assert rotation.rotated == 3
    assert rotation.survey is not None
    assert rotation.survey.is_clean
    ring.FIELD_ENCRYPTION_KEYS = [NEW]
    assert {connection_of(camera) for camera in cameras} == {URL}
    assert canary_state() is Canary.ON_FIRST_KEY
    assert health.check_key_ring(NOW).ok


def test_a_rotation_is_no_change_of_a_camera(ring: Any) -> None:
    camera = make_camera()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    rotate()

    after = Camera.objects.get()
    assert (after.revision, after.generation, after.updated_at) == (camera.revision, camera.generation, NOW)
    assert Change.objects.count() == 1


def test_a_rotation_is_audited_by_counts_and_without_secrets(ring: Any) -> None:
    make_camera()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    rotate()

    entry = AuditEntry.objects.get(action="keys.rotated")
    assert (entry.by, entry.object_name) == (BY.label, "rotated 1, unreadable 0, left on old keys 0")


def test_a_second_rotation_finds_nothing_to_do(ring: Any) -> None:
    make_camera()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    sealed = Camera.objects.get().sealed_connection

    rotation = rotate()

    assert rotation.rotated == 0
    assert Camera.objects.get().sealed_connection == sealed


def test_more_cameras_than_a_page_are_all_rotated(ring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_rotation, "CHUNK", 2)
    for number in range(5):
        make_camera(f"Gate {number}")
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    looked_at: list[int] = []

    rotation = rotate(progress=looked_at.append)

    assert (rotation.rotated, looked_at) == (5, [2, 2, 1])


def test_what_is_saved_while_it_is_sealed_is_not_overwritten(ring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = make_camera()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    seal, edits = credentials.seal, iter([OTHER_URL])

    def seal_while_somebody_saves(camera_id: UUID, text: str) -> str:
        for url in edits:  # once
            ring.FIELD_ENCRYPTION_KEYS = [OLD]  # a process that was not restarted yet
            actions.update_camera(
                camera_id=camera.pk,
                values=clean_camera({"connection_string": url}, stored_redacted=""),
                by=BY,
                now=NOW + timedelta(seconds=1),
            )
            ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
        return seal(camera_id, text)

    monkeypatch.setattr(credentials, "seal", seal_while_somebody_saves)
    rotation = rotate()

    assert connection_of(camera) == OTHER_URL
    assert rotation.rotated == 1
    assert rotation.survey is not None
    assert rotation.survey.is_clean


def test_a_camera_that_is_deleted_while_it_is_sealed_stays_deleted(
    ring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = make_camera()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    seal = credentials.seal

    def seal_while_somebody_deletes(camera_id: UUID, text: str) -> str:
        if Camera.objects.filter(pk=camera.pk).exists():
            actions.retire_camera(camera_id=camera.pk, by=BY, now=NOW)
        return seal(camera_id, text)

    monkeypatch.setattr(credentials, "seal", seal_while_somebody_deletes)
    rotation = rotate()

    assert rotation.rotated == 0
    assert not Camera.objects.exists()


def test_a_camera_that_is_saved_again_and_again_is_left_and_reported(
    ring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = make_camera()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    seal = credentials.seal

    def seal_while_somebody_saves(camera_id: UUID, text: str) -> str:
        ring.FIELD_ENCRYPTION_KEYS = [OLD]
        Camera.objects.filter(pk=camera.pk).update(sealed_connection=seal(camera.pk, OTHER_URL))
        ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
        return seal(camera_id, text)

    monkeypatch.setattr(credentials, "seal", seal_while_somebody_saves)
    rotation = rotate()

    assert rotation.rotated == 0
    assert rotation.survey is not None
    assert rotation.survey.on_old_keys == 1
    assert not rotation.survey.is_clean
    assert connection_of(camera) == OTHER_URL


def test_a_rotation_stops_between_two_cameras_and_goes_on_when_run_again(ring: Any) -> None:
    for number in range(4):
        make_camera(f"Gate {number}")
    make_canary()
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    asked: list[bool] = []

    def stop_before_the_third() -> bool:
        asked.append(True)
        return len(asked) > 2

    stopped = rotate(stopping=stop_before_the_third)

    assert stopped == (2, None)
    assert survey_keys().on_old_keys == 2
    assert canary_state() is Canary.ON_OLD_KEY

    resumed = rotate()

    assert resumed.rotated == 2
    assert resumed.survey is not None
    assert resumed.survey.is_clean


def test_what_no_key_opens_is_named_and_left_as_it_is(ring: Any) -> None:
    good, bad = make_camera("Good"), make_camera("Bad")
    flip_a_byte(bad)
    sealed = Camera.objects.get(pk=bad.pk).sealed_connection
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    rotation = rotate()

    assert rotation.rotated == 1
    assert rotation.survey is not None
    assert rotation.survey.unreadable == [bad.pk]
    assert Camera.objects.get(pk=bad.pk).sealed_connection == sealed
    assert connection_of(good) == URL


def test_a_wrong_ring_makes_no_canary_of_its_own(ring: Any) -> None:
    make_camera()
    make_canary()
    ring.FIELD_ENCRYPTION_KEYS = [NEW]

    rotation = rotate()

    assert rotation.survey is not None
    assert rotation.survey.canary is Canary.UNREADABLE
    assert not health.check_key_ring(NOW).ok


def test_a_canary_of_a_lost_key_is_made_anew_once_every_camera_can_be_read(ring: Any) -> None:
    make_canary()
    ring.FIELD_ENCRYPTION_KEYS = [NEW]
    make_camera()

    rotation = rotate()

    assert rotation.survey is not None
    assert rotation.survey.canary is Canary.ON_FIRST_KEY
    assert KeyCanary.objects.count() == 1


def test_the_command_reports_counts_and_no_secret(ring: Any, capsys: Any) -> None:
    make_camera("Gate")
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    call_command("rotate_field_keys")

    captured = capsys.readouterr()
    assert captured.out == "rotated 1, already on the first key 0, unreadable 0, left on old keys 0\n"
    assert SECRET not in captured.out + captured.err


def test_the_command_fails_while_a_camera_cannot_be_read(ring: Any, capsys: Any) -> None:
    camera = make_camera("Gate")
    flip_a_byte(camera)

    with pytest.raises(CommandError, match="Keep all keys"):
        call_command("rotate_field_keys")

    assert f"unreadable 1 ({camera.pk}), left on old keys 0" in capsys.readouterr().out


def test_a_check_reports_what_is_left_and_changes_nothing(ring: Any, capsys: Any) -> None:
    camera = make_camera("Gate")
    ring.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    with pytest.raises(CommandError):
        call_command("rotate_field_keys", "--check")

    assert "rotated 0, already on the first key 0, unreadable 0, left on old keys 1" in capsys.readouterr().out
    assert Camera.objects.get().sealed_connection == camera.sealed_connection
    assert not AuditEntry.objects.filter(action="keys.rotated").exists()
