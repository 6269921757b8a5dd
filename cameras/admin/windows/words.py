"""How windows are worded in the admin: what they are over, how they repeat, what they will do."""

from collections.abc import Collection, Iterable
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from cameras.admin.moments import clock
from cameras.models import Camera
from cameras.windows.cover import Cover, covers_of
from cameras.windows.models import Occurrence, Window, WindowAction
from cameras.windows.preview import Touched
from cameras.windows.recurrence import Span
from cameras.windows.repeats import Repeats, read_rule
from controlplane.access.time_zones import own_zone, present_zone

NAMED_AT_MOST = 3


def over_in_words(window: Any) -> str:
    """What a window is over, for one with its `site`, the first of its cameras as `named`, and `camera_count`."""
    if window.is_everything:
        return gettext("Everything")
    if window.site_id:
        return format_html(gettext("Site {}"), format_html("<bdi>{}</bdi>", window.site.name))
    if not window.named:
        return gettext("No camera that you see")
    names = format_html_join(", ", "<bdi>{}</bdi>", ((row.camera.name,) for row in window.named))
    more = window.camera_count - len(window.named)
    return format_html(gettext("{} and {} more"), names, more) if more > 0 else names


def rule_in_words(rule: str) -> str:
    repeats, last_day = read_rule(rule)
    if repeats == Repeats.OWN:
        return rule
    if last_day is None:
        return str(repeats.label)
    return gettext("%(how)s, until %(day)s") % {"how": repeats.label, "day": last_day.isoformat()}


def zone_of_window(window: Window) -> ZoneInfo:
    """That of the person who asks, else the window's own."""
    return own_zone() or ZoneInfo(window.zone)


def shared_zone(cameras: Iterable[Camera]) -> str:
    """The zone of cameras at one site, or at several of one zone; else that of the person who asks."""
    zones = {camera.site.timezone if camera.site else present_zone() for camera in cameras}
    return zones.pop() if len(zones) == 1 else present_zone()


def day_and_time(wall: datetime) -> str:
    """A wall time with the day of the week."""
    return date_format(wall, "D Y-m-d H:i")


def span_in_words(span: Span, zone: tzinfo) -> str:
    start, end = span.start.astimezone(zone), span.end.astimezone(zone)
    until = f"{end:%H:%M %Z}" if start.date() == end.date() else f"{day_and_time(end)} {end:%Z}"
    return f"{day_and_time(start)} – {until}"


def preview_context(action: str, spans: Collection[Span], touched: Touched, zone: tzinfo) -> dict[str, Any]:
    """What a window will do, for `preview.html`."""
    return {
        "spans": [span_in_words(span, zone) for span in spans],
        "is_stop": action == WindowAction.STOP,
        "camera_count": touched.camera_count,
        "running_count": touched.running_count,
        "named": [(name, "") for _camera_id, name in touched.named],
        "more": touched.running_count - len(touched.named),
    }


def until_url(action: str, **named: object) -> str:
    """The page that asks until when to stop or mute: a `site`, or cameras by `ids`."""
    query = {name: str(value) for name, value in named.items()}
    return reverse("admin:windows_window_until", args=[action], query=query)


# --- On cameras -------------------------------------------------------------------------------------------


def mark(cameras: Collection[Any], now: datetime) -> None:
    """Set `cover` on each camera, for `marks_of`; two queries at most for all."""
    covers = covers_of([(camera.pk, camera.site_id) for camera in cameras], now)
    for camera in cameras:
        camera.cover = covers.get(camera.pk, Cover(None, None))


def marks_of(camera: Any, now: datetime, zone: tzinfo) -> list[dict[str, str]]:
    """What windows do to a camera that `mark` has seen: the words, why, and the address of the window."""
    words = (
        (camera.cover.held_by, gettext("Stopped by a window until %(when)s")),
        (camera.cover.muted_by, gettext("Muted until %(when)s")),
    )
    return [_mark(occurrence, text, now, zone) for occurrence, text in words if occurrence]


def mark_in_line(one: dict[str, str]) -> SafeString:
    """A mark as the lists show it."""
    words = (
        format_html('<a class="cp-link" href="{}">{}</a>', one["url"], one["words"])
        if one["url"]
        else one["words"]
    )
    return format_html("{}: <bdi>{}</bdi>", words, one["why"]) if one["why"] else format_html("{}", words)


def _mark(occurrence: Occurrence, text: str, now: datetime, zone: tzinfo) -> dict[str, str]:
    url = reverse("admin:windows_window_change", args=[occurrence.window_id]) if occurrence.window_id else ""
    return {
        "action": occurrence.action,
        "words": text % {"when": clock(occurrence.ends_at, now, zone)},
        "why": occurrence.reason,
        "url": url,
    }
