"""The fast endpoint: POST /telemetry and POST /telemetry/{camera_id} as a bare ASGI callable.

It translates HTTP to `wire` and one call of the queues, and the answer back. The endpoint of Django
(`telemetry.api`) makes the same promises where there is no event loop; one set of contract tests covers both.
"""

from collections.abc import Callable

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
from controlplane.problems import Problem
from telemetry.ingest import wire
from telemetry.ingest.accept import MAY_REPORT, Submission
from telemetry.ingest.batch import MAX_BATCH_BYTES, read_batch
from telemetry.ingest.group_commit import QueueFull
from telemetry.ingest.queues import queues
from telemetry.ingest.receipts import answer_batch, answer_single
from telemetry.ingest.ticks import ClockWrong

PREFIX = "/telemetry"
TakeRoom = Callable[[int], None]


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
    except problems.DATABASE_AWAY:
        # Also for a statement that was cancelled: sending a sample again is safe.
        await send_problem(send, problems.database_away())
    except Exception as error:
        await send_problem(send, problems.unforeseen(error))
    else:
        await send_json(send, status, body, "application/json" if status < 400 else problems.CONTENT_TYPE)


async def _answer(scope: Scope, receive: Receive) -> tuple[int, bytes]:
    camera = scope["path"][len(PREFIX) :].removeprefix("/").removesuffix("/")
    headers = headers_of(scope)
    principal = await require(headers, MAY_REPORT, "Only a worker's token may post telemetry.")
    if scope["query_string"]:
        raise wire.unknown_parameter(scope["query_string"])
    media_type = wire.media_type_of(headers.get(b"content-type", b"").decode("latin-1"))
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        media_type = ""
    with queues().room() as take_room:
        if camera:
            return await _single(camera, principal, media_type, scope, receive, take_room)
        return await _batch(principal, media_type, scope, receive, take_room)


async def _single(
    camera: str, principal: Principal, media_type: str, scope: Scope, receive: Receive, take_room: TakeRoom
) -> tuple[int, bytes]:
    if media_type != "json":
        raise wire.unsupported("`application/json`")
    camera_id = wire.camera_id_of(camera)
    if camera_id is None:
        raise wire.no_such_camera()
    body = await read_body(scope, receive, wire.MAX_SINGLE_BYTES, take_room)
    event = wire.read_single(camera_id, body)
    (receipt,) = await queues().submit(Submission(principal, (event,)))
    return answer_single(receipt, timezone.now())


async def _batch(
    principal: Principal, media_type: str, scope: Scope, receive: Receive, take_room: TakeRoom
) -> tuple[int, bytes]:
    if not media_type:
        raise wire.unsupported("`application/json` or `application/x-ndjson`")
    body = await read_body(scope, receive, MAX_BATCH_BYTES, take_room)
    batch = read_batch(body, ndjson=media_type == "ndjson")
    receipts = await queues().submit(Submission(principal, batch.events)) if batch.events else []
    return answer_batch(batch, receipts, timezone.now())
