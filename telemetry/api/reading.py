"""Reading telemetry over REST: samples, buckets, silences, and the latest of all."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from cameras.api import parameters
from cameras.api.answers import StrictViewSet, array_chunks, json_answer, streamed_answer
from cameras.models import Camera
from controlplane.encoding import moment_text
from controlplane.negotiation import WhateverAcceptSays
from controlplane.problem_types import QUERY_TOO_SLOW, ErrorCode
from controlplane.problems import Problem
from controlplane.time_ranges import read_range
from telemetry.api import operations
from telemetry.api.formats import csv_answer, wants_csv
from telemetry.api.operations import DEFAULT_LIMIT, MAX_LIMIT
from telemetry.api.serializers import Series
from telemetry.api.timezones import timezone_of
from telemetry.history.calendars import BUCKETS
from telemetry.history.gaps import Gap, gaps_of
from telemetry.history.series import (
    Point,
    SeriesQuery,
    SitePoint,
    TooManyPoints,
    TooSlow,
    knows_zone,
    points_of,
    site_points_of,
    snapshot,
)
from telemetry.history.summaries import validity_of
from telemetry.models import Sample
from telemetry.querysets import SampleQuerySet

RETRY_SLOW_AFTER_SECONDS = 30
SAMPLE = ("timestamp", "zone", "occupancy", "confidence")
LATEST = ("camera_id", "timestamp", "occupancy", "confidence", "last_contact")
LATEST_COLUMNS = ("pk", *(f"vitals__latest_{name}" for name in LATEST[1:4]), "vitals__last_contact")
LATEST_AT_ONCE = 2_000


class SamplePosition(msgspec.Struct, array_like=True):
    """Where a page of samples ended."""

    timestamp: datetime
    zone: str


class ReadingViewSet(StrictViewSet):
    """What workers reported, as people and programs read it."""

    queryset = Sample.objects.all()
    serializer_class = Series
    content_negotiation_class = WhateverAcceptSays  # see `formats.wants_csv`: `format` comes before Accept
    lookup_field = "camera_id"
    lookup_value_regex = "[^/]+"
    required_permissions = dict.fromkeys(("retrieve", "latest", "gaps", "occupancy"), "telemetry.view_sample")
    query_parameters = {
        "retrieve": ("from", "to", "zone", "bucket", "timezone", "limit", "cursor", "format"),
        "latest": ("format",),
        "gaps": ("from", "to", "format"),
        "occupancy": ("from", "to", "zone", "bucket", "timezone", "format"),
    }

    @property
    def default_response_headers(self) -> dict[str, str]:
        """DRF's, and Vary: Accept, because every answer may be JSON or CSV."""
        return {**super().default_response_headers, "Vary": "Accept"}

    @operations.READ_SAMPLES
    def retrieve(self, request: Request, camera_id: str) -> HttpResponseBase:
        """Samples of a camera, oldest first, in pages (as CSV all of them); with `bucket`, points of them."""
        query, in_csv, now = request.query_params, wants_csv(request), timezone.now()
        camera = self._camera(camera_id)
        start, end = read_range(query)
        zone = _zone(query, {camera.pk: validity_of(camera.expected_interval_seconds)})
        bucket = parameters.one_of(query, "bucket", None, BUCKETS)
        for name in ("limit", "cursor"):
            if name in query and (bucket or in_csv):
                parameters.refuse(name, "Is for samples in JSON; all else comes as a whole.")
        timezone_of_buckets = timezone_of(query, camera.site)
        if bucket:
            series_query = SeriesQuery(bucket, start, end, zone or "", timezone_of_buckets, now)
            with _bounded():
                points = points_of(camera.pk, validity_of(camera.expected_interval_seconds), series_query)
            if in_csv:
                return _points_table(request, "series", Point, points, timezone_of_buckets)
            return json_answer({"camera_id": camera.pk, "bucket": bucket, "points": points})
        if "timezone" in query:
            parameters.refuse("timezone", "Is for points: name their `bucket`.")
        samples = Sample.objects.of_camera(camera.pk).between(start, end)
        if zone is not None:
            samples = samples.of_zone(zone)
        if in_csv:
            return csv_answer(request, "samples", SAMPLE, _all_samples(samples))
        return json_answer(_page(camera.pk, samples, query))

    @operations.LIST_LATEST
    def latest(self, request: Request) -> HttpResponseBase:
        """The newest whole-frame sample of every camera that the principal may see, and its last contact."""
        rows = Camera.objects.within(self.scope).order_by("pk").values_list(*LATEST_COLUMNS)
        if wants_csv(request):
            return csv_answer(request, "latest", LATEST, (row for page in _pages_by_id(rows) for row in page))
        pages = (([_latest_item(row) for row in page], None) for page in _pages_by_id(rows))
        return streamed_answer(request, array_chunks(pages))

    @operations.LIST_GAPS
    def gaps(self, request: Request, camera_id: str) -> HttpResponseBase:
        """The silences of a camera: when none of its samples holds any more, after three expected intervals."""
        camera = self._camera(camera_id)
        start, end = read_range(request.query_params)
        with _bounded("from"):
            gaps = gaps_of(
                camera.pk, validity_of(camera.expected_interval_seconds), start, end, now=timezone.now()
            )
        if wants_csv(request):
            return csv_answer(request, "gaps", Gap.__struct_fields__, map(msgspec.structs.astuple, gaps))
        return json_answer({"camera_id": camera.pk, "gaps": gaps})

    @operations.READ_OCCUPANCY
    def occupancy(self, request: Request, id: str) -> HttpResponseBase:
        """The cameras of a site added up: in each bucket the sum of their averages, weighted by time."""
        query, now = request.query_params, timezone.now()
        site = self.find_site(parameters.id_in_path(id))
        for name in ("from", "bucket"):
            if name not in query:
                parameters.refuse(name, "Is required.", ErrorCode.REQUIRED)
        cameras = Camera.objects.within(self.scope).filter(site=site)
        intervals = cameras.values_list("pk", "expected_interval_seconds")
        validities = {camera_id: validity_of(seconds) for camera_id, seconds in intervals}
        bucket = parameters.one_of(query, "bucket", None, BUCKETS) or ""
        timezone_of_buckets = timezone_of(query, site)
        series_query = SeriesQuery(
            bucket, *read_range(query), _zone(query, validities) or "", timezone_of_buckets, now
        )
        with _bounded():
            points = site_points_of(validities, series_query)
        if wants_csv(request):
            return _points_table(request, "occupancy", SitePoint, points, timezone_of_buckets)
        return json_answer({"site_id": site.pk, "bucket": bucket, "points": points})

    def _camera(self, camera_id: str) -> Camera:
        found = parameters.id_in_path(camera_id, "camera_id")
        return self.find_camera(found, Camera.objects.select_related("site"))


# --- What is asked ----------------------------------------------------------------------------------------


def _zone(query: Mapping[str, str], validities: Mapping[UUID, timedelta]) -> str | None:
    """The zone of the query, or None. Raises Problem 400 if no camera has, or ever reported, such a zone."""
    zone = query.get("zone")
    if not zone:
        return zone
    for config in Camera.objects.filter(pk__in=list(validities)).values_list("zone_config", flat=True):
        if any(feature["id"] == zone for feature in config["features"]):
            return zone
    with _bounded():
        if not knows_zone(validities, zone):
            parameters.refuse("zone", "No such zone is known here.", ErrorCode.UNKNOWN)
    return zone


@contextmanager
def _bounded(field: str = "bucket") -> Iterator[None]:
    """Answer 400 or 503 to a query for too much, with the advice how to ask for less."""
    less = "a shorter range, or a longer bucket" if field == "bucket" else "a shorter range"
    try:
        yield
    except TooManyPoints:
        parameters.refuse(field, f"This range gives over 10,000: take {less}.", ErrorCode.TOO_LARGE)
    except TooSlow:
        raise Problem(
            503,
            f"This takes longer than 5 seconds: take {less}.",
            headers={"Retry-After": str(RETRY_SLOW_AFTER_SECONDS)},
            kind=QUERY_TOO_SLOW,
        ) from None


# --- What is answered -------------------------------------------------------------------------------------


def _points_table(
    request: Request, name: str, kind: type[Point | SitePoint], points: Iterable[Any], zone: tzinfo
) -> HttpResponseBase:
    """Points as CSV; beside their start in UTC stands what the clock of their time zone showed."""
    start, *others = kind.__struct_fields__
    rows = (
        (point.start, point.start.astimezone(zone).isoformat(timespec="microseconds"), *rest)
        for point in points
        for _, *rest in [msgspec.structs.astuple(point)]
    )
    return csv_answer(request, name, (start, "local_start", *others), rows)


def _page(camera_id: UUID, samples: SampleQuerySet, query: Mapping[str, str]) -> dict[str, Any]:
    limit = parameters.whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    if "cursor" in query:
        position = parameters.read_page_cursor(query["cursor"], SamplePosition)
        moment = parameters.moment_in_cursor(position.timestamp)
        samples = samples.after(moment, parameters.text_in_cursor(position.zone))
    rows = _first(samples, limit + 1)
    following = None
    if len(rows) > limit:
        following = parameters.page_cursor(msgspec.to_builtins(SamplePosition(*rows[limit - 1][:2])))
    return {
        "camera_id": camera_id,
        "samples": [dict(zip(SAMPLE, row, strict=True)) for row in rows[:limit]],
        "next": following,
    }


def _all_samples(samples: SampleQuerySet) -> Iterator[tuple[Any, ...]]:
    """Every sample, read page by page, so that a slow reader keeps no transaction open."""
    rows = _first(samples, MAX_LIMIT)
    while rows:
        yield from rows
        rows = _first(samples.after(*rows[-1][:2]), MAX_LIMIT) if len(rows) == MAX_LIMIT else []


def _first(samples: SampleQuerySet, count: int) -> list[tuple[Any, ...]]:
    with _bounded("from"), snapshot():
        return list(samples.oldest_first().values_list(*SAMPLE)[:count])


def _latest_item(row: tuple[Any, ...]) -> dict[str, Any]:
    values = (moment_text(value) if isinstance(value, datetime) else value for value in row)
    return dict(zip(LATEST, values, strict=True))


def _pages_by_id(rows: Any) -> Iterator[Iterable[tuple[Any, ...]]]:
    page = list(rows[:LATEST_AT_ONCE])
    while page:
        yield page
        page = list(rows.filter(pk__gt=page[-1][0])[:LATEST_AT_ONCE]) if len(page) == LATEST_AT_ONCE else []
