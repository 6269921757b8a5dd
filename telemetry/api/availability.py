"""How available cameras were, over REST: of a camera, of a site, of all that a principal may see."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, NoReturn

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cameras.api import parameters
from cameras.api.answers import StrictViewSet, json_answer
from cameras.models import Camera, Site
from controlplane.negotiation import WhateverAcceptSays
from controlplane.problem_types import ErrorCode
from controlplane.time_ranges import read_range
from telemetry.api import availability_operations
from telemetry.api.availability_operations import DEFAULT_DAYS, MAX_DAYS, FleetAvailability
from telemetry.api.formats import csv_answer, wants_csv
from telemetry.api.timezones import timezone_of
from telemetry.availability.reports import (
    MAX_TRANSITIONS,
    Report,
    TooManyTransitions,
    report_of,
    report_with_downtimes,
)
from telemetry.availability.rule import Downtime
from telemetry.availability.stays import Subject, of_camera, of_fleet, of_site
from telemetry.availability.sums import Totals
from telemetry.history.spans import DAY, Span

MAX_DOWNTIMES = 10_000
COLUMNS = ("date", "start", "up_seconds", "down_seconds", "left_out_seconds", "unknown_seconds", "percent")


@extend_schema(tags=["telemetry"])
class AvailabilityViewSet(StrictViewSet):
    """Transitions added up."""

    queryset = Camera.objects.all()
    serializer_class = FleetAvailability
    content_negotiation_class = WhateverAcceptSays  # see `formats.wants_csv`: `format` comes before Accept
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    required_permissions = dict.fromkeys(("of_camera", "of_site", "of_fleet"), "telemetry.view_sample")
    query_parameters = dict.fromkeys(required_permissions, ("from", "to", "timezone", "format"))

    @property
    def default_response_headers(self) -> dict[str, str]:
        """DRF's, and Vary: Accept, because every answer may be JSON or CSV."""
        return {**super().default_response_headers, "Vary": "Accept"}

    @availability_operations.READ_OF_CAMERA
    def of_camera(self, request: Request, id: str) -> HttpResponseBase:
        """For how long a camera was up, down and not judged, in total and by day, and when it was down."""
        query, in_csv = request.query_params, wants_csv(request)
        camera = self.find_camera(parameters.id_in_path(id), Camera.objects.select_related("site"))
        span, timezone = _span(query, self.now), timezone_of(query, camera.site)
        try:
            report, downtimes = report_with_downtimes(of_camera(camera), span, timezone, self.now)
        except TooManyTransitions:
            _refuse_range(f"{MAX_TRANSITIONS:,} changes of status")
        if in_csv:
            return _table(request, report)
        if len(downtimes) > MAX_DOWNTIMES:
            _refuse_range(f"{MAX_DOWNTIMES:,} downtimes")
        shown = [_downtime(each) for each in downtimes]
        return json_answer({"camera_id": camera.pk, **_shown(report, timezone), "downtimes": shown})

    @availability_operations.READ_OF_SITE
    def of_site(self, request: Request, id: str) -> HttpResponseBase:
        """For how long the cameras of a site were up, down and not judged while they stood there, added up."""
        in_csv = wants_csv(request)
        site = self.find_site(parameters.id_in_path(id))
        return self._report(request, of_site(site.pk, self.scope), site, {"site_id": site.pk}, in_csv=in_csv)

    @availability_operations.READ_OF_FLEET
    def of_fleet(self, request: Request) -> HttpResponseBase:
        """For how long all cameras that one may see were up, down and not judged, added up."""
        return self._report(request, of_fleet(self.scope), None, {}, in_csv=wants_csv(request))

    def _report(
        self, request: Request, subject: Subject, site: Site | None, named: Mapping[str, Any], *, in_csv: bool
    ) -> HttpResponseBase:
        query = request.query_params
        span, timezone = _span(query, self.now), timezone_of(query, site)
        try:
            report = report_of(subject, span, timezone, self.now)
        except TooManyTransitions:
            _refuse_range(f"{MAX_TRANSITIONS:,} changes of status")
        return _table(request, report) if in_csv else json_answer({**named, **_shown(report, timezone)})


def _span(query: Mapping[str, str], now: datetime) -> Span:
    """The range that is asked for, up to now. Raises Problem 400."""
    asked_from, asked_to = read_range(query)
    end = asked_to or now
    start = asked_from or end - DEFAULT_DAYS * DAY
    if end - start > MAX_DAYS * DAY:
        parameters.refuse("from", f"Must be at most {MAX_DAYS} days before the end.", ErrorCode.TOO_LARGE)
    if start >= end:
        parameters.refuse("from", "Must be earlier than the end, which is now unless `to` is given.")
    return Span(min(start, now), min(end, now))


def _refuse_range(what: str) -> NoReturn:
    parameters.refuse("from", f"This range has over {what}: take a shorter one.", ErrorCode.TOO_LARGE)


# --- What is answered -------------------------------------------------------------------------------------


def _shown(report: Report, timezone: tzinfo) -> dict[str, Any]:
    return {
        "start": report.span.start,
        "end": report.span.end,
        "timezone": str(timezone),
        **_figures(report.totals),
        "days": [{"date": day.day.isoformat(), "start": day.start, **_figures(day.totals)} for day in report.days],
    }


def _figures(totals: Totals) -> dict[str, float | None]:
    seconds = {f"{name}_seconds": each.total_seconds() for name, each in totals._asdict().items()}
    return {**seconds, "percent": totals.percent}


def _downtime(downtime: Downtime) -> dict[str, Any]:
    return {
        "start": downtime.start,
        "end": None if downtime.is_lasting else downtime.end,
        "seconds": (downtime.end - downtime.start).total_seconds(),
        "status": downtime.status,
        "reason": downtime.reason,
    }


def _table(request: Request, report: Report) -> HttpResponseBase:
    rows = ((day.day, day.start, *_figures(day.totals).values()) for day in report.days)
    return csv_answer(request, "availability", COLUMNS, rows)
