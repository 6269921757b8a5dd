"""Windows from a calendar file, and the calendar file of windows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cameras.intent import InvalidIntent
from cameras.windows.ical import Entry, Event, UnreadableCalendar, read_calendar, write_calendar
from cameras.windows.intent import WindowValues, clean_window
from cameras.windows.models import Window
from cameras.windows.preview import next_occurrences
from cameras.windows.recurrence import FAR, spans, wall_time
from controlplane.access.principals import Principal
from controlplane.problems import FieldError

MAX_WINDOWS = 1_000
_NAMED = 3
_OF_EVENTS = ("starts", "ends", "zone", "rule", "reason")


class Read(NamedTuple):
    """The windows that a file asks for, and how many of its events are over."""

    values: list[WindowValues]
    over: int


def windows_in(text: str, given: Mapping[str, Any], *, now: datetime, zone: str = "") -> Read:
    """The windows of a file: each event one, with the action and what it is over as they are given.

    Times that name no zone are of this one, by default that of the site, or UTC. Raises InvalidIntent.
    """
    try:
        events = read_calendar(text)
    except UnreadableCalendar as error:
        raise InvalidIntent([FieldError("calendar", str(error))]) from None
    cleaned = [_cleaned(event, given, zone, now) for event in events]
    to_come = [values for values in cleaned if next_occurrences(values.schedule, now)]
    if not to_come:
        raise InvalidIntent([FieldError("calendar", "It holds no event that is to come.")])
    return Read(to_come, over=len(cleaned) - len(to_come))


def _cleaned(event: Event, given: Mapping[str, Any], zone: str, now: datetime) -> WindowValues:
    own = {
        "starts": event.starts.isoformat(),
        "ends": event.ends.isoformat(),
        "rule": event.rule,
        "reason": event.summary,
    }
    if event.zone or zone:
        own["zone"] = event.zone or zone
    try:
        return clean_window({**given, **own}, now=now)
    except InvalidIntent as error:
        raise InvalidIntent([_at_line(fault, event.line) for fault in error.errors]) from None


def _at_line(fault: FieldError, line: int) -> FieldError:
    if fault.field not in _OF_EVENTS:
        return fault
    name = "SUMMARY" if fault.field == "reason" else fault.field
    return FieldError("calendar", f"The event of line {line}: {name}: {fault.detail}", fault.code)


def calendar_of(principal: Principal, now: datetime) -> str:
    """The windows that the principal sees and that are not over, as a file; the newest, if there are too many."""
    visible = Window.objects.visible_to(principal).not_over(now)
    rows = visible.with_names(principal, _NAMED).order_by("-created_at", "pk")[:MAX_WINDOWS]
    return write_calendar(_entry(window, now) for window in rows)


def _entry(window: Any, now: datetime) -> Entry:
    schedule = window.schedule
    # A calendar takes DTSTART for the first occurrence, whatever the rule says of that day.
    first = next(spans(schedule, now - FAR, now + FAR), None)
    starts = wall_time(first.start, ZoneInfo(window.zone)) if first else schedule.starts
    return Entry(
        uid=str(window.pk),
        made_at=window.created_at,
        starts=starts,
        ends=starts + (schedule.ends - schedule.starts),
        zone=window.zone,
        rule=window.rule,
        summary=window.reason or str(window.get_action_display()),
        category=window.action,
        location=_place(window),
    )


def _place(window: Any) -> str:
    if window.is_everything:
        return "*"
    if window.site_id:
        return str(window.site.name)
    names = [row.camera.name for row in window.named]
    more = window.camera_count - len(names)
    return ", ".join(names) + (f" +{more}" if more > 0 else "")
