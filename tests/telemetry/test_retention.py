"""Removing the samples of deleted cameras, in bounded chunks."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras import actions
from cameras.models import Purge
from telemetry import retention
from telemetry.models import Sample
from telemetry.retention import purge_deleted_cameras, samples_to_purge
from tests.factories import AUTHOR, NOW, make_camera

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def chunk(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(retention, "CHUNK", 10)
    return 10


def store(camera_id: UUID, count: int, zones: tuple[str, ...] = ("",), **step: Any) -> None:
    Sample.objects.bulk_create(
        Sample(
            camera_id=camera_id,
            timestamp=NOW + number * timedelta(**(step or {"seconds": 10})),
            zone=zone,
            occupancy=1,
            confidence=0.9,
            received_at=NOW,
        )
        for number in range(count)
        for zone in zones
    )


def deleted_camera(count: int, zones: tuple[str, ...] = ("",), **step: Any) -> UUID:
    camera_id = make_camera().pk
    store(camera_id, count, zones, **step)
    actions.retire_camera(camera_id=camera_id, by=AUTHOR, now=NOW)
    return camera_id


def test_a_purge_removes_the_samples_of_deleted_cameras_and_of_no_other() -> None:
    kept = make_camera("Kept").pk
    store(kept, 15)
    store(uuid4(), 3)
    deleted_camera(25)

    purged = purge_deleted_cameras()

    assert purged == (1, 25)
    assert Sample.objects.filter(camera_id=kept).count() == 15
    assert Sample.objects.count() == 18
    assert not Purge.objects.exists()


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 21])
def test_no_chunk_is_larger_than_the_bound(count: int, chunk: int) -> None:
    deleted_camera(count)
    sizes: list[int] = []

    purge_deleted_cameras(progress=sizes.append)

    assert sum(sizes) == count
    assert max(sizes, default=0) <= chunk
    assert not Purge.objects.exists()


def test_a_chunk_may_end_between_the_zones_of_one_moment(chunk: int) -> None:
    camera_id = deleted_camera(4, zones=("", "a", "b", "c", "d", "e", "f"))
    sizes: list[int] = []

    purge_deleted_cameras(progress=sizes.append)

    assert sizes == [10, 10, 8]
    assert not Sample.objects.filter(camera_id=camera_id).exists()


def test_samples_of_many_days_are_all_removed() -> None:
    deleted_camera(30, days=1)

    assert purge_deleted_cameras() == (1, 30)
    assert not Sample.objects.exists()


def test_a_purge_stops_between_two_chunks_and_goes_on_when_run_again() -> None:
    deleted_camera(35)
    chunks: list[int] = []

    stopped = purge_deleted_cameras(stopping=lambda: len(chunks) == 2, progress=chunks.append)

    assert stopped == (0, 20)
    assert (Sample.objects.count(), Purge.objects.count()) == (15, 1)
    assert purge_deleted_cameras() == (1, 15)
    assert not Purge.objects.exists()


def test_a_purge_without_deleted_cameras_asks_one_question() -> None:
    store(uuid4(), 3)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        purge_deleted_cameras()

    assert len(queries) == 1


def test_what_a_purge_would_remove_is_told_beforehand() -> None:
    deleted_camera(12)
    deleted_camera(3)

    assert samples_to_purge() == (2, 15)
    assert Sample.objects.count() == 15
