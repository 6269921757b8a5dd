"""Reading bodies and sending answers without Django: for the endpoints that are bare ASGI callables."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, cast

from controlplane import problems
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# A body has the first seconds, and one more for each BODY_BYTES_A_SECOND that have come, up to the most: a batch
# over a slow uplink comes through, and a sender that drips does not.
BODY_DEADLINE_SECONDS = 10.0
BODY_BYTES_A_SECOND = 8 * 1024
MOST_BODY_SECONDS = 120.0
SWEEPS_A_DEADLINE = 10

_ONCE = {b"authorization", b"content-type", b"content-encoding", b"content-length", b"last-event-id"}
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class Disconnected(Exception):
    """The client hung up before it had sent, or was sent, everything."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name. Raises Problem 400 where one that decides comes twice: two readers could differ."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _ONCE and name in headers:
            detail = f"The header {name.decode()} comes twice."
            raise Problem(400, detail, [FieldError(name.decode(), detail, ErrorCode.REPEATED)])
        headers[name] = value
    return headers


async def read_body(
    scope: Scope, receive: Receive, limit: int, take_room: Callable[[int], None] = lambda size: None
) -> bytes:
    """The whole body. Raises Problem 413 over the limit, 408 after `seconds_for` what has come, and Disconnected.

    `take_room` is called with the size of each part as it comes; what it raises ends the reading.
    """
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    readings = _of_this_loop()
    reading = readings.begin()
    try:
        return await _read_body(receive, limit, take_room, reading)
    except asyncio.CancelledError:
        if not reading.is_overdue or reading.task.uncancel():  # something else has cancelled it
            raise
        raise too_slow() from None
    finally:
        readings.end(reading)


async def _read_body(receive: Receive, limit: int, take_room: Callable[[int], None], reading: "_Reading") -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if reading.is_overdue:
            # A part that comes in the moment of the cancellation hides it: `asyncio.wait_for` before Python 3.12.
            raise asyncio.CancelledError
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        take_room(len(part))
        body += part
        reading.size = len(body)
        if reading.size > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return bytes(body)


class _Reading:
    """One body that is being read: by which task, since when, and how much of it has come."""

    __slots__ = ("began_at", "is_overdue", "size", "task")

    def __init__(self, began_at: float) -> None:
        self.task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.began_at = began_at
        self.size = 0
        self.is_overdue = False  # its deadline has passed, and so has cancelled the task

    def check(self, now: float) -> None:
        """Cancel the task where the deadline has passed."""
        if not self.is_overdue and now - self.began_at >= seconds_for(self.size):
            self.is_overdue = True
            self.task.cancel()


class _Readings:
    """The bodies that are being read in one event loop. One timer checks all of their deadlines: a timer for each
    costs a sixth of a small request.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._open: set[_Reading] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    def begin(self) -> _Reading:
        reading = _Reading(self.loop.time())
        self._open.add(reading)
        if self._sweeper is None:
            self._sweeper = self._later()
        return reading

    def end(self, reading: _Reading) -> None:
        self._open.remove(reading)

    def _later(self) -> asyncio.TimerHandle:
        return self.loop.call_later(BODY_DEADLINE_SECONDS / SWEEPS_A_DEADLINE, self._sweep)

    def _sweep(self) -> None:
        now = self.loop.time()
        for reading in self._open:
            reading.check(now)
        self._sweeper = self._later() if self._open else None


_readings: _Readings | None = None


def _of_this_loop() -> _Readings:
    global _readings
    if _readings is None or _readings.loop is not asyncio.get_running_loop():
        _readings = _Readings()
    return _readings


def seconds_for(size: int) -> float:
    """How many seconds a body may take of which so many bytes have come."""
    return min(BODY_DEADLINE_SECONDS + size / BODY_BYTES_A_SECOND, MOST_BODY_SECONDS)


def too_large(limit: int) -> Problem:
    return Problem(413, f"The body is larger than {limit // 1024:,} KiB.")


def too_slow() -> Problem:
    return Problem(
        408,
        f"The body came too slowly: it has {BODY_DEADLINE_SECONDS:.0f} seconds, and one more for each "
        f"{BODY_BYTES_A_SECOND // 1024} KiB that have come, but {MOST_BODY_SECONDS:.0f} at most.",
    )


def busy() -> Problem:
    """The 503 for more work than can be done now."""
    return problems.try_later("The service is busy; nothing was stored. Repeat the request.")


async def send_json(
    send: Send,
    status: int,
    body: bytes,
    content_type: str = "application/json",
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    await _send(send, status, [(b"content-type", content_type.encode()), *headers], body)


async def send_problem(send: Send, problem: Problem) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    headers.append((b"content-type", problems.CONTENT_TYPE.encode()))
    await _send(send, problem.status, headers, problems.encode(problem))


def as_asked(scope: Scope, send: Send) -> Send:
    """The `send` for a request: for HEAD, one that leaves the body out (RFC 9110, 9.3.2)."""
    if scope["method"] != "HEAD":
        return send

    async def send_without_body(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_without_body


async def begin_stream(send: Send, content_type: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Begin an answer of 200 that goes on; its connection ends with it, as nobody knows how long it is."""
    start = [(b"content-type", content_type.encode()), (b"connection", b"close"), *headers, *_ALWAYS]
    await send({"type": "http.response.start", "status": 200, "headers": start})


async def send_part(send: Send, part: bytes) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": True})


async def end_stream(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers += [(b"content-length", str(len(body)).encode()), *_ALWAYS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve_lifespan(
    receive: Receive, send: Send, begin: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None]]
) -> None:
    """Take part in the server's start and stop: `close` ends what still waits when the process stops."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await begin()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await close()
            await send({"type": "lifespan.shutdown.complete"})
            return
