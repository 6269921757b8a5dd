"""Telemetry over REST, through Django: reading, and the door of workers where there is no event loop."""

import zoneinfo
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, extend_schema
from rest_framework.request import Request

from cameras.api import parameters
from cameras.api.answers import StrictViewSet
from cameras.models import Camera
from controlplane import problems
from controlplane.problems import Problem
from telemetry import wire
from telemetry.api.serializers import BatchItem, BatchReceipt, EventShape, Series, SingleReceipt
from telemetry.batch import MAX_BATCH_BYTES, read_batch
from telemetry.ingest import Submission, accept
from telemetry.models import Sample
from telemetry.querysets import SampleQuerySet
from telemetry.receipts import Receipt, answer_batch, answer_single
from telemetry.series import BUCKETS, TooManyPoints, points_of
from telemetry.ticks import ClockWrong, require_clock

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 5_000
SERIES_PARAMETERS = [
    OpenApiParameter("from", OpenApiTypes.DATETIME, description="The first moment, with an offset."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="The first moment after the range."),
    OpenApiParameter("zone", str, description="A zone's id; empty for the whole frame."),
    OpenApiParameter(
        "bucket",
        str,
        enum=list(BUCKETS),
        description="Points instead of samples; of the whole frame unless `zone`.",
    ),
    OpenApiParameter("limit", parameters.within(1, MAX_LIMIT), description="Samples a page."),
    OpenApiParameter("cursor", parameters.NOT_EMPTY, description="`next` of the page before."),
]


class SamplePosition(msgspec.Struct, array_like=True):
    """Where a page of samples ended."""

    timestamp: datetime
    zone: str


class TelemetryViewSet(StrictViewSet):
    """What workers report."""

    queryset = Sample.objects.all()
    serializer_class = Series
    lookup_field = "camera_id"
    lookup_value_regex = "[^/]+"
    required_permissions = {
        "retrieve": "telemetry.view_sample",
        "create": "telemetry.report_sample",
        "create_batch": "telemetry.report_sample",
    }
    query_parameters = {"retrieve": ("from", "to", "zone", "bucket", "limit", "cursor")}
    problem_statuses = {"create": [409]}

    @extend_schema(request=EventShape, responses={201: SingleReceipt, 200: SingleReceipt})
    def create(self, request: Request, camera_id: str) -> HttpResponse:
        """Report one observation: 201 stored, 200 already known, 409 known with other values."""
        if _media_type(request) != "json":
            raise wire.unsupported("`application/json`")
        known = wire.camera_id_of(camera_id)
        if known is None:
            raise wire.no_such_camera()
        event = wire.read_single(known, _body(request, wire.MAX_SINGLE_BYTES))
        (receipts,) = _accepted(Submission(self.principal, (event,)))
        return _answer(*answer_single(receipts[0], timezone.now()))

    @extend_schema(
        operation_id="telemetry_batch_create",
        request={
            "application/json": BatchItem(many=True),
            "application/x-ndjson": OpenApiRequest(OpenApiTypes.STR),
        },
        responses={200: BatchReceipt},
    )
    def create_batch(self, request: Request) -> HttpResponse:
        """Report up to 5,000 observations of any cameras; each is accepted or refused by itself."""
        media_type = _media_type(request)
        if not media_type:
            raise wire.unsupported("`application/json` or `application/x-ndjson`")
        batch = read_batch(_body(request, MAX_BATCH_BYTES), ndjson=media_type == "ndjson")
        (receipts,) = _accepted(Submission(self.principal, batch.events)) if batch.events else ([],)
        return _answer(*answer_batch(batch, receipts, timezone.now()))

    @extend_schema(parameters=SERIES_PARAMETERS, responses={200: Series})
    def retrieve(self, request: Request, camera_id: str) -> HttpResponse:
        """Samples of a camera, oldest first, in pages; with `bucket`, points that sum them up."""
        query = request.query_params
        found = parameters.id_in_path(camera_id, "camera_id")
        camera = Camera.objects.visible_to(self.principal).select_related("site").filter(pk=found).first()
        if camera is None:
            raise Problem(404, "There is no camera with this id that you may see.")
        start, end = _moment(query, "from"), _moment(query, "to")
        if start and end and start >= end:
            parameters.refuse("to", "Must be later than `from`.")
        samples = Sample.objects.of_camera(camera.pk).between(start, end)
        if "zone" in query:
            samples = samples.of_zone(query["zone"])
        bucket = parameters.one_of(query, "bucket", None, BUCKETS)
        if bucket is None:
            return _json(_samples(camera.pk, samples, query))
        for name in ("limit", "cursor"):
            if name in query:
                parameters.refuse(name, "Is for samples; points come as a whole.")
        if "zone" not in query:
            samples = samples.of_zone("")
        zone = zoneinfo.ZoneInfo(camera.site.timezone if camera.site else "UTC")
        try:
            points = points_of(samples, bucket, zone)
        except TooManyPoints:
            parameters.refuse("bucket", "Gives over 10,000 points for this range: take a longer bucket.")
        return _json({"camera_id": camera.pk, "bucket": bucket, "points": points})


def _samples(camera_id: UUID, samples: SampleQuerySet, query: Any) -> dict[str, Any]:
    limit = parameters.whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    if "cursor" in query:
        position = parameters.read_page_cursor(query["cursor"], SamplePosition)
        moment = parameters.moment_in_cursor(position.timestamp)
        samples = samples.after(moment, parameters.text_in_cursor(position.zone))
    rows = list(samples.oldest_first().values_list("timestamp", "zone", "occupancy", "confidence")[: limit + 1])
    following = None
    if len(rows) > limit:
        following = parameters.page_cursor(msgspec.to_builtins(SamplePosition(*rows[limit - 1][:2])))
    names = ("timestamp", "zone", "occupancy", "confidence")
    return {
        "camera_id": camera_id,
        "samples": [dict(zip(names, row, strict=True)) for row in rows[:limit]],
        "next": following,
    }


def _moment(query: Any, name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        return wire.read_timestamp(query[name])
    except wire.InvalidEvent as error:
        parameters.refuse(name, f"{error.detail} (A + in an address is written %2B.)")


def _accepted(submission: Submission) -> list[list[Receipt]]:
    now = timezone.now()
    try:
        require_clock(now)
    except ClockWrong as error:
        raise error.problem() from None
    return accept([submission], now)


def _media_type(request: Request) -> str:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return ""
    return wire.media_type_of(request.META.get("CONTENT_TYPE", ""))


def _body(request: Request, limit: int) -> bytes:
    """The body as it came; one byte over the limit is enough for the rule to refuse it."""
    return request._request.read(limit + 1)


def _answer(status: int, body: bytes) -> HttpResponse:
    content_type = "application/json" if status < 400 else problems.CONTENT_TYPE
    return HttpResponse(body, status=status, content_type=content_type)


def _json(value: Any) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), content_type="application/json")
