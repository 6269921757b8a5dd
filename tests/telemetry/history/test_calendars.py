"""Where buckets begin at a place, at every change of its clock and by its calendar, held against each minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from telemetry.history.calendars import Buckets
from telemetry.history.spans import MINUTE, Span
from tests.telemetry.history.samples import label, number_of

# Full hours, half hours and quarters from UTC; clocks that are changed by half an hour, at midnight, within an hour.
ZONES = [
    "UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Africa/Cairo", "Asia/Beirut", "Asia/Kolkata",
    "Asia/Kathmandu", "Asia/Pyongyang", "America/Caracas", "Australia/Lord_Howe", "Pacific/Chatham",
    "America/St_Johns", "Africa/Casablanca",
]  # fmt: skip
AROUND = [-1_500, -150, -90, -61, -31, -1, 0, 1, 29, 31, 59, 61, 1_500]


def changes_of_clock(zone: ZoneInfo) -> list[datetime]:
    """The first moment after each change, to the hour in which it lies, from 2012 to 2032."""
    days = [datetime(2012, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(20 * 365)]
    changes = []
    for day in days:
        hours = [day + timedelta(hours=hour) for hour in range(25)]
        if hours[0].astimezone(zone).utcoffset() != hours[-1].astimezone(zone).utcoffset():
            before = hours[0].astimezone(zone).utcoffset()
            changes.append(next(hour for hour in hours if hour.astimezone(zone).utcoffset() != before))
    return changes


@pytest.mark.parametrize("name", ZONES)
def test_every_minute_around_a_change_of_the_clock_is_in_the_bucket_that_it_is_called_by(name: str) -> None:
    zone = ZoneInfo(name)
    moments = [datetime(2026, 5, 31, 18, 29, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
    moments += [at + minutes * MINUTE for at in changes_of_clock(zone)[-12:] for minutes in AROUND]

    for bucket in ("1h", "1d", "1w", "1mo"):
        buckets = Buckets(bucket, zone)
        for moment in moments:
            start, end = buckets.start_of(moment), buckets.end_from(moment)
            mine = label(bucket, zone, number_of(moment))
            assert label(bucket, zone, number_of(start)) == mine != label(bucket, zone, number_of(start) - 1)
            assert end == start == moment or (
                label(bucket, zone, number_of(end)) != mine == label(bucket, zone, number_of(end) - 1)
            )
            whole = Span(start, max(end, moment + MINUTE))
            (grid,) = [grid for part, grid in buckets.grids(whole) if part.start <= moment < part.end]
            assert grid.start_of(moment) == start


@pytest.mark.parametrize(
    ("bucket", "zone", "moment", "start", "end"),
    [
        ("1h", "Asia/Kolkata", "2026-03-04T10:00Z", "2026-03-04T09:30Z", "2026-03-04T10:30Z"),
        ("1h", "Asia/Kathmandu", "2026-03-04T10:14Z", "2026-03-04T09:15Z", "2026-03-04T10:15Z"),
        ("1h", "Europe/Berlin", "2026-10-25T01:30Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z"),
        # 2:00 becomes 2:30, and half a year later 2:00 becomes 1:30.
        ("1h", "Australia/Lord_Howe", "2026-10-03T15:31Z", "2026-10-03T15:30Z", "2026-10-03T16:00Z"),
        ("1h", "Australia/Lord_Howe", "2026-04-04T15:01Z", "2026-04-04T15:00Z", "2026-04-04T15:30Z"),
        # 2:45 becomes 3:45.
        ("1h", "Pacific/Chatham", "2026-09-26T13:59Z", "2026-09-26T13:15Z", "2026-09-26T14:00Z"),
        ("1h", "Pacific/Chatham", "2026-09-26T14:00Z", "2026-09-26T14:00Z", "2026-09-26T14:00Z"),
        ("1d", "Africa/Casablanca", "2026-02-15T12:00Z", "2026-02-14T23:00Z", "2026-02-16T00:00Z"),
        ("1w", "Asia/Kolkata", "2026-05-31T18:29Z", "2026-05-24T18:30Z", "2026-05-31T18:30Z"),
        ("1w", "UTC", "2027-01-01T00:00Z", "2026-12-28T00:00Z", "2027-01-04T00:00Z"),
        ("1mo", "Europe/Berlin", "2026-03-29T12:00Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z"),
        ("1mo", "UTC", "2028-02-29T12:00Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"),
    ],
)
def test_a_bucket_begins_and_ends_by_the_clock_of_the_place(
    bucket: str, zone: str, moment: str, start: str, end: str
) -> None:
    buckets, at = Buckets(bucket, ZoneInfo(zone)), datetime.fromisoformat(moment)

    assert (buckets.start_of(at), buckets.end_from(at)) == (
        datetime.fromisoformat(start),
        datetime.fromisoformat(end),
    )


def test_hours_of_a_year_are_one_grid_where_the_clock_is_changed_at_full_hours() -> None:
    year = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    parts = {zone: len(list(Buckets("1h", ZoneInfo(zone)).grids(year))) for zone in ZONES}

    assert {zone: count for zone, count in parts.items() if count > 1} == {
        "Australia/Lord_Howe": 3,
        "Pacific/Chatham": 3,
    }
