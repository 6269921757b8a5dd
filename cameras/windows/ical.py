"""iCalendar (RFC 5545): the events of a file as they are written there, and windows as such a file. Pure.

The reader is strict: what a window cannot say is refused with its line. What is no event is left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cameras.rules import TIME_ZONES

MAX_BYTES = 256 * 1024
MAX_EVENTS = 100
_NAME = r"[A-Za-z0-9-]+"
_VALUE = r'(?:"[^"]*"|[^";:,]*)'
_LINE = re.compile(rf"({_NAME})((?:;{_NAME}={_VALUE}(?:,{_VALUE})*)*):(.*)", re.DOTALL)
_PARAMETER = re.compile(rf";({_NAME})=({_VALUE})")
_TIME = re.compile(r"(\d{8})(?:T(\d{6})(Z)?)?")
_DURATION = re.compile(r"\+?P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)")
_UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6})(?!Z)")
_READ = ("DTSTART", "DTEND", "DURATION", "RRULE", "SUMMARY", "STATUS")
# A window that leaves days out, or has others, cannot be said by one rule.
_REFUSED = ("RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID")


class UnreadableCalendar(ValueError):
    """Why a file is refused, in words, with the number of its line."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"Line {line}: {detail}" if line else detail)


class Event(NamedTuple):
    """One event: wall times without an offset, in a zone, or in none that is named (""); where it begins."""

    line: int
    starts: datetime
    ends: datetime
    zone: str
    rule: str
    summary: str


class Entry(NamedTuple):
    """A window as an event to write."""

    uid: str
    made_at: datetime
    starts: datetime
    ends: datetime
    zone: str
    rule: str
    summary: str
    category: str
    location: str


class _Property(NamedTuple):
    line: int
    name: str
    parameters: Mapping[str, str]
    value: str


class _Time(NamedTuple):
    wall: datetime
    zone: str
    is_day: bool


# --- Reading ----------------------------------------------------------------------------------------------


def read_calendar(text: str) -> list[Event]:
    """The events of a file that are not cancelled, in its order. Raises UnreadableCalendar."""
    if len(text.encode()) > MAX_BYTES:
        raise UnreadableCalendar(0, f"It is larger than {MAX_BYTES // 1024} KiB.")
    events: list[Event] = []
    open_: list[tuple[str, int]] = []
    held: dict[str, _Property] = {}
    for each in _properties(text):
        if each.name == "BEGIN":
            open_.append((each.value.upper(), each.line))
            if open_[0][0] != "VCALENDAR":
                raise UnreadableCalendar(each.line, "It does not begin with BEGIN:VCALENDAR.")
            held = {} if len(open_) == 2 else held
        elif not open_:
            raise UnreadableCalendar(each.line, "It does not begin with BEGIN:VCALENDAR.")
        elif each.name == "END":
            name, line = open_.pop()
            if name != each.value.upper():
                raise UnreadableCalendar(each.line, f"END does not match the BEGIN of line {line}.")
            if name == "VEVENT" and len(open_) == 1:
                events += _event(line, held)
                if len(events) > MAX_EVENTS:
                    raise UnreadableCalendar(line, f"It holds more than {MAX_EVENTS} events.")
        elif len(open_) == 2 and open_[1][0] == "VEVENT":
            _hold(each, held)
    if open_:
        raise UnreadableCalendar(open_[-1][1], "Its END is missing: the file is cut off.")
    return events


def _properties(text: str) -> Iterator[_Property]:
    number, first, whole = 0, 0, ""
    for line in [*text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), ""]:
        number += 1
        if line[:1] in (" ", "\t"):
            whole += line[1:]  # a line that is folded goes on
            continue
        if whole:
            match = _LINE.fullmatch(whole)
            if match is None:
                raise UnreadableCalendar(first, "Is no line of iCalendar, as BEGIN:VCALENDAR is one.")
            parameters = {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(match[2])}
            yield _Property(first, match[1].upper(), parameters, match[3])
        first, whole = number, line


def _hold(each: _Property, held: dict[str, _Property]) -> None:
    if each.name in _REFUSED:
        raise UnreadableCalendar(each.line, f"{each.name} is not taken: a window repeats by one rule.")
    if each.name in _READ:
        if each.name in held:
            raise UnreadableCalendar(each.line, f"{each.name} is given twice.")
        held[each.name] = each


def _event(line: int, held: Mapping[str, _Property]) -> list[Event]:
    if "STATUS" in held and held["STATUS"].value.upper() == "CANCELLED":
        return []
    if "DTSTART" not in held:
        raise UnreadableCalendar(line, "The event has no DTSTART.")
    start = _time(held["DTSTART"])
    ends = _end(start, line, held)
    if ends <= start.wall:
        raise UnreadableCalendar(line, "The event ends before it begins, or at once.")
    rule = held["RRULE"].value if "RRULE" in held else ""
    summary = _plain(held["SUMMARY"].value) if "SUMMARY" in held else ""
    return [Event(line, start.wall, ends, start.zone, rule, summary)]


def _end(start: _Time, line: int, held: Mapping[str, _Property]) -> datetime:
    if "DTEND" in held and "DURATION" in held:
        raise UnreadableCalendar(held["DURATION"].line, "DTEND and DURATION do not go together.")
    try:
        if "DURATION" in held:
            return start.wall + _duration(held["DURATION"])
        if "DTEND" not in held:
            if start.is_day:
                return start.wall + timedelta(days=1)
            raise UnreadableCalendar(line, "The event has neither DTEND nor DURATION.")
        end = _time(held["DTEND"])
        if end.is_day != start.is_day or bool(end.zone) != bool(start.zone):
            raise UnreadableCalendar(held["DTEND"].line, "DTEND is not of the kind of DTSTART.")
        if end.zone == start.zone:
            return end.wall
        there = end.wall.replace(tzinfo=ZoneInfo(end.zone)).astimezone(ZoneInfo(start.zone))
        return there.replace(tzinfo=None, fold=0)
    except OverflowError:
        raise UnreadableCalendar(line, "The event ends after all times.") from None


def _time(given: _Property) -> _Time:
    match, zone = _TIME.fullmatch(given.value), given.parameters.get("TZID", "").removeprefix("/")
    try:
        if match is None or (match[3] and zone):
            raise ValueError
        wall = datetime.fromisoformat(f"{match[1]}T{match[2] or '000000'}")
    except ValueError:
        words = f"{given.name} must be as 20261130, 20261130T220000 or 20261130T210000Z."
        raise UnreadableCalendar(given.line, words) from None
    if zone and zone not in TIME_ZONES:
        raise UnreadableCalendar(given.line, "TZID must be the IANA name of a time zone, e.g. Europe/Berlin.")
    return _Time(wall, "UTC" if match[3] else zone, is_day=not match[2])


def _duration(given: _Property) -> timedelta:
    match = _DURATION.fullmatch(given.value.upper())
    if match is None or not any(match.groups()) or given.value.upper().endswith("T"):
        raise UnreadableCalendar(given.line, "DURATION must be as PT8H, P1DT2H30M or P2W.")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _plain(text: str) -> str:
    """Without escapes, in one line."""
    return " ".join(re.sub(r"\\(.)", lambda found: " " if found[1] in "nN" else found[1], text).split())


# --- Writing ----------------------------------------------------------------------------------------------


def write_calendar(entries: Iterable[Entry]) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Control plane//Windows//EN"]
    for entry in entries:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{entry.uid}",
            f"DTSTAMP:{entry.made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            f"DTSTART{_written(entry.starts, entry.zone)}",
            f"DTEND{_written(entry.ends, entry.zone)}",
            *([f"RRULE:{_rule(entry)}"] if entry.rule else []),
            f"SUMMARY:{_escaped(entry.summary)}",
            f"CATEGORIES:{_escaped(entry.category)}",
            f"LOCATION:{_escaped(entry.location)}",
            "END:VEVENT",
        ]
    return "".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _written(wall: datetime, zone: str) -> str:
    return f":{wall:%Y%m%dT%H%M%S}Z" if zone == "UTC" else f";TZID={zone}:{wall:%Y%m%dT%H%M%S}"


def _rule(entry: Entry) -> str:
    """With UNTIL in UTC, as it must be where DTSTART names a zone."""

    def in_utc(found: re.Match[str]) -> str:
        wall = datetime.fromisoformat(found[1]).replace(tzinfo=ZoneInfo(entry.zone))
        return f"UNTIL={wall.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    return _UNTIL.sub(in_utc, entry.rule)


def _escaped(text: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", text).replace("\n", "\\n")


def _folded(line: str) -> str:
    """At most 75 bytes a line (RFC 5545, 3.1), and no character in two parts."""
    parts, size = [""], 0
    for character in line:
        more = len(character.encode())
        if size + more > 75:
            parts.append(" ")
            size = 1
        parts[-1] += character
        size += more
    return "".join(f"{part}\r\n" for part in parts)
