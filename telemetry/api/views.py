"""Telemetry over REST, through Django: the endpoint of workers where there is no event loop."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from controlplane import problems
from controlplane.compressed_bodies import inflated, is_gzip
from controlplane.problems import Problem
from telemetry.api import operations
from telemetry.api.reading import ReadingViewSet
from telemetry.ingest import wire
from telemetry.ingest.accept import Submission, accept
from telemetry.ingest.accept_reports import accept_reports
from telemetry.ingest.batch import MAX_BATCH_BYTES, read_batch
from telemetry.ingest.group_commit import Accept
from telemetry.ingest.receipts import Receipt, answer_batch, answer_single
from telemetry.ingest.report_wire import read_reports, read_single_report
from telemetry.ingest.ticks import ClockWrong, require_clock


class TelemetryViewSet(ReadingViewSet):
    """What workers report."""

    required_permissions = {
        **ReadingViewSet.required_permissions,
        "create": "telemetry.report_sample",
        "create_batch": "telemetry.report_sample",
        "report": "telemetry.report_sample",
        "report_batch": "telemetry.report_sample",
    }

    @operations.REPORT_SAMPLE
    def create(self, request: Request, camera_id: str) -> HttpResponse:
        """Report one observation: 201 stored, 200 already known, 409 known with other values."""
        event, ignored = wire.read_single(*_single(request, camera_id))
        (receipts,) = _accepted(accept, Submission(self.principal, (event,)))
        return _answer(*answer_single(receipts[0], timezone.now(), ignored))

    @operations.REPORT_SAMPLES
    def create_batch(self, request: Request) -> HttpResponse:
        """Report up to 5,000 observations of any cameras, also as gzip; each is accepted or refused by itself."""
        body, is_ndjson = _several(request)
        batch = read_batch(body, ndjson=is_ndjson)
        (receipts,) = _accepted(accept, Submission(self.principal, batch.events)) if batch.events else ([],)
        return _answer(*answer_batch(batch, receipts, timezone.now()))

    @operations.REPORT_WORKER
    def report(self, request: Request, camera_id: str) -> HttpResponse:
        """Report how the worker of a camera is: starting, running, failed and why, or stopping."""
        report, ignored = read_single_report(*_single(request, camera_id))
        (receipts,) = _accepted(accept_reports, Submission(self.principal, (report,)))
        return _answer(*answer_single(receipts[0], timezone.now(), ignored, created=200))

    @operations.REPORT_WORKERS
    def report_batch(self, request: Request) -> HttpResponse:
        """Report how up to 5,000 workers are; each report is accepted or refused by itself, in order."""
        body, is_ndjson = _several(request)
        batch = read_reports(body, ndjson=is_ndjson)
        (receipts,) = (
            _accepted(accept_reports, Submission(self.principal, batch.events)) if batch.events else ([],)
        )
        return _answer(*answer_batch(batch, receipts, timezone.now()))


def _single(request: Request, camera_id: str) -> tuple[UUID, bytes]:
    """The camera of the path, and the body. Raises Problem."""
    if _media_type(request) != "json":
        raise wire.unsupported("`application/json`")
    known = wire.camera_id_of(camera_id)
    if known is None:
        raise wire.no_such_camera()
    return known, _body(request, wire.MAX_SINGLE_BYTES)


def _several(request: Request) -> tuple[bytes, bool]:
    """The body of a batch, and whether it is NDJSON. Raises Problem."""
    media_type = _media_type(request)
    if not media_type:
        raise wire.unsupported("`application/json` or `application/x-ndjson`")
    return _body(request, MAX_BATCH_BYTES), media_type == "ndjson"


def _accepted(accept: Accept, submission: Submission[Any]) -> list[list[Receipt]]:
    now = timezone.now()
    try:
        require_clock(now)
    except ClockWrong as error:
        raise error.problem() from None
    try:
        return accept([submission], now)
    except problems.DATABASE_AWAY as error:
        # Also for a statement that was cancelled: sending a sample again is safe.
        raise problems.database_away(error) from None


def _media_type(request: Request) -> str:
    return wire.media_type_of(request.META.get("CONTENT_TYPE", ""))


def _body(request: Request, limit: int) -> bytes:
    """The body, inflated where it is gzip; cut one byte over the limit, which is enough for `wire` to refuse it.

    Raises Problem 411, 415 and 413, and 400 if the connection ended before the body did.
    """
    if "Transfer-Encoding" in request.headers:
        # Django takes a body without a length for an empty one; under ASGI `admission` gives it its length.
        raise Problem(411, "Send the body with a Content-Length: this server takes none in chunks.")
    gzip = is_gzip(request.headers.get("Content-Encoding", ""))
    body = request._request.read(limit + 1)
    # Lines of NDJSON before the cut may be whole, so it would not be noticed later.
    if len(body) < min(int(request.META.get("CONTENT_LENGTH") or 0), limit + 1):
        raise Problem(400, "The body is shorter than its Content-Length; nothing was stored. Send it again.")
    return inflated(body, limit) if gzip and len(body) <= limit else body


def _answer(status: int, body: bytes) -> HttpResponse:
    content_type = "application/json" if status < 400 else problems.CONTENT_TYPE
    return HttpResponse(body, status=status, content_type=content_type)
