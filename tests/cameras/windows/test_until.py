"""What people mean by an hour, tonight and tomorrow, and by every day."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from cameras.windows.recurrence import Schedule, check_schedule
from cameras.windows.repeats import Repeats, read_rule, rule_of
from cameras.windows.until import Until, end_of

pytestmark = pytest.mark.once
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("until", "now", "end"),
    [
        (Until.HOUR, "2026-11-30T14:20:33", "2026-11-30T15:21"),
        (Until.HOUR, "2026-11-30T14:20:00", "2026-11-30T15:21"),
        (Until.HOUR, "2026-10-25T02:30:00", "2026-10-25T02:31"),  # the clock is set back meanwhile
        (Until.HOUR, "2027-03-28T01:30:00", "2027-03-28T03:31"),  # and forward
        (Until.NIGHT, "2026-11-30T17:00:00", "2026-12-01T06:00"),
        (Until.NIGHT, "2026-11-30T23:59:59", "2026-12-01T06:00"),
        (Until.NIGHT, "2026-12-01T00:30:00", "2026-12-01T06:00"),
        (Until.NIGHT, "2026-12-01T04:00:00", "2026-12-01T06:00"),
        (Until.NIGHT, "2026-12-01T04:00:01", "2026-12-02T06:00"),
        (Until.MORNING, "2026-11-30T17:00:00", "2026-12-01T08:00"),
        (Until.MORNING, "2026-12-31T00:00:00", "2027-01-01T08:00"),
    ],
)
def test_until_when_it_is(until: Until, now: str, end: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN).astimezone(UTC)
    assert end_of(until, moment, BERLIN).isoformat(timespec="minutes") == end


@pytest.mark.parametrize("repeats", [Repeats.DAILY, Repeats.WEEKDAYS, Repeats.WEEKLY, Repeats.MONTHLY])
def test_a_choice_is_read_back_from_its_stored_rule(repeats: Repeats) -> None:
    rule = rule_of(repeats, date(2027, 1, 31))
    starts = datetime.fromisoformat("2026-11-30T22:00")
    stored = check_schedule(Schedule(starts, starts.replace(hour=23), BERLIN, rule))
    assert read_rule(stored) == (repeats, date(2027, 1, 31))


@pytest.mark.parametrize(
    ("rule", "repeats"),
    [
        ("", Repeats.ONCE),
        ("FREQ=DAILY;COUNT=3", Repeats.OWN),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20270131T235959", Repeats.OWN),
        ("FREQ=DAILY;UNTIL=20270131T120000", Repeats.OWN),
        ("FREQ=YEARLY;UNTIL=20270131T235959", Repeats.OWN),
    ],
)
def test_what_is_none_of_the_choices_is_a_rule_of_its_own(rule: str, repeats: Repeats) -> None:
    assert read_rule(rule) == (repeats, None)
