"""When a window occurs: wall times of one zone, once or by a rule (RFC 5545), as moments. Pure.

Start and end of each occurrence are resolved for themselves: a time that does not exist moves forward by the gap,
one that comes twice is the first as a start and the second as an end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

MAX_RULE = 300
MAX_YEARS = 10
MAX_DAYS_ONCE = 366 * MAX_YEARS
MAX_DAYS_REPEATED = 31
MAX_COUNT = 3_660
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST")
_VALUE = re.compile(r"[A-Z0-9,+-]+")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_WEEKDAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TWO_DAYS = timedelta(days=2)
# Who looks for the next occurrence looks no further ahead.
FAR = timedelta(days=2 * MAX_DAYS_ONCE)


class InvalidSchedule(ValueError):
    """Why a schedule is refused, in words; `field` is the one at fault: `starts`, `ends` or `rule`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class Span(NamedTuple):
    """A half-open interval, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """The first occurrence, in wall times without a zone, the zone, and a checked rule; an empty one is once."""

    starts: datetime
    ends: datetime
    zone: ZoneInfo
    rule: str = ""


def schedule_of(starts: str, ends: str, zone: str, rule: str) -> Schedule:
    """The schedule of a window, from its stored texts."""
    return Schedule(datetime.fromisoformat(starts), datetime.fromisoformat(ends), ZoneInfo(zone), rule)


def spans(schedule: Schedule, after: datetime, until: datetime) -> Iterator[Span]:
    """The occurrences that end after one moment and start before another, by their start.

    One that comes to nothing, because the clock jumps over it, is left out.
    """
    length = schedule.ends - schedule.starts
    for wall in _walls(schedule, after, until, length):
        span = Span(_moment(wall, schedule.zone, is_end=False), _moment(wall + length, schedule.zone, is_end=True))
        if span.start < span.end and after < span.end and span.start < until:
            yield span


def check_schedule(schedule: Schedule) -> str:
    """The rule in its stored form. Raises InvalidSchedule."""
    if schedule.ends <= schedule.starts:
        raise InvalidSchedule("ends", "The window ends before it begins, or at once.")
    length = schedule.ends - schedule.starts
    if not schedule.rule.strip():
        if length > timedelta(days=MAX_DAYS_ONCE):
            raise InvalidSchedule("ends", f"A window lasts at most {MAX_YEARS} years.")
        rule = ""
    else:
        if length > timedelta(days=MAX_DAYS_REPEATED):
            raise InvalidSchedule(
                "ends", f"A window that repeats lasts at most {MAX_DAYS_REPEATED} days each time."
            )
        rule = _check_rule(schedule)
    found = Schedule(schedule.starts, schedule.ends, schedule.zone, rule)
    if next(spans(found, _FIRST, _LAST), None) is None:
        raise InvalidSchedule("rule" if rule else "ends", "There is no such time: the window would never begin.")
    return rule


def wall_time(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks of the zone show, without the zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _moment(wall: datetime, zone: ZoneInfo, *, is_end: bool) -> datetime:
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    # Where a time comes twice the clock is set back, so its first offset is the greater one. In a gap it is the
    # other way round, and the first offset is that of before: it moves the time forward by the gap.
    comes_twice = (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())
    return (second if is_end and comes_twice else first).astimezone(UTC)


_FIRST, _LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 28, tzinfo=UTC)


def _walls(schedule: Schedule, after: datetime, until: datetime, length: timedelta) -> Iterator[datetime]:
    if not schedule.rule:
        yield schedule.starts
        return
    # A zone is never two days away from UTC, not even where it jumps over the date line.
    earliest = max(after, _FIRST + length).replace(tzinfo=None) - length - _TWO_DAYS
    latest = min(until, _LAST).replace(tzinfo=None) + _TWO_DAYS
    for wall in rrulestr(schedule.rule, dtstart=schedule.starts):
        if wall > latest:
            return
        if wall >= earliest:
            yield wall


def _check_rule(schedule: Schedule) -> str:
    parts = _parts_of(schedule.rule)
    frequency = parts.get("FREQ", "")
    if frequency not in _FREQUENCIES:
        raise InvalidSchedule(
            "rule", "FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY: a window begins once a day at most."
        )
    _check_number(parts, "INTERVAL", 999)
    _check_number(parts, "COUNT", MAX_COUNT)
    _check_days(parts)
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise InvalidSchedule("rule", "A rule must end: give either UNTIL, e.g. UNTIL=20271231T235959, or COUNT.")
    last = schedule.starts + timedelta(days=MAX_DAYS_ONCE)
    if "UNTIL" in parts:
        until = _until(parts["UNTIL"], schedule.zone)
        if not schedule.starts <= until <= last:
            raise InvalidSchedule("rule", f"UNTIL must lie after the beginning, within {MAX_YEARS} years.")
        parts["UNTIL"] = f"{until:%Y%m%dT%H%M%S}"
    rule = ";".join(f"{name}={parts[name]}" for name in _PARTS if name in parts)
    try:
        for wall in _bounded(rule, schedule.starts, last):
            if wall > last:
                raise InvalidSchedule("rule", f"With this COUNT it ends after more than {MAX_YEARS} years.")
    except InvalidSchedule:
        raise
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise InvalidSchedule("rule", "Is no rule of RFC 5545, e.g. FREQ=WEEKLY;BYDAY=SU;COUNT=52.") from None
    return rule


def _bounded(rule: str, starts: datetime, last: datetime) -> Iterator[datetime]:
    """The wall times of a rule up to the first after `last`: one that names no day is not looked for for ever."""
    if "UNTIL=" not in rule:
        rule += f";UNTIL={last + timedelta(days=366):%Y%m%dT%H%M%S}"
        count = int(rule.partition("COUNT=")[2].partition(";")[0])
        rule = re.sub(r"COUNT=\d+;", "", rule)
        found = 0
        for found, wall in enumerate(rrulestr(rule, dtstart=starts), 1):
            yield wall
            if found == count:
                return
        if found < count:
            raise InvalidSchedule("rule", f"There are fewer than COUNT such days within {MAX_YEARS} years.")
        return
    yield from rrulestr(rule, dtstart=starts)


def _parts_of(text: str) -> dict[str, str]:
    text = text.strip().upper().removeprefix("RRULE:").rstrip(";")
    if len(text) > MAX_RULE:
        raise InvalidSchedule("rule", f"Is longer than {MAX_RULE} characters.")
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if name not in _PARTS:
            allowed = ", ".join(_PARTS)
            raise InvalidSchedule("rule", f"Holds a part that is not known here. Known are {allowed}.")
        if name in parts or not equals or not _VALUE.fullmatch(value):
            raise InvalidSchedule("rule", f"{name} is given twice, or has no value that can be read.")
        parts[name] = value
    return parts


def _check_number(parts: dict[str, str], name: str, most: int) -> None:
    value = parts.get(name, "1")
    if not value.isascii() or not value.isdecimal() or len(value) > 6 or not 1 <= int(value) <= most:
        raise InvalidSchedule("rule", f"{name} must be a whole number from 1 to {most:,}.")


def _check_days(parts: dict[str, str]) -> None:
    """dateutil looks for a day that never comes until the year 9999, so such rules do not reach it."""
    months = _numbers(parts, "BYMONTH", 12) or list(range(1, 13))
    days = _numbers(parts, "BYMONTHDAY", 31)
    positions = _numbers(parts, "BYSETPOS", 31)
    weekdays = [_WEEKDAY.fullmatch(day) for day in parts.get("BYDAY", "").split(",") if day]
    is_short = parts["FREQ"] in ("DAILY", "WEEKLY")
    if not all(weekdays):
        raise InvalidSchedule("rule", "BYDAY must be days of the week, e.g. MO,WE or 1SU or -1SU.")
    is_counted = any(day[1] for day in weekdays if day)
    if min(months) < 1 or 0 in days or 0 in positions:
        raise InvalidSchedule("rule", "BYMONTH, BYMONTHDAY and BYSETPOS begin with 1; there is no 0.")
    if days and not any(abs(day) <= _LONGEST[month - 1] for day in days for month in months):
        raise InvalidSchedule("rule", "There is no such day in these months: the window would never begin.")
    if is_short and (positions or is_counted):
        raise InvalidSchedule("rule", "BYSETPOS and numbers in BYDAY are for MONTHLY and YEARLY.")
    if days and (is_counted or parts["FREQ"] == "WEEKLY"):
        raise InvalidSchedule("rule", "BYMONTHDAY does not go with WEEKLY, nor with numbers in BYDAY.")
    if (
        parts["FREQ"] == "DAILY"
        and int(parts.get("INTERVAL", "1")) > 1
        and ("BYDAY" in parts or days or len(months) < 12)
    ):
        raise InvalidSchedule(
            "rule", "DAILY with an INTERVAL takes no BYDAY, BYMONTHDAY or BYMONTH: say WEEKLY or MONTHLY."
        )


def _numbers(parts: dict[str, str], name: str, most: int) -> list[int]:
    texts = parts[name].split(",") if name in parts else []
    if not all(re.fullmatch(r"[+-]?\d{1,2}", text) and abs(int(text)) <= most for text in texts):
        raise InvalidSchedule("rule", f"{name} must be whole numbers up to {most}.")
    return [int(text) for text in texts]


def _until(text: str, zone: ZoneInfo) -> datetime:
    match = _UNTIL.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        until = datetime.fromisoformat(f"{match[1]}T{match[2] or '235959'}")
        return wall_time(until.replace(tzinfo=UTC), zone) if match[3] else until
    except (ValueError, OverflowError):
        raise InvalidSchedule(
            "rule", "UNTIL must be a date or a time, e.g. 20271231 or 20271231T235959."
        ) from None
