"""How available a camera or a site was: a page with a chart of days, a table, and the downtimes of a camera."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.timesince import timesince
from django.utils.translation import gettext

from cameras.admin.bars import bars, percent_text
from cameras.admin.editing import IntentAdmin
from cameras.admin.moments import age, exact, now_of
from cameras.models import Camera
from cameras.panels import Asked, Availability, Downtime, Uptime, availability_of_camera, availability_of_site
from controlplane.access.memberships import principal_of_user
from controlplane.problems import Problem

DAY = timedelta(days=1)
DAYS = (7, 30)
MONTHS_BACK = 13
DOWNTIMES_AT_MOST = 200
VIEW = "telemetry.view_sample"


class AvailabilityPages(IntentAdmin):
    """The page of one row."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.availability_view)
        name = f"cameras_{self.opts.model_name}_availability"
        return [path("<uuid:row_id>/availability/", view, name=name), *super().get_urls()]

    def availability_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """The last 7 or 30 days, or a month, in days of the site. Raises Problem 400 for what is none of these."""
        row = self.get_object(request, str(row_id))
        if row is None:
            raise self.nothing_at(request, str(row_id))
        if not self.has_view_permission(request, row) or not self.may(request, VIEW, row):
            raise PermissionDenied
        site = row.site if isinstance(row, Camera) else row
        zone, now = ZoneInfo(site.timezone if site else "UTC"), now_of(request)
        chosen, first, after = _range_of(request, now.astimezone(zone).date())
        asked = Asked(_midnight(first, zone), min(_midnight(after, zone), now), zone, now)
        found = self._read(request, row, asked)
        api = f"/{self.opts.model_name}s/{row.pk}/availability"
        query = {"from": f"{asked.start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{asked.end:%Y-%m-%dT%H:%M:%SZ}"}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": gettext("Availability"),
            "subtitle": str(row),
            "media": self.media,
            "tab": "availability",
            "row_url": reverse(f"admin:cameras_{self.opts.model_name}_change", args=[row.pk]),
            "is_site": not isinstance(row, Camera),
            "zone": zone.key,
            "ranges": _ranges(chosen, now.astimezone(zone).date()),
            "csv_url": f"{api}?{urlencode({**query, 'format': 'csv'})}",
            "found": found and _shown(found, zone, now),
        }
        return TemplateResponse(request, "admin/cameras/availability.html", context)

    def _read(self, request: HttpRequest, row: Any, asked: Asked) -> Availability | None:
        if isinstance(row, Camera):
            return availability_of_camera(row, asked)
        return availability_of_site(row.pk, principal_of_user(request.user).scope_for(VIEW), asked)


# --- Ranges -----------------------------------------------------------------------------------------------


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _range_of(request: HttpRequest, today: date) -> tuple[str, date, date]:
    """What was chosen, the first day, and the day after the last. Raises Problem 400."""
    month, days = request.GET.get("month"), request.GET.get("days", str(DAYS[-1]))
    if month is None:
        if days not in map(str, DAYS):
            raise Problem(400, gettext("days: Must be 7 or 30."))
        return days, today - (int(days) - 1) * DAY, today + DAY
    if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month) or month not in _months(today):
        raise Problem(400, gettext("month: Must be one of the last thirteen, such as 2026-03."))
    first = date.fromisoformat(f"{month}-01")
    return month, first, _next_month(first)


def _next_month(first: date) -> date:
    return (first + 31 * DAY).replace(day=1)


def _months(today: date) -> list[str]:
    """The present month and those before, for as long as changes are kept."""
    months, first = [], today.replace(day=1)
    for _ in range(MONTHS_BACK):
        months.append(f"{first:%Y-%m}")
        first = (first - DAY).replace(day=1)
    return months


def _ranges(chosen: str, today: date) -> list[dict[str, Any]]:
    """The links above the chart: days, and the present month and the one before, or those around the chosen."""
    months = _months(today)
    place = months.index(chosen) if chosen in months else 0
    shown = months[max(place - 1, 0) : place + 2]
    links = [(str(days), f"?days={days}", gettext("Last %(days)d days") % {"days": days}) for days in DAYS]
    links += [
        (month, f"?month={month}", date_format(date.fromisoformat(f"{month}-01"), "F Y"))
        for month in reversed(shown)
    ]
    return [{"url": url, "text": text, "is_chosen": value == chosen} for value, url, text in links]


# --- What is shown ----------------------------------------------------------------------------------------


def _shown(found: Availability, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    return {
        "total": _figures(found.total, now),
        "is_judged": found.total.percent is not None,
        "chart": bars([(f"{day:%Y-%m-%d}", uptime) for day, uptime in found.days]),
        "first": f"{found.days[0][0]:%Y-%m-%d}" if found.days else "",
        "last": f"{found.days[-1][0]:%Y-%m-%d}" if found.days else "",
        "days": [{"day": f"{day:%Y-%m-%d}", **_figures(uptime, now)} for day, uptime in reversed(found.days)],
        "downtimes": _downtimes(found.downtimes, zone, now),
        "downtime_count": len(found.downtimes),
    }


def _figures(uptime: Uptime, now: datetime) -> dict[str, str]:
    return {
        "percent": percent_text(uptime.percent),
        **{name: _duration(seconds, now) for name, seconds in uptime._asdict().items() if name != "percent"},
    }


def _duration(seconds: float, now: datetime) -> str:
    if not seconds:
        return "–"
    began = now - timedelta(seconds=seconds)
    return age(began, now) if seconds < 60 else timesince(began, now, depth=2)


def _downtimes(downtimes: Sequence[Downtime], zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    """The newest of them, newest first."""
    return [
        {
            "start": exact(each.start, zone),
            "end": exact(each.end, zone) if each.end else "",
            "lasted": _duration(each.seconds, now),
            "status": each.status,
            "reason": each.reason,
        }
        for each in reversed(downtimes[-DOWNTIMES_AT_MOST:])
    ]
