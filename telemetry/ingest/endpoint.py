"""The fast endpoint: samples and reports of workers, by POST below /telemetry, as a bare ASGI callable.

It translates HTTP to `wire` and one call of the queues, and the answer back. The endpoint of Django
(`telemetry.api`) makes the same promises where there is no event loop; one set of contract tests covers both.
"""

from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

from controlplane import problems
from controlplane.access.principals import Principal
from controlplane.access.verification import require
from controlplane.bare_asgi import (
    Disconnected,
    Receive,
    Scope,
    Send,
    busy,
    headers_of,
    read_body,
    send_json,
    send_problem,
)
from controlplane.compressed_bodies import inflated, is_gzip
from controlplane.compression import LEAST_BYTES, CompressedSend
from controlplane.problems import Problem
from telemetry.ingest import wire
from telemetry.ingest.accept import MAY_REPORT, Submission
from telemetry.ingest.batch import MAX_BATCH_BYTES, read_batch
from telemetry.ingest.group_commit import QueueFull
from telemetry.ingest.queues import queues
from telemetry.ingest.receipts import answer_batch, answer_single
from telemetry.ingest.report_wire import read_reports, read_single_report
from telemetry.ingest.ticks import ClockWrong

PREFIX = "/telemetry"


class Target(NamedTuple):
    """What a path is for: samples or reports, of the camera that it names, or of several where it names none."""

    is_report: bool
    camera: str


def target_of(path: str) -> Target:
    named = path[len(PREFIX) :].removeprefix("/").removesuffix("/")
    if named == "reports":
        return Target(True, "")
    return Target(named.endswith("/report"), named.removesuffix("/report"))


def is_telemetry_post(scope: Scope) -> bool:
    """Whether a request is one for this endpoint."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path: str = scope["path"]
    return path.startswith(PREFIX) and (len(path) == len(PREFIX) or path[len(PREFIX)] == "/")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one POST: after its commit, or with a problem."""
    try:
        status, body = await _answer(scope, receive)
    except Disconnected:
        return
    except Problem as problem:
        await send_problem(send, problem)
    except ClockWrong as error:
        await send_problem(send, error.problem())
    except QueueFull:
        await send_problem(send, busy())
    except problems.DATABASE_AWAY as error:
        # Also for a statement that was cancelled: sending a sample again is safe.
        await send_problem(send, problems.database_away(error))
    except Exception as error:
        await send_problem(send, problems.unforeseen(error))
    else:
        if len(body) > LEAST_BYTES:
            send = CompressedSend(scope, send)
        await send_json(send, status, body, "application/json" if status < 400 else problems.CONTENT_TYPE)


async def _answer(scope: Scope, receive: Receive) -> tuple[int, bytes]:
    target = target_of(scope["path"])
    headers = headers_of(scope)
    principal = await require(scope, headers, MAY_REPORT, "Only a worker's token may post telemetry.")
    if scope["query_string"]:
        raise wire.unknown_parameter(scope["query_string"])
    media_type = wire.media_type_of(headers.get(b"content-type", b"").decode("latin-1"))
    camera_id = None
    if target.camera:
        camera_id, limit = _camera_of(target.camera, media_type), wire.MAX_SINGLE_BYTES
    elif media_type:
        limit = MAX_BATCH_BYTES
    else:
        raise wire.unsupported("`application/json` or `application/x-ndjson`")
    is_compressed = b"content-encoding" in headers and is_gzip(headers[b"content-encoding"].decode("latin-1"))
    with queues().room() as take_room:
        body = await read_body(scope, receive, limit, take_room)
        if is_compressed:
            # Not in a thread: 2 MiB take 4 ms, half as long as it takes to read the events in them.
            body = inflated(body, limit)
            take_room(len(body))
        if camera_id is None:
            of_several = _reports if target.is_report else _batch
            return await of_several(principal, body, ndjson=media_type == "ndjson")
        return await (_report if target.is_report else _single)(camera_id, principal, body)


def _camera_of(text: str, media_type: str) -> UUID:
    if media_type != "json":
        raise wire.unsupported("`application/json`")
    camera_id = wire.camera_id_of(text)
    if camera_id is None:
        raise wire.no_such_camera()
    return camera_id


async def _single(camera_id: UUID, principal: Principal, body: bytes) -> tuple[int, bytes]:
    event, ignored = wire.read_single(camera_id, body)
    (receipt,) = await queues().submit(Submission(principal, (event,)))
    return answer_single(receipt, timezone.now(), ignored)


async def _report(camera_id: UUID, principal: Principal, body: bytes) -> tuple[int, bytes]:
    report, ignored = read_single_report(camera_id, body)
    (receipt,) = await queues().submit_reports(Submission(principal, (report,)))
    return answer_single(receipt, timezone.now(), ignored, created=200)


async def _reports(principal: Principal, body: bytes, *, ndjson: bool) -> tuple[int, bytes]:
    batch = read_reports(body, ndjson=ndjson)
    receipts = await queues().submit_reports(Submission(principal, batch.events)) if batch.events else []
    return answer_batch(batch, receipts, timezone.now())


async def _batch(principal: Principal, body: bytes, *, ndjson: bool) -> tuple[int, bytes]:
    batch = read_batch(body, ndjson=ndjson)
    receipts = await queues().submit(Submission(principal, batch.events)) if batch.events else []
    return answer_batch(batch, receipts, timezone.now())
