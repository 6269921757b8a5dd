"""Where the buckets of a place begin: its hours by its clock, its days, weeks and months by its calendar. Pure.

Minutes and quarters of an hour are the same everywhere. An hour begins whenever the clock shows a full one, in
India at half past in UTC, and whenever the clock is changed: one that comes twice is two buckets, and one that is
skipped is none. Days, weeks and months begin at the first instant of their first day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from telemetry.history.spans import DAY, EPOCH, HOUR, MINUTE, Grid, Span, ceil_to, floor_to

SECOND = timedelta(seconds=1)
WEEK = 7 * DAY


class Period(StrEnum):
    """A span of whole days of a calendar; a week is that of ISO 8601, from Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


BUCKETS: dict[str, timedelta | Period] = {
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "1h": HOUR,
    "1d": Period.DAY,
    "1w": Period.WEEK,
    "1mo": Period.MONTH,
}
# How short one may be; a clock that is put forward takes an hour from it.
SHORTEST = {Period.DAY: DAY - HOUR, Period.WEEK: WEEK - HOUR, Period.MONTH: 28 * DAY - HOUR}
LONGEST = {Period.DAY: DAY, Period.WEEK: WEEK, Period.MONTH: 31 * DAY}  # of the calendar


class Buckets(NamedTuple):
    """The buckets of one name in `BUCKETS` at a place in the time zone."""

    name: str
    zone: tzinfo

    @property
    def shortest(self) -> timedelta:
        """No range has more of them than its length divided by this, but for the two at its ends."""
        width = BUCKETS[self.name]
        return SHORTEST[width] if isinstance(width, Period) else width

    def start_of(self, moment: datetime) -> datetime:
        """When the bucket begins that a moment lies in."""
        width = BUCKETS[self.name]
        if isinstance(width, Period):
            return _start_of_period(width, moment, self.zone)
        return floor_to(moment, width) if width < HOUR else _start_of_hour(moment, self.zone)

    def end_from(self, moment: datetime) -> datetime:
        """The first end of a bucket that is not before a moment."""
        width = BUCKETS[self.name]
        if isinstance(width, timedelta) and width < HOUR:
            return ceil_to(moment, width)
        if self.start_of(moment) == moment:
            return moment
        if isinstance(width, Period):
            return _start_of_next_period(width, moment, self.zone)
        return _start_of_next_hour(moment, self.zone)

    def grids(self, span: Span) -> Iterator[tuple[Span, Grid]]:
        """The span in parts, each with its grid: several where the clock is changed within an hour."""
        width = BUCKETS[self.name]
        if isinstance(width, Period):
            yield span, Grid(None, edges=_starts_of_periods(width, span, self.zone))
        elif width < HOUR:
            yield span, Grid(width)
        else:
            for part in _parts_of_one_clock(span, self.zone):
                yield part, Grid(HOUR, origin=EPOCH + _past_the_hour(part.start, self.zone), start=part.start)


# --- Hours ------------------------------------------------------------------------------------------------


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _past_the_hour(moment: datetime, zone: tzinfo) -> timedelta:
    """By how much full hours of the clock come after those of UTC: 0 nearly everywhere."""
    return -_offset(moment, zone) % HOUR


def _start_of_hour(moment: datetime, zone: tzinfo) -> datetime:
    past = _past_the_hour(moment, zone)
    start = floor_to(moment - past, HOUR) + past
    return _change(start, moment, zone) or start


def _start_of_next_hour(moment: datetime, zone: tzinfo) -> datetime:
    past = _past_the_hour(moment, zone)
    following = floor_to(moment - past, HOUR) + past + HOUR
    return _change(moment, following, zone) or following


def _change(start: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """When the clock was changed after `start` and up to `end`; None where it was not."""
    before = _offset(start, zone)
    if _offset(end, zone) == before:
        return None
    start, end = floor_to(start, SECOND), ceil_to(end, SECOND)  # clocks are changed at whole seconds
    while end - start > SECOND:
        middle = floor_to(start + (end - start) / 2, SECOND)
        start, end = (middle, end) if _offset(middle, zone) == before else (start, middle)
    return end


def _parts_of_one_clock(span: Span, zone: tzinfo) -> Iterator[Span]:
    """The span, cut where the clock was changed otherwise than from one full hour to another."""
    start = at = span.start
    while at < span.end:
        following = min(at + WEEK, span.end)  # no clock was ever changed twice in a week
        changed = _change(at, following, zone)
        if changed and changed < span.end:
            begun = changed - _past_the_hour(start, zone)
            if floor_to(begun, HOUR) != begun or _past_the_hour(changed, zone) != _past_the_hour(start, zone):
                yield Span(start, changed)
                start = changed
        at = changed or following
    yield Span(start, span.end)


# --- Days, weeks and months -------------------------------------------------------------------------------


def _first_day(period: Period, day: date) -> date:
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - day.weekday() * DAY
        case Period.MONTH:
            return day.replace(day=1)


def _start_of_period(period: Period, moment: datetime, zone: tzinfo) -> datetime:
    return _first_instant(_first_day(period, moment.astimezone(zone).date()), zone)


def _start_of_next_period(period: Period, moment: datetime, zone: tzinfo) -> datetime:
    day = _first_day(period, moment.astimezone(zone).date())
    # Any day of the next period will do.
    start = _first_instant(_first_day(period, day + LONGEST[period]), zone)
    # A zone that crosses the date line skips a day of the calendar: its midnight is that of the day after.
    return start if start > moment else _start_of_next_period(period, moment + DAY, zone)


def _first_instant(day: date, zone: tzinfo) -> datetime:
    # Where midnight is skipped or comes twice, `fold=0` is the day's first instant.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _starts_of_periods(period: Period, span: Span, zone: tzinfo) -> list[datetime]:
    """The first instant of every period that a span touches, and that of the one after them."""
    starts = [_start_of_period(period, span.start, zone)]
    while starts[-1] < span.end:
        starts.append(_start_of_next_period(period, starts[-1], zone))
    return starts
