"""Reading bodies and sending answers without Django: for the endpoints that are bare ASGI callables."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from controlplane import problems
from controlplane.problems import FieldError, Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_DEADLINE_SECONDS = 10.0
SWEEPS_A_DEADLINE = 10
OVERDUE = -1

_ONCE = {b"authorization", b"content-type", b"content-encoding", b"content-length"}
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class Disconnected(Exception):
    """The client hung up before its body was whole."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name. Raises Problem 400 where one that decides comes twice: two readers could differ."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _ONCE and name in headers:
            detail = f"The header {name.decode()} comes twice."
            raise Problem(400, detail, [FieldError(name.decode(), detail)])
        headers[name] = value
    return headers


async def read_body(
    scope: Scope, receive: Receive, limit: int, take_room: Callable[[int], None] = lambda size: None
) -> bytes:
    """The whole body. Raises Problem 413 over the limit, 408 for a slow sender, and Disconnected.

    `take_room` is called with the size of each part as it comes; what it raises ends the reading.
    """
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    readings = _of_this_loop()
    reading = readings.begin()
    try:
        return await _read_body(receive, limit, take_room, lambda: readings.is_overdue(reading))
    except asyncio.CancelledError:
        if not readings.is_overdue(reading) or reading.uncancel():  # something else has cancelled it
            raise
        raise Problem(408, f"The body did not arrive within {BODY_DEADLINE_SECONDS:.0f} seconds.") from None
    finally:
        readings.end(reading)


async def _read_body(
    receive: Receive, limit: int, take_room: Callable[[int], None], is_overdue: Callable[[], bool]
) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if is_overdue():
            # A part that comes in the moment of the cancellation hides it: `asyncio.wait_for` before Python 3.12.
            raise asyncio.CancelledError
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        take_room(len(part))
        body += part
        if len(body) > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return bytes(body)


class _Readings:
    """The bodies that are being read in one event loop. One timer checks all of their deadlines: a timer for each
    costs a sixth of a small request.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._sweeps: dict[asyncio.Task[Any], int] = {}  # how many each has outlived, or OVERDUE
        self._sweeper: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[Any]:
        reading = cast("asyncio.Task[Any]", asyncio.current_task())
        self._sweeps[reading] = 0
        if self._sweeper is None:
            self._sweeper = self._later()
        return reading

    def end(self, reading: asyncio.Task[Any]) -> None:
        del self._sweeps[reading]

    def is_overdue(self, reading: asyncio.Task[Any]) -> bool:
        """Whether its deadline has passed, and so has cancelled it."""
        return self._sweeps[reading] == OVERDUE

    def _later(self) -> asyncio.TimerHandle:
        return self.loop.call_later(BODY_DEADLINE_SECONDS / SWEEPS_A_DEADLINE, self._sweep)

    def _sweep(self) -> None:
        for reading, sweeps in self._sweeps.items():
            if sweeps >= SWEEPS_A_DEADLINE:
                self._sweeps[reading] = OVERDUE
                reading.cancel()
            elif sweeps != OVERDUE:
                self._sweeps[reading] = sweeps + 1
        self._sweeper = self._later() if self._sweeps else None


_readings: _Readings | None = None


def _of_this_loop() -> _Readings:
    global _readings
    if _readings is None or _readings.loop is not asyncio.get_running_loop():
        _readings = _Readings()
    return _readings


def too_large(limit: int) -> Problem:
    return Problem(413, f"The body is larger than {limit // 1024:,} KiB.")


def busy() -> Problem:
    """The 503 for more work than can be done now."""
    return problems.try_later("The service is busy; nothing was stored. Repeat the request.")


async def send_json(send: Send, status: int, body: bytes, content_type: str = "application/json") -> None:
    headers = [(b"content-type", content_type.encode())]
    await _send(send, status, headers, body)


async def send_problem(send: Send, problem: Problem) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    headers.append((b"content-type", problems.CONTENT_TYPE.encode()))
    await _send(send, problem.status, headers, problems.encode(problem))


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
