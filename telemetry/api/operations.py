"""The operations on telemetry, as the OpenAPI document describes them: words, parameters, shapes, examples."""

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest

from cameras.api import parameters
from cameras.api.examples import CAMERA_ID, SITE_ID
from controlplane.problem_types import (
    BATCH_REJECTED,
    CAMERA_ELSEWHERE,
    EPOCH_AHEAD,
    NOT_ACCEPTABLE,
    SAMPLE_CONFLICT,
    SAMPLE_IN_FUTURE,
    UNKNOWN_CAMERA,
    WORKER_FENCED,
)
from controlplane.schema import Exchange, Gives, operation
from telemetry.api.formats import CSV, FORMATS, JSON
from telemetry.api.serializers import (
    BatchItem,
    BatchReceipt,
    Gaps,
    Latest,
    ReportItem,
    ReportWrite,
    SampleWrite,
    Series,
    SingleReceipt,
    SiteSeries,
)
from telemetry.history.calendars import BUCKETS
from telemetry.ingest.wire import NDJSON_TYPES

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 5_000

_CAMERA = OpenApiParameter("camera_id", parameters.ID, OpenApiParameter.PATH, description="Id of a camera.")
_SITE = OpenApiParameter("id", parameters.ID, OpenApiParameter.PATH, description="Id of a site.")
_FROM, _FROM_REQUIRED = (
    OpenApiParameter(
        "from", OpenApiTypes.DATETIME, required=required, description="The first moment, with an offset."
    )
    for required in (False, True)
)
_TO = OpenApiParameter("to", OpenApiTypes.DATETIME, description="The first moment after the range.")
_ZONE = OpenApiParameter("zone", str, description="A zone's id; empty for the whole frame.")
_BUCKET, _BUCKET_REQUIRED = (
    OpenApiParameter(
        "bucket",
        str,
        enum=list(BUCKETS),
        required=required,
        description="Points, not samples; of the whole frame unless `zone`. A range is widened to whole buckets, "
        "which from hours on are those of `timezone`.",
    )
    for required in (False, True)
)
_TIMEZONE = OpenApiParameter(
    "timezone",
    parameters.NOT_EMPTY,
    description="Whose clock and calendar the buckets have: `site`, or an IANA name. "
    "Unless given, the site's, and UTC for a camera without a site.",
)
_FORMAT = OpenApiParameter("format", str, enum=FORMATS, description="Comes before the Accept header.")
_LIMIT = OpenApiParameter(
    "limit",
    parameters.within(1, MAX_LIMIT),
    description=f"Samples a page, {DEFAULT_LIMIT:,} by default; not for CSV.",
)
_CURSOR = OpenApiParameter("cursor", parameters.NOT_EMPTY, description="`next` of the page before; not for CSV.")

_SAMPLE = {"timestamp": "2026-03-04T11:59:00.000000Z", "zone": "", "occupancy": 5, "confidence": 0.95}
_SENT = {"timestamp": "2026-03-04T12:00:00Z", "occupancy": 5, "confidence": 0.95, "generation": 1}
_IN_ZONE = {
    "camera_id": CAMERA_ID,
    "timestamp": "2026-03-04T12:00:00Z",
    "zone": "gate",
    "occupancy": 2,
    "confidence": 0.9,
}
_BATCH = [{"camera_id": CAMERA_ID, **_SENT}, _IN_ZONE]
_RECEIPT = {
    "accepted": 1,
    "duplicates": 0,
    "desired_state": "running",
    "generation": 1,
    "server_time": "2026-03-04T12:00:00.000000Z",
}
_BATCH_RECEIPT = {
    "accepted": 2,
    "duplicates": 0,
    "rejected": 0,
    "errors": [],
    "stop": [],
    "server_time": "2026-03-04T12:00:00.000000Z",
}
_REPORTS_RECEIPT = _BATCH_RECEIPT | {"accepted": 1}
_RANGE = {"from": "2026-03-04T11:59:00Z", "to": "2026-03-04T12:00:00Z"}
_POINT = {
    "start": "2026-03-04T11:59:00.000000Z",
    "count": 1,
    "min": 5,
    "max": 5,
    "avg": 5.0,
    "weighted_avg": 5.0,
    "known_seconds": 30.0,
    "first": 5,
    "last": 5,
}


def _json_or_csv(words: str, shape: Any) -> dict[int | tuple[int, str], Gives]:
    return {(200, JSON): Gives(words, shape), (200, CSV): Gives(words, OpenApiTypes.STR)}


REPORT_SAMPLE = operation(
    "report_sample",
    "Report one observation",
    takes=SampleWrite,
    parameters=[_CAMERA],
    gives={
        201: Gives("It is stored.", SingleReceipt),
        200: Gives("It was known already, with these values.", SingleReceipt),
    },
    security=["token"],
    problems=[
        SAMPLE_IN_FUTURE,
        EPOCH_AHEAD,
        CAMERA_ELSEWHERE,
        UNKNOWN_CAMERA,
        SAMPLE_CONFLICT,
        WORKER_FENCED,
    ],
    exchanges=[
        Exchange("One observation", _RECEIPT, {"camera_id": CAMERA_ID}, _SENT, status=201),
        Exchange(
            "The same once more",
            _RECEIPT | {"accepted": 0, "duplicates": 1},
            {"camera_id": CAMERA_ID},
            _SENT,
        ),
    ],
)

REPORT_SAMPLES = operation(
    "report_samples",
    "Report many observations",
    takes={JSON: BatchItem(many=True), **dict.fromkeys(NDJSON_TYPES, OpenApiRequest(OpenApiTypes.STR))},
    gives={200: Gives("At least one was stored, or known already.", BatchReceipt)},
    security=["token"],
    problems=[BATCH_REJECTED],
    exchanges=[
        Exchange("An array", _BATCH_RECEIPT, body=_BATCH),
        Exchange(
            "From a worker that is behind",
            _BATCH_RECEIPT | {"accepted": 1, "outdated": {CAMERA_ID: 1}},
            body=[_IN_ZONE | {"timestamp": "2026-03-04T11:58:00Z", "generation": 0}],
        ),
        *(
            Exchange(
                f"A line for each, as {media_type.partition('/')[2]}",
                _BATCH_RECEIPT | {"accepted": 1},
                body=json.dumps(_IN_ZONE | {"timestamp": f"2026-03-04T11:59:0{number}Z"}) + "\n",
                takes=media_type,
            )
            for number, media_type in enumerate(NDJSON_TYPES)
        ),
    ],
)

_REPORT = {
    "phase": "failed",
    "reason": "stream_unauthorized",
    "message": "401 Unauthorized",
    "generation": 1,
    "worker": "worker-7",
    "version": "1.4.0",
    "host": "north-1",
    "metrics": {"fps": 0},
}

REPORT_WORKER = operation(
    "report_worker",
    "Report how the worker of a camera is",
    takes=ReportWrite,
    parameters=[_CAMERA],
    gives={200: Gives("It is stored, or older than what is known.", SingleReceipt)},
    security=["token"],
    problems=[SAMPLE_IN_FUTURE, EPOCH_AHEAD, CAMERA_ELSEWHERE, UNKNOWN_CAMERA, WORKER_FENCED],
    exchanges=[
        Exchange("The camera refuses the password", _RECEIPT, {"camera_id": CAMERA_ID}, _REPORT),
        Exchange("It runs", _RECEIPT, {"camera_id": CAMERA_ID}, {"phase": "running"}),
    ],
)

REPORT_WORKERS = operation(
    "report_workers",
    "Report how many workers are",
    takes={JSON: ReportItem(many=True), **dict.fromkeys(NDJSON_TYPES, OpenApiRequest(OpenApiTypes.STR))},
    gives={200: Gives("At least one was taken.", BatchReceipt)},
    security=["token"],
    problems=[BATCH_REJECTED],
    exchanges=[
        Exchange("An array", _REPORTS_RECEIPT, body=[{"camera_id": CAMERA_ID, "phase": "running"}]),
        *(
            Exchange(
                f"A line for each, as {media_type.partition('/')[2]}",
                _REPORTS_RECEIPT,
                body=json.dumps({"camera_id": CAMERA_ID, **_REPORT}) + "\n",
                takes=media_type,
            )
            for media_type in NDJSON_TYPES
        ),
    ],
)

READ_SAMPLES = operation(
    "read_samples",
    "Read what a camera reported",
    parameters=[_CAMERA, _FROM, _TO, _ZONE, _BUCKET, _TIMEZONE, _LIMIT, _CURSOR, _FORMAT],
    gives=_json_or_csv("Samples, or points where a bucket was asked for.", Series),
    problems=[NOT_ACCEPTABLE],
    exchanges=[
        Exchange(
            "Samples",
            {"camera_id": CAMERA_ID, "samples": [_SAMPLE], "next": None},
            {"camera_id": CAMERA_ID, **_RANGE, "limit": 100},
        ),
        Exchange(
            "Points",
            {"camera_id": CAMERA_ID, "bucket": "1m", "points": [_POINT]},
            {"camera_id": CAMERA_ID, **_RANGE, "bucket": "1m"},
        ),
        Exchange(
            "Samples as a table",
            "timestamp,zone,occupancy,confidence\r\n2026-03-04T11:59:00.000000Z,,5,0.95\r\n",
            {"camera_id": CAMERA_ID, **_RANGE},
            gives=CSV,
        ),
    ],
)

LIST_LATEST = operation(
    "list_latest_samples",
    "Read the newest of every camera",
    parameters=[_FORMAT],
    gives=_json_or_csv("One entry for each camera.", Latest(many=True)),
    problems=[NOT_ACCEPTABLE],
    exchanges=[
        Exchange(
            "Each camera",
            [
                {
                    "camera_id": CAMERA_ID,
                    "timestamp": "2026-03-04T11:59:00.000000Z",
                    "occupancy": 5,
                    "confidence": 0.95,
                    "last_contact": "2026-03-04T12:00:00.000000Z",
                }
            ],
        )
    ],
)

LIST_GAPS = operation(
    "list_gaps",
    "Read when a camera was silent",
    parameters=[_CAMERA, _FROM, _TO, _FORMAT],
    gives=_json_or_csv("The silences, oldest first.", Gaps),
    problems=[NOT_ACCEPTABLE],
    exchanges=[
        Exchange(
            "A silence that lasts",
            {"camera_id": CAMERA_ID, "gaps": [{"start": "2026-03-04T11:59:30.000000Z", "end": None}]},
            {"camera_id": CAMERA_ID, "from": "2026-03-04T11:59:00Z"},
        )
    ],
)

READ_OCCUPANCY = operation(
    "read_site_occupancy",
    "Add up the cameras of a site",
    parameters=[_SITE, _FROM_REQUIRED, _TO, _ZONE, _BUCKET_REQUIRED, _TIMEZONE, _FORMAT],
    gives=_json_or_csv("Points, oldest first.", SiteSeries),
    problems=[NOT_ACCEPTABLE],
    exchanges=[
        Exchange(
            "A minute",
            {
                "site_id": SITE_ID,
                "bucket": "1m",
                "points": [
                    {
                        "start": "2026-03-04T11:59:00.000000Z",
                        "occupancy": 5.0,
                        "cameras": 1,
                        "known_seconds": 30.0,
                    }
                ],
            },
            {"id": SITE_ID, **_RANGE, "bucket": "1m"},
        )
    ],
)
