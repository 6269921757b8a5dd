"""Rollups: every bucket of every range equals the brute-force model, computed or not, late samples or not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cameras.models import Camera, CameraVitals
from telemetry.models import DirtyHour, HourRollup, KeptFrom, MinuteRollup, RollupWork, Sample
from telemetry.rollups import compute_rollups
from telemetry.series import Question, points_of
from telemetry.spans import BUCKETS
from telemetry.summaries import hold_of
from tests.factories import make_camera
from tests.telemetry.history import Model, report

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


def check(camera: Camera, stored: Any, zone: str, start: datetime, end: datetime, now: datetime) -> None:
    hold = hold_of(camera.expected_interval_seconds)
    for name in ("", "door"):
        model = Model(stored, name, hold, now)
        for bucket in BUCKETS:
            for since, until in (
                (start - timedelta(hours=1), end),
                (start + timedelta(minutes=47, seconds=3), start + timedelta(hours=5, minutes=2)),
            ):
                question = Question(bucket, since, until, name, ZoneInfo(zone), now)
                points = msgspec.to_builtins(points_of(camera.pk, hold, question), builtin_types=(datetime,))
                expected = model.points(bucket, since, min(until, now), ZoneInfo(zone)) if since < now else []
                assert points == expected, (bucket, name)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories())
def test_every_bucket_equals_the_model_whatever_is_computed_and_whatever_comes_late(
    history: Any,
) -> None:
    zone, start, interval, batches, now = history
    for model in (Camera, CameraVitals, Sample, MinuteRollup, HourRollup, DirtyHour, RollupWork, KeptFrom):
        model.objects.all().delete()  # type: ignore[attr-defined]
    camera = make_camera(expected_interval_seconds=interval)
    stored: dict[tuple[str, datetime], int] = {}
    end = now + timedelta(hours=1)
    for batch in batches:
        report(camera.pk, batch, now)
        for name, at, occupancy in batch:
            stored.setdefault((name, at), occupancy)
        check(camera, stored, zone, start, end, now)
        compute_rollups(now)
        check(camera, stored, zone, start, end, now)
    assert not RollupWork.objects.exists()
    # Much later all is settled, and nothing is computed from samples any more.
    later = now + timedelta(days=9)
    compute_rollups(later)
    Sample.objects.all().delete()
    check(camera, stored, zone, start, end, later)
