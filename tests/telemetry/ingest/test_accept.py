"""Accepting events: exact under repetition, shuffling and several processes at once; both writers alike."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from cameras.models import Camera, CameraVitals
from telemetry.ingest import accept as ingest
from telemetry.ingest import portable_writer
from telemetry.ingest.accept import Submission, accept
from telemetry.ingest.receipts import Outcome
from telemetry.ingest.tally import RECENT
from telemetry.ingest.wire import Event
from telemetry.models import DirtyHour, Sample
from tests.at_once import at_once
from tests.factories import make_camera, make_principal

WORKER_PRINCIPAL = make_principal("worker")
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(params=["the database's", "portable"])
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The writer of the database in use, and the portable one."""
    if request.param == "portable":
        monkeypatch.setattr(ingest, "postgresql_writer", portable_writer)
    return ingest.postgresql_writer if connection.vendor == "postgresql" else portable_writer


def event(camera: Camera, second: int, occupancy: int = 5, zone: str = "", **values: Any) -> Event:
    return Event(camera.pk, START + timedelta(seconds=second), zone, occupancy, 0.5, values.get("generation"))


def outcomes(events: list[Event]) -> list[str]:
    (receipts,) = accept([Submission(WORKER_PRINCIPAL, events)], NOW)
    return [receipt.outcome.value for receipt in receipts]


@pytest.mark.django_db
def test_within_one_group_the_first_of_a_key_is_stored(writer: Any) -> None:
    camera = make_camera()
    group = [
        event(camera, 1),
        event(camera, 1),
        event(camera, 1, 6),
        event(camera, 1, zone="door"),
        event(camera, 2),
    ]

    assert outcomes(group) == ["stored", "duplicate", "conflict", "stored", "stored"]
    assert outcomes(group) == ["duplicate", "duplicate", "conflict", "duplicate", "duplicate"]
    vitals = CameraVitals.objects.get()
    assert (vitals.accepted_count, vitals.duplicate_count, vitals.conflict_count) == (3, 5, 2)
    assert Sample.objects.count() == 3


@pytest.mark.django_db
def test_the_receipts_of_several_requests_in_one_group_are_each_their_own(writer: Any) -> None:
    one, two = make_camera("one"), make_camera("two")
    bound = make_principal("worker", two)

    groups = accept(
        [
            Submission(WORKER_PRINCIPAL, [event(one, 1)]),
            Submission(bound, [event(one, 2), event(two, 1)]),
            Submission(WORKER_PRINCIPAL, [event(one, 1), event(two, 1, 9)]),
        ],
        NOW,
    )

    assert [[receipt.outcome.value for receipt in group] for group in groups] == [
        ["stored"],
        ["forbidden", "stored"],
        ["duplicate", "conflict"],
    ]
    counts = CameraVitals.objects.values_list(
        "accepted_count", "duplicate_count", "conflict_count", "rejected_count"
    )
    assert list(counts.filter(pk=one.pk)) == [(1, 1, 0, 0)], "a forbidden event counts for no camera"
    assert list(counts.filter(pk=two.pk)) == [(1, 0, 1, 0)]


@pytest.mark.django_db
def test_a_thousand_shuffled_arrivals_leave_the_newest_as_latest(writer: Any) -> None:
    camera = make_camera()
    events = [event(camera, second, second) for second in range(1_000)]
    random.Random(7).shuffle(events)

    for start in range(0, 1_000, 100):
        outcomes(events[start : start + 100])
        newest = max(seen.timestamp for seen in events[: start + 100])
        assert CameraVitals.objects.get().latest_timestamp == newest

    assert CameraVitals.objects.get().latest_occupancy == 999


@pytest.mark.django_db
def test_the_observed_generation_is_the_one_that_the_worker_reported_last(writer: Any) -> None:
    camera = make_camera()

    outcomes([event(camera, 1, generation=3)])
    outcomes([event(camera, 2)])
    assert CameraVitals.objects.get().observed_generation == 3


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 50])
def test_a_group_takes_a_constant_number_of_queries(count: int, django_assert_max_num_queries: Any) -> None:
    cameras = [make_camera(str(number)) for number in range(count)]

    # PostgreSQL: the savepoint of the test, the look-up; the one statement goes past Django's counting.
    with django_assert_max_num_queries(11):
        outcomes([event(camera, 1) for camera in cameras])


@pytest.mark.django_db(transaction=True)
def test_replays_from_many_threads_in_any_order_count_exactly(writer: Any) -> None:
    cameras = [make_camera(str(number)) for number in range(10)]
    events = [event(camera, second) for camera in cameras for second in range(100)]

    def replay(number: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        mine = events.copy()
        random.Random(number).shuffle(mine)
        for start in range(0, len(mine), 50):
            counts.update(outcomes(mine[start : start + 50]))
        return counts

    counts = sum(at_once(*(partial(replay, number) for number in range(6))), Counter[str]())

    assert counts == {Outcome.STORED.value: 1_000, Outcome.DUPLICATE.value: 5_000}
    assert Sample.objects.count() == 1_000
    totals = CameraVitals.objects.values_list("accepted_count", "duplicate_count")
    assert set(totals) == {(100, 500)}


@pytest.mark.django_db
def test_stored_samples_dirty_the_rollups_that_they_change(writer: Any) -> None:
    camera, other = make_camera("one"), make_camera("other")
    recent = [NOW - RECENT, NOW - timedelta(minutes=5), NOW + timedelta(seconds=59)]
    old = [NOW - RECENT - timedelta(microseconds=1), NOW - timedelta(days=3), NOW - timedelta(days=3, minutes=1)]
    too_far = NOW + timedelta(seconds=61)

    for group in (recent[1:], [*old, too_far], recent[:1]):
        accept([Submission(WORKER_PRINCIPAL, [Event(camera.pk, at, "", 1, 1.0, None) for at in group])], NOW)
    accept([Submission(WORKER_PRINCIPAL, [Event(other.pk, old[0], "", 1, 1.0, None)])], NOW)

    assert CameraVitals.objects.values_list("dirty_from_at", "dirty_until_at").get(pk=camera.pk) == (
        recent[0],
        recent[2],
    )
    hours = DirtyHour.objects.filter(camera_id=camera.pk).order_by("start_at")
    assert [hour.start_at.isoformat() for hour in hours] == [
        "2026-05-28T23:00:00+00:00",
        "2026-05-29T00:00:00+00:00",
        "2026-05-31T21:00:00+00:00",
    ]
    assert CameraVitals.objects.get(pk=other.pk).dirty_from_at is None
    assert DirtyHour.objects.filter(camera_id=other.pk).count() == 1
