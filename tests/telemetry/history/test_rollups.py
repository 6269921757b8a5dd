"""Rollups: every bucket of every range equals the brute-force model, computed or not, late samples or not."""

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.db import connection
from django.db.models import Sum
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cameras.models import Camera, CameraVitals
from telemetry.history import rollups
from telemetry.history.calendars import BUCKETS
from telemetry.history.dirty_ranges import CLAIMED_AT_ONCE, claim_dirty_ranges, count_pending
from telemetry.history.rollups import compute_rollups, kept_from
from telemetry.history.series import SeriesQuery, points_of, site_points_of
from telemetry.history.spans import HOUR
from telemetry.history.summaries import validity_of
from telemetry.models import DirtyHour, HourRollup, KeptFrom, MinuteRollup, RollupWork, Sample
from telemetry.storage import partitions
from telemetry.storage.retention import remove_old
from tests.factories import NOW, make_camera, make_site
from tests.telemetry.history.samples import Model, report

pytestmark = pytest.mark.django_db

# Where days are odd: clocks change, also at midnight (skipped in Cairo, twice in Havana) and by half an hour; half
# hours and quarters away from UTC; ends of a month.
DAYS = [
    ("Europe/Berlin", datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 21, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 3, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 20, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 12, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 2, 28, 17, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 5, 31, 16, tzinfo=UTC)),  # a Sunday before a first of the month
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 12, tzinfo=UTC)),
    ("Pacific/Chatham", datetime(2026, 4, 4, 11, tzinfo=UTC)),
    ("Pacific/Chatham", datetime(2026, 9, 26, 11, tzinfo=UTC)),
    ("America/St_Johns", datetime(2026, 11, 1, 2, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 29, 20, tzinfo=UTC)),  # which has no 30 December
    ("UTC", datetime(2027, 12, 31, 22, tzinfo=UTC)),
]
STEPS = [1, 999_999, 1_000_000, 7_300_000, 29_000_000, 60_000_000, 600_000_001, 3_599_000_000, 9_000_000_000]
MICROSECOND = timedelta(microseconds=1)


@st.composite
def histories(draw: Any) -> Any:
    zone, start = draw(st.sampled_from(DAYS))
    interval = draw(st.sampled_from([1, 10, 40, 1_300, 30_000]))
    samples, at = [], start
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=40)):
        at += step * MICROSECOND
        name = draw(st.sampled_from(["", "", "door"]))
        samples.append((name, at, draw(st.sampled_from([0, 1, 5, 2**31 - 1]))))
    now = at + draw(st.sampled_from([-5, 0, 1, 90, 1_000, 8_000, 200_000])) * timedelta(seconds=1)
    # In any order, some twice (then with another value, which is not stored), in batches with work between them.
    order = draw(st.permutations([*samples, *samples[::3]]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=3)))
    batches = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return zone, start, interval, batches, now


def check(
    camera: Camera, stored: Any, zone: str, start: datetime, end: datetime, now: datetime, ranges: int = 2
) -> None:
    validity = validity_of(camera.expected_interval_seconds)
    for name in ("", "door"):
        model = Model(stored, name, validity, now)
        for bucket in BUCKETS:
            for since, until in (
                (start - timedelta(hours=1), end),
                (start + timedelta(minutes=47, seconds=3), start + timedelta(hours=5, minutes=2)),
            )[:ranges]:
                query = SeriesQuery(bucket, since, until, name, ZoneInfo(zone), now)
                points = msgspec.to_builtins(points_of(camera.pk, validity, query), builtin_types=(datetime,))
                expected = model.points(bucket, since, min(until, now), ZoneInfo(zone)) if since < now else []
                assert points == expected, (bucket, name)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories())
def test_every_bucket_equals_the_model_whatever_is_computed_late_or_gone(history: Any) -> None:
    zone, start, interval, batches, now = history
    for model in (Camera, CameraVitals, Sample, MinuteRollup, HourRollup, DirtyHour, RollupWork, KeptFrom):
        model.objects.all().delete()  # type: ignore[attr-defined]
    partitions.make_partitions(start + timedelta(days=1))  # what some of it has a partition for
    camera = make_camera(expected_interval_seconds=interval)
    stored: dict[tuple[str, datetime], int] = {}
    end = now + timedelta(hours=1)
    for batch in batches:
        report(camera.pk, batch, now)
        for name, at, occupancy in batch:
            stored.setdefault((name, at), occupancy)
        check(camera, stored, zone, start, end, now, ranges=1)
        compute_rollups(now)
        check(camera, stored, zone, start, end, now, ranges=1)
    assert not RollupWork.objects.exists()
    # Days later samples are removed, of the first day or of all; what comes late then changes nothing before.
    later = now + timedelta(days=2 if len(stored) % 2 else 9)
    compute_rollups(later)
    with override_settings(TELEMETRY_RETENTION_DAYS=1):
        remove_old(later)
    check(camera, stored, zone, start, end, later)
    raw_from = kept_from().raw
    assert raw_from is None or not Sample.objects.filter(timestamp__lt=raw_from).exists()
    late = {("", raw_from + seconds * timedelta(seconds=1)): 77 for seconds in (-50, -3, 0, 4)} if raw_from else {}
    report(camera.pk, [(name, at, occupancy) for (name, at), occupancy in late.items()], later)
    stored |= {key: stored.get(key, occupancy) for key, occupancy in late.items() if key[1] >= raw_from}
    check(camera, stored, zone, start, end, later, ranges=1)
    compute_rollups(later)
    check(camera, stored, zone, start, end, later)


@pytest.mark.parametrize(("zone", "start"), DAYS)
def test_every_bucket_of_every_zone_equals_the_model(zone: str, start: datetime) -> None:
    cameras = [make_camera(name, expected_interval_seconds=100) for name in ("Gate", "Yard")]
    chance = random.Random(zone)
    now = start + timedelta(hours=31)
    stored: list[dict[tuple[str, datetime], int]] = []
    for camera in cameras:
        moments = [start + timedelta(seconds=chance.randrange(30 * 3_600)) for _ in range(120)]
        stored.append({("", moment): chance.randrange(9) for moment in moments})
        report(camera.pk, [(name, at, occupancy) for (name, at), occupancy in stored[-1].items()], now)

    for _ in ("from samples", "from rollups"):
        check(cameras[0], stored[0], zone, start, now, now, ranges=1)
        check_sum(cameras, stored, zone, start, now)
        compute_rollups(now)


def check_sum(cameras: list[Camera], stored: list[Any], zone: str, start: datetime, now: datetime) -> None:
    validities = {camera.pk: validity_of(camera.expected_interval_seconds) for camera in cameras}
    for bucket in BUCKETS:
        expected: dict[datetime, tuple[Any, int, float]] = {}
        for camera, samples in zip(cameras, stored, strict=True):
            model = Model(samples, "", validities[camera.pk], now)
            for point in model.points(bucket, start, now, ZoneInfo(zone)):
                if point["known_seconds"]:
                    occupancy, count, known = expected.get(point["start"], (0, 0, 0))
                    whole = (occupancy + point["weighted_avg"], count + 1, known + point["known_seconds"])
                    expected[point["start"]] = whole
        points = site_points_of(validities, SeriesQuery(bucket, start, now, "", ZoneInfo(zone), now))
        assert [(point.start, point.cameras, point.known_seconds) for point in points] == [
            (at, *whole[1:]) for at, whole in sorted(expected.items())
        ]
        sums = [whole[0] for _, whole in sorted(expected.items())]
        assert [point.occupancy for point in points] == pytest.approx(sums)


def test_a_sample_that_comes_while_its_minute_is_computed_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    camera = make_camera()
    report(camera.pk, [("", NOW, 1)], NOW)
    write = rollups.database_rollups().write

    def write_late(sources: Any) -> int:
        written: int = write(sources)
        if Sample.objects.count() == 1:
            report(camera.pk, [("", NOW + timedelta(seconds=2), 5)], NOW)
        return written

    monkeypatch.setattr(rollups.database_rollups(), "write", write_late)
    later = NOW + timedelta(minutes=5)

    compute_rollups(later)
    query = SeriesQuery("1m", NOW, None, "", UTC, later)
    (point,) = points_of(camera.pk, timedelta(seconds=30), query)

    assert (point.count, point.last, point.known_seconds) == (2, 5, 32)
    compute_rollups(later)
    assert points_of(camera.pk, timedelta(seconds=30), query) == [point]
    assert not CameraVitals.objects.filter(dirty_from_at__isnull=False).exists()


def test_a_crash_between_claiming_and_computing_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = make_camera()
    report(camera.pk, [("", NOW, 4), ("", NOW - timedelta(days=3), 2)], NOW)
    later = NOW + timedelta(minutes=5)
    query = SeriesQuery("1h", NOW - timedelta(days=4), None, "", UTC, later)
    before = points_of(camera.pk, timedelta(seconds=30), query)

    with monkeypatch.context() as broken:
        broken.setattr(rollups.database_rollups(), "write", lambda sources: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            compute_rollups(later)
    assert RollupWork.objects.count() == 2
    assert points_of(camera.pk, timedelta(seconds=30), query) == before
    report(camera.pk, [("", NOW - timedelta(days=3, seconds=-5), 3)], NOW)
    compute_rollups(later)

    assert [point.count for point in points_of(camera.pk, timedelta(seconds=30), query)] == [2, 1]
    assert not RollupWork.objects.exists()


def test_many_dirty_ranges_are_claimed_in_bounded_portions() -> None:
    camera = make_camera()
    hours = [NOW - timedelta(hours=number) for number in range(10, 10 + CLAIMED_AT_ONCE + 5)]
    DirtyHour.objects.bulk_create(DirtyHour(camera_id=camera.pk, start_at=hour, dirtied_at=NOW) for hour in hours)

    assert claim_dirty_ranges(NOW) == CLAIMED_AT_ONCE
    assert (DirtyHour.objects.count(), RollupWork.objects.count()) == (5, CLAIMED_AT_ONCE)
    compute_rollups(NOW)
    assert count_pending() == 0


def test_the_minute_that_is_being_filled_is_left_alone() -> None:
    camera = make_camera()
    report(camera.pk, [("", NOW, 4)], NOW)

    assert compute_rollups(NOW + timedelta(seconds=90)) == 0
    assert compute_rollups(NOW + timedelta(seconds=121)) == 1


def test_what_is_computed_stays_when_the_expected_interval_changes() -> None:
    camera = make_camera()
    report(camera.pk, [("", NOW, 4)], NOW)
    later = NOW + timedelta(days=1)
    compute_rollups(later)
    Camera.objects.update(expected_interval_seconds=1)

    (point,) = points_of(camera.pk, timedelta(seconds=3), SeriesQuery("1h", NOW, None, "", UTC, later))

    assert point.known_seconds == 30


def test_rollups_stop_between_two_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = make_camera()
    monkeypatch.setattr(rollups, "CHUNK_TIME", timedelta(days=1))
    RollupWork.objects.create(camera_id=camera.pk, start_at=NOW, end_at=NOW + timedelta(days=5))
    chunks: list[int] = []

    compute_rollups(NOW, stopping=lambda: len(chunks) == 2, progress=chunks.append)

    (work,) = RollupWork.objects.all()
    assert (work.start_at, work.end_at) == (NOW + timedelta(days=1.5), NOW + timedelta(days=5))
    compute_rollups(NOW)
    assert not RollupWork.objects.exists()


def test_where_samples_are_gone_nothing_changes_and_the_last_of_them_is_still_valid_in_what_follows() -> None:
    camera = make_camera()
    midnight = datetime(2026, 3, 4, tzinfo=UTC)
    seen = [("", -20, 4), ("", -10, 6), ("door", 0, 1)]
    samples = [(zone, midnight + timedelta(seconds=seconds), occupancy) for zone, seconds, occupancy in seen]
    report(camera.pk, samples, midnight - timedelta(seconds=5))
    later = NOW + timedelta(days=30)
    compute_rollups(later)
    query = SeriesQuery("1m", midnight - HOUR, None, "", UTC, later)
    before = points_of(camera.pk, timedelta(seconds=30), query)
    with override_settings(TELEMETRY_RETENTION_DAYS=30):
        remove_old(later)
    assert kept_from().raw == midnight

    # Both cause the minute to be computed anew; the samples from the time of the first are gone.
    report(camera.pk, [("", midnight - timedelta(seconds=5), 9), ("door", midnight + 2 * MICROSECOND, 2)], later)
    pending = points_of(camera.pk, timedelta(seconds=30), query)
    compute_rollups(later)

    assert [(point.count, point.weighted_avg, point.known_seconds) for point in before] == [
        (2, 5, 20),
        (0, 6, 20),
    ]
    assert before == pending == points_of(camera.pk, timedelta(seconds=30), query)


def test_days_that_begin_at_half_past_come_from_hours_where_minutes_are_gone() -> None:
    camera = make_camera(site=make_site(timezone="Asia/Kolkata"))  # days begin at 18:30 UTC
    start = datetime(2026, 5, 4, 18, 0, tzinfo=UTC)
    later = start + timedelta(days=400)
    report(
        camera.pk, [("", start + timedelta(minutes=minute), 1) for minute in range(0, 180, 10)], start + 3 * HOUR
    )
    compute_rollups(later)
    query = SeriesQuery("1d", start, None, "", ZoneInfo("Asia/Kolkata"), later)
    validity = timedelta(seconds=30)

    assert [point.count for point in points_of(camera.pk, validity, query)] == [3, 15]
    with override_settings(TELEMETRY_RETENTION_DAYS=1, TELEMETRY_MINUTE_RETENTION_DAYS=1):
        remove_old(later)
    assert not MinuteRollup.objects.exists()
    assert [point.count for point in points_of(camera.pk, validity, query)] == [6, 12]
    assert points_of(camera.pk, validity, query._replace(bucket="15m")) == []


@pytest.mark.django_db(transaction=True)
def test_reads_are_exact_while_ingest_and_maintenance_are_at_work() -> None:
    camera = make_camera()
    now = NOW + timedelta(hours=5)
    moments = [
        NOW + timedelta(seconds=101 * number) for number in range(160)
    ]  # of the last hours: both kinds of dirty ranges
    random.Random(4).shuffle(moments)
    batches = [moments[start : start + 4] for start in range(0, 160, 4)]
    begun, stored = [0], [0]
    lock = threading.Lock()

    def work() -> None:
        try:
            while True:
                with lock:
                    if not batches:
                        return
                    batch = batches.pop()
                    begun[0] += len(batch)
                report(camera.pk, [("", moment, 7) for moment in batch], now)
                with lock:
                    stored[0] += len(batch)
        finally:
            connection.close()

    def compute() -> None:
        try:
            while any(worker.is_alive() for worker in workers):
                compute_rollups(now + timedelta(hours=1))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    threads = [*workers, threading.Thread(target=compute)]
    for thread in threads:
        thread.start()
    reads = []
    query = SeriesQuery("1d", NOW - timedelta(days=1), None, "", UTC, now)
    try:
        while any(worker.is_alive() for worker in workers):
            least = stored[0]
            count = sum(point.count for point in points_of(camera.pk, timedelta(seconds=30), query))
            reads.append((least, count, begun[0]))
    finally:
        for thread in threads:
            thread.join()

    assert stored == [160]
    assert [read for read in reads if not read[0] <= read[1] <= read[2]] == []
    compute_rollups(now + timedelta(hours=1))
    assert count_pending() == 0
    computed = HourRollup.objects.aggregate(count=Sum("count"), known=Sum("known"), integral=Sum("integral"))
    assert computed == {"count": 160, "known": 160 * 30_000_000, "integral": 7 * 160 * 30_000_000}
