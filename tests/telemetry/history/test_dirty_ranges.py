"""Dirty ranges are claimed without losing any, and ingest does not wait for it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from cameras.models import CameraVitals
from telemetry.history import dirty_ranges, rollups
from telemetry.history.dirty_ranges import SETTLED_AFTER, SLACK, add_work, claim_dirty_ranges
from telemetry.history.spans import Span
from telemetry.models import RollupWork
from tests.factories import NOW, make_camera
from tests.telemetry.history.samples import report

SECOND = timedelta(seconds=1)
LATER = NOW + SETTLED_AFTER + SECOND


def as_work_is_written(act: Callable[[], None]) -> Any:
    """Call `act` between the reading of dirty ranges and their removal."""

    def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if sql.startswith('INSERT INTO "telemetry_rollupwork"'):
            act()
        return answer

    return connection.execute_wrapper(wrapper)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("grown", "stays"),
    [
        ({"dirty_until_at": NOW + SLACK - SECOND}, False),
        ({"dirty_until_at": NOW + SLACK + SECOND}, True),
        ({"dirty_from_at": NOW - SECOND}, True),
    ],
)
def test_a_dirty_range_that_grows_beyond_its_work_meanwhile_stays(grown: dict[str, Any], stays: bool) -> None:
    camera = make_camera()
    report(camera.pk, [("", NOW, 1)], NOW)

    with as_work_is_written(lambda: CameraVitals.objects.filter(pk=camera.pk).update(**grown) and None):
        claimed = claim_dirty_ranges(LATER)

    assert claimed == (0 if stays else 1)
    assert CameraVitals.objects.filter(dirty_from_at__isnull=False).exists() is stays
    assert RollupWork.objects.count() == 1, "what was read is computed all the same"


@pytest.mark.django_db
def test_a_busy_camera_does_not_keep_the_ranges_of_others_from_being_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (dirty_ranges, rollups):
        monkeypatch.setattr(module, "CLAIMED_AT_ONCE", 2)
    cameras = sorted(make_camera().pk for _ in range(5))
    for camera in cameras:
        report(camera, [("", NOW, 1)], NOW)
    busy = iter([NOW + SLACK + SECOND])

    def grow() -> None:
        for until in busy:
            CameraVitals.objects.filter(pk=cameras[0]).update(dirty_until_at=until)

    with as_work_is_written(grow):
        rollups.compute_rollups(LATER)

    assert not CameraVitals.objects.filter(dirty_from_at__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_ingest_does_not_wait_while_dirty_ranges_are_claimed() -> None:
    if connection.vendor != "postgresql":
        return  # SQLite has one lock for everything
    camera = make_camera()
    report(camera.pk, [("", NOW, 1)], NOW)

    def in_another_session() -> None:
        thread = threading.Thread(target=store)
        thread.start()
        thread.join(10)

    def store() -> None:
        try:
            with transaction.atomic():
                CameraVitals.objects.select_for_update(nowait=True).get(pk=camera.pk)
            report(camera.pk, [("", NOW + SECOND, 1)], NOW)
            stored.append(camera.pk)
        finally:
            connection.close()

    stored: list[Any] = []
    with as_work_is_written(in_another_session):
        assert claim_dirty_ranges(LATER) == 1

    assert stored == [camera.pk]


@pytest.mark.django_db
def test_of_two_spans_of_work_with_the_same_start_the_longer_stays() -> None:
    cameras = [make_camera().pk, make_camera().pk]
    for seconds in ((2, 9), (5, 4)):
        add_work(
            (camera, Span(NOW, NOW + length * SECOND)) for camera, length in zip(cameras, seconds, strict=True)
        )

    assert dict(RollupWork.objects.values_list("camera_id", "end_at")) == {
        cameras[0]: NOW + 5 * SECOND,
        cameras[1]: NOW + 9 * SECOND,
    }
