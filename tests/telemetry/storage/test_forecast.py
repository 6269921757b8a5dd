"""How long it lasts: what telemetry takes, and when it will be too much."""

from datetime import UTC, datetime, timedelta
from math import inf, isnan
from typing import Any

import pytest
from django.db import connection

from telemetry import health
from telemetry.storage import forecast, partitions
from tests.factories import NOW, make_camera
from tests.telemetry.history.samples import fill, kept_for

pytestmark = pytest.mark.django_db


def full_in_days_metric(now: datetime) -> float:
    found = {metric.name: metric for metric in health.fleet_metrics(now)}
    return found["controlplane_telemetry_full_in_days"].samples[0].value


@pytest.mark.parametrize(
    ("room", "growths", "days_left"),
    [
        (100, [(10, 30)], 10),
        (100, [(10, 5)], inf),  # retention comes first
        (100, [(10, 5), (5, 100)], 10),
        (100, [(10, 5), (1, 1_000)], 45 + 5),
        (0, [(10, 30)], 0),
        (-5, [(10, 30)], 0),
        (100, [(0, 30)], inf),
        (30, [(10, 12, ((1, 1), (2, 1), (3, 1), (4, 10)))], 3.3),  # what leaves is less than what comes
        (30, [(10, 12, ((1, 10), (2, 10), (3, 10), (4, 10), (10, 100)))], 7),
        (50, [(10, 5), (0, 0, ((0, 5),))], inf),
    ],
)
def test_a_forecast_counts_with_what_retention_removes(room: float, growths: list[Any], days_left: float) -> None:
    found = forecast._full_in_days(room, [forecast._Growth(*growth) for growth in growths])

    assert found == pytest.approx(days_left)


def test_a_forecast_by_what_the_last_days_took(without_partitions: None, monkeypatch: pytest.MonkeyPatch) -> None:
    camera_id = make_camera(now=NOW - timedelta(days=2)).pk
    if connection.vendor == "postgresql":
        for number in (3, 2, 1, 0):
            partitions.make_partitions(NOW - timedelta(days=number))
    fill(camera_id, 500, every=timedelta(minutes=-5))

    with kept_for(most=100_000_000):
        room = forecast.forecast(NOW)

    assert room.bytes_max == 100_000_000
    assert room.bytes_used == forecast.used_bytes() > 0
    assert room.bytes_per_day
    assert room.bytes_per_day > 10_000
    assert "a day" in str(room)
    with kept_for(most=0):
        assert "no bound" in str(forecast.forecast(NOW))


def test_a_sample_of_long_ago_does_not_make_a_young_installation_old(without_partitions: None) -> None:
    camera_id = make_camera(now=NOW - timedelta(hours=1)).pk
    fill(camera_id, 500, every=timedelta(seconds=-5))
    fill(camera_id, 1, start=NOW - timedelta(days=800))
    if connection.vendor == "postgresql":
        return  # it is in DEFAULT, which no forecast looks at

    assert forecast.forecast(NOW).bytes_per_day is None
    assert forecast.forecast(NOW + timedelta(days=2)).bytes_per_day == pytest.approx(
        forecast.used_bytes() / (2 + 1 / 24)
    )


def test_a_forecast_on_the_first_day_is_by_that_day(without_partitions: None) -> None:
    if connection.vendor != "postgresql":
        return  # by the whole file, from the second day on
    partitions.make_partitions(NOW)  # yesterday's too, in which there is nothing
    fill(make_camera().pk, 5_000, every=timedelta(seconds=-5))

    with kept_for(most=100_000_000):
        room = forecast.forecast(NOW)

    assert room.bytes_per_day
    assert room.bytes_per_day > 500_000


def test_a_forecast_counts_only_existing_partitions_as_removed(without_partitions: None) -> None:
    if connection.vendor != "postgresql":
        return  # by the whole file
    for number in range(12, -1, -1):
        partitions.make_partitions(NOW - timedelta(days=number))
    camera_id = make_camera().pk
    midnight = NOW.replace(hour=0)
    for number in range(11, 0, -1):
        count = 10 if number > 7 else 2_000
        fill(camera_id, count, start=midnight - timedelta(days=number), every=timedelta(days=1) / count)
    fill(camera_id, 1_000, start=midnight, every=(NOW - midnight) / 1_000)
    day = next(
        partition.size
        for partition in partitions.partitions_of(partitions.SAMPLES)
        if partition.start == midnight - timedelta(days=1)
    )

    with kept_for(most=forecast.used_bytes() + 3 * day):
        room = forecast.forecast(NOW)
    with kept_for(most=forecast.used_bytes() + 9 * day):
        never = forecast.forecast(NOW)

    assert room.bytes_per_day == pytest.approx(day, rel=0.3)
    assert room.full_in_days == pytest.approx(3, abs=1)
    assert never.full_in_days == inf
    assert full_in_days_metric(NOW) == inf


@pytest.mark.parametrize("hours", [1, 1.4, 3, 6, 24, 24 * 8])
def test_a_forecast_divides_by_the_time_in_which_samples_came(without_partitions: None, hours: float) -> None:
    if connection.vendor != "postgresql":
        return
    installed = datetime(2026, 3, 4, 22, 30, tzinfo=UTC)
    now = installed + timedelta(hours=hours)
    for number in range(10):
        partitions.make_partitions(min(installed + timedelta(days=number), now))
    count = 4_000
    fill(make_camera(now=installed).pk, count, start=installed, every=(now - installed) / count)
    samples = sum(
        partition.size
        for partition in partitions.partitions_of(partitions.SAMPLES)
        if installed.replace(hour=0, minute=0) <= partition.start <= now
    )

    room = forecast.forecast(now)

    assert room.bytes_per_day == pytest.approx(samples / (hours / 24), rel=0.05)


def test_at_first_it_is_too_early_for_a_forecast() -> None:
    with kept_for(most=100_000_000):
        assert "too early" in str(forecast.forecast(NOW))
        assert isnan(full_in_days_metric(NOW))
    with kept_for(most=0):
        assert full_in_days_metric(NOW) == inf


def test_a_forecast_goes_by_the_age_of_the_samples_not_of_the_cameras(without_partitions: None) -> None:
    for number in (2, 1, 0):
        partitions.make_partitions(NOW - timedelta(days=number))
    camera_id = make_camera(now=NOW - timedelta(days=31)).pk
    fill(camera_id, 4_000, start=NOW - timedelta(days=1), every=timedelta(days=1) / 4_000)

    with kept_for(raw=30, minutes=30, most=forecast.used_bytes() + 100_000):
        room = forecast.forecast(NOW)

    assert room.bytes_per_day
    assert room.bytes_per_day > 400_000
    assert room.full_in_days is not None
    assert room.full_in_days < 1
