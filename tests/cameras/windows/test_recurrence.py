"""When a window occurs, against a model that looks at every minute of a clock on the wall."""

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.windows.recurrence import InvalidSchedule, Schedule, Span, check_schedule, spans

pytestmark = pytest.mark.once

MINUTE = timedelta(minutes=1)
TEN = datetime.fromisoformat("2026-03-04T22:00")
#: zones, each with a day on which its clock is set: by an hour, half an hour, over midnight, over a whole day
CLOCK_CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Europe/London", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/St_Johns", date(2006, 10, 29)),
    ("America/Santiago", date(2026, 9, 6)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Chatham", date(2026, 4, 5)),
    ("Africa/Cairo", date(2026, 10, 30)),
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Tokyo", date(2026, 3, 29)),
]


@lru_cache
def minutes_of(zone: str, day: date) -> dict[datetime, list[datetime]]:
    """Which moments show a time on the wall, for the days around one."""
    shown: dict[datetime, list[datetime]] = {}
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=5)
    for _minute in range(10 * 24 * 60):
        wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        shown.setdefault(wall, []).append(moment)
        moment += MINUTE
    return shown


def at(shown: dict[datetime, list[datetime]], wall: datetime, *, is_end: bool) -> datetime:
    if wall in shown:
        return max(shown[wall]) if is_end else min(shown[wall])
    before, after = wall, wall
    while before not in shown:
        before -= MINUTE
    while after not in shown:
        after += MINUTE
    return shown[wall + (after - before - MINUTE)][0]


@settings(max_examples=150, deadline=None)
@given(
    change=st.sampled_from(CLOCK_CHANGES),
    start=st.integers(0, 24 * 60 - 1),
    length=st.integers(1, 26 * 60),
    interval=st.integers(1, 2),
)
def test_a_window_covers_the_minutes_that_the_clock_on_the_wall_says(
    change: tuple[str, date], start: int, length: int, interval: int
) -> None:
    zone, day = change
    shown = minutes_of(zone, day)
    first = datetime.fromisoformat(f"{day}T00:00") - timedelta(days=2) + start * MINUTE
    rule = f"FREQ=DAILY;INTERVAL={interval};COUNT={4 // interval}"
    schedule = Schedule(first, first + length * MINUTE, ZoneInfo(zone), rule)
    expected = []
    for number in range(4 // interval):
        wall = first + timedelta(days=number * interval)
        span = Span(at(shown, wall, is_end=False), at(shown, wall + length * MINUTE, is_end=True))
        if span.start < span.end:
            expected.append(span)
    far = timedelta(days=30)
    assert list(spans(schedule, min(min(shown.values())) - far, max(max(shown.values())) + far)) == expected


@pytest.mark.parametrize(
    ("day", "starts", "ends", "start", "end"),
    [
        pytest.param("2026-03-29", "02:30", "06:00", "01:30", "04:00", id="a start that does not exist"),
        pytest.param("2026-03-29", "01:00", "02:30", "00:00", "01:30", id="an end that does not exist"),
        pytest.param("2026-10-25", "02:30", "06:00", "00:30", "05:00", id="a start that comes twice is the first"),
        pytest.param("2026-10-25", "01:00", "02:30", "23:00", "01:30", id="an end that comes twice is the second"),
        pytest.param(
            "2026-10-25", "02:30", "02:30:01", "00:30", "01:30:01", id="a second of wall time, an hour long"
        ),
    ],
)
def test_start_and_end_are_resolved_each_for_itself(
    day: str, starts: str, ends: str, start: str, end: str
) -> None:
    schedule = Schedule(
        datetime.fromisoformat(f"{day}T{starts}"),
        datetime.fromisoformat(f"{day}T{ends}"),
        ZoneInfo("Europe/Berlin"),
    )
    (span,) = spans(schedule, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert (f"{span.start:%H:%M}", f"{span.end:%H:%M:%S}".removesuffix(":00")) == (start, end)


@pytest.mark.parametrize(
    ("rule", "stored"),
    [
        ("", ""),
        ("RRULE:freq=daily;count=3", "FREQ=DAILY;COUNT=3"),
        ("FREQ=DAILY;UNTIL=20260310", "FREQ=DAILY;UNTIL=20260310T235959"),
        ("FREQ=DAILY;UNTIL=20260310T120000Z", "FREQ=DAILY;UNTIL=20260310T130000"),
        ("FREQ=MONTHLY;BYDAY=-1SU;COUNT=12", "FREQ=MONTHLY;COUNT=12;BYDAY=-1SU"),
    ],
)
def test_a_rule_is_stored_in_one_form(rule: str, stored: str) -> None:
    assert check_schedule(schedule_with(rule)) == stored


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "must end"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260310", "either UNTIL"),
        ("FREQ=SECONDLY;COUNT=2", "once a day at most"),
        ("FREQ=HOURLY;UNTIL=20260310", "once a day at most"),
        ("FREQ=DAILY;BYHOUR=1,2,3;COUNT=2", "not known here"),
        ("FREQ=DAILY;BYSECOND=1;COUNT=2", "not known here"),
        ("COUNT=2", "FREQ must be"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be"),
        ("FREQ=DAILY;COUNT=9999999999", "COUNT must be"),
        ("FREQ=YEARLY;COUNT=60", "10 years"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=2", "INTERVAL must be"),
        ("FREQ=DAILY;UNTIL=20990101", "within 10 years"),
        ("FREQ=DAILY;UNTIL=20250101", "after the beginning"),
        ("FREQ=DAILY;UNTIL=20260399", "UNTIL must be"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", "no such day"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;UNTIL=20300101", "no such day"),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29;COUNT=9", "fewer than COUNT"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;INTERVAL=3;UNTIL=20270101", "never begin"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=3", "say WEEKLY"),
        ("FREQ=DAILY;BYSETPOS=2;COUNT=3", "for MONTHLY"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=20;COUNT=3", "does not go with"),
        ("FREQ=MONTHLY;BYDAY=9MO;COUNT=3", "days of the week"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=31;COUNT=3", "fewer than COUNT"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=3", "no 0"),
        ("FREQ=DAILY;FREQ=DAILY;COUNT=1", "given twice"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=1", "days of the week"),
        ("FREQ=WEEKLY;WKST=XX;COUNT=1", "no rule of RFC 5545"),
        ("FREQ=DAILY;COUNT=1\nRRULE:FREQ=DAILY", "value that can be read"),
        ("FREQ=DAILY;COUNT=1;" + "X" * 400, "longer than"),
    ],
)
def test_a_rule_is_refused_in_words_and_at_once(rule: str, words: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidSchedule, match=words) as refused:
        check_schedule(schedule_with(rule))
    assert refused.value.field == "rule"
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("ends", "rule", "words"),
    [
        ("2026-03-04T22:00", "", "ends before it begins"),
        ("2026-03-04T21:00", "", "ends before it begins"),
        ("2066-03-04T21:00", "", "at most 10 years"),
        ("2026-04-05T22:00:01", "FREQ=MONTHLY;COUNT=2", "at most 31 days"),
    ],
)
def test_an_end_is_refused_in_words(ends: str, rule: str, words: str) -> None:
    schedule = Schedule(TEN, datetime.fromisoformat(ends), ZoneInfo("Europe/Berlin"), rule)
    with pytest.raises(InvalidSchedule, match=words) as refused:
        check_schedule(schedule)
    assert refused.value.field == "ends"


def schedule_with(rule: str) -> Schedule:
    return Schedule(TEN, TEN + timedelta(hours=8), ZoneInfo("Europe/Berlin"), rule)
