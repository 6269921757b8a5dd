"""Connections under gunicorn's `asgi` worker: how long they may be silent, how many there may be, what a stop does.

The worker by itself never times out half a header, has no cap, and waits for idle clients as it stops. Here all
connections are looked over once a second, so that requests cost nothing; bodies have their deadline in `bare_asgi`.
Reads internals of the pinned gunicorn: `tests/faults` fails where another version differs. Must not import an app.
"""

import asyncio
import resource
import signal
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from controlplane import problems, stopping
from controlplane.bare_asgi import busy
from controlplane.problems import Problem

HEAD_SECONDS = 10.0
# A client that takes nothing of its answer for so long holds memory, and perhaps a place at Django.
STALLED_SECONDS = 30.0
# A client that is about to send its next request gets an answer that says `Connection: close`, not a reset.
IDLE_AT_STOP_SECONDS = 1.0
SWEEP_SECONDS = 1.0
# For database connections, threads, files, and connections that are just being refused.
RESERVED_FILES = 200


class Connection(ASGIProtocol):
    """One connection; it knows since when it waits for a head, or for its client to take an answer."""

    def __init__(self, worker: Any, open_connections: set["Connection"]) -> None:
        super().__init__(worker)
        self._open = open_connections
        self._waiting_for = (1, False)
        self._waiting_since = worker.loop.time()
        self._untaken_bytes = 0
        self._untaken_since = 0.0

    def connection_made(self, transport: Any) -> None:
        self._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        super().connection_lost(exc)

    def look_over(self, now: float, *, stopping: bool) -> None:
        """Close it where it has been silent for too long; `now` is the loop's clock."""
        untaken = self.transport.get_write_buffer_size()
        if not untaken or untaken != self._untaken_bytes:
            self._untaken_bytes, self._untaken_since = untaken, now
        elif now - self._untaken_since >= STALLED_SECONDS:
            self.transport.abort()
            return
        if not self._awaiting_request or self._callback_parser is None:
            return
        begun = bool(self._callback_parser._buffer) or self._callback_parser._state != "request_line"
        first = self.req_count == 1
        # The first head is due from the connection's start, a later one from its first byte.
        waiting_for = (self.req_count, begun and not first)
        if waiting_for != self._waiting_for:
            self._waiting_for, self._waiting_since = waiting_for, now
        silent_seconds = now - self._waiting_since
        if begun and silent_seconds >= HEAD_SECONDS:
            detail = f"The request's headers did not arrive within {HEAD_SECONDS:.0f} seconds."
            self._safe_write(_answer(Problem(408, detail)))
            self._keepalive_timeout()
        elif not begun and (
            (first and silent_seconds >= HEAD_SECONDS) or (stopping and silent_seconds >= IDLE_AT_STOP_SECONDS)
        ):
            self._keepalive_timeout()


class Refusal(asyncio.Protocol):
    """A connection over the cap: told 503 at once, and left open until the client has surely read it."""

    def connection_made(self, transport: Any) -> None:
        transport.write(_answer(busy()))
        if transport.can_write_eof():
            transport.write_eof()
        asyncio.get_running_loop().call_later(SWEEP_SECONDS, transport.abort)


class Connections:
    """All connections of one worker process."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._open: set[Connection] = set()
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = max(1, min(worker.cfg.worker_connections, files - RESERVED_FILES))
        self._stopping = False
        self._listening = False

    def open(self, worker: Any) -> asyncio.Protocol:
        """What gunicorn calls for each connection that it has accepted."""
        return Connection(worker, self._open) if len(self._open) < self._most else Refusal()

    def watch(self) -> None:
        """Look all connections over, now and every second from now on."""
        self._worker.loop.call_later(SWEEP_SECONDS, self.watch)
        if self._worker.servers and not self._listening:
            self._listening = True
            self._widen_backlogs()
        if not self._worker.alive and not self._stopping:
            self._stopping = True
            stopping.end_waits()
        now = self._worker.loop.time()
        for connection in tuple(self._open):
            connection.look_over(now, stopping=self._stopping)

    def stop(self) -> None:
        """SIGTERM: what waits is answered at the start of the stop, not when gunicorn has waited for it."""
        self._worker.handle_exit_signal()
        self._stopping = True
        stopping.end_waits()

    def _widen_backlogs(self) -> None:
        """asyncio has narrowed the backlog to 100, where a storm of reconnections waits a second for a resend."""
        for listener in self._worker.sockets:
            listener.sock.listen(self._worker.cfg.backlog)


def bound_connections(worker: Any) -> None:
    """Bound the connections of a worker process; gunicorn's hook `post_worker_init` is the time for it."""
    connections = Connections(worker)
    gasgi.ASGIProtocol = connections.open
    worker.loop.add_signal_handler(signal.SIGTERM, connections.stop)
    worker.loop.call_soon(connections.watch)


def _answer(problem: Problem) -> bytes:
    """A whole answer, for where there is no request yet that an application could answer."""
    body = problems.encode(problem)
    title = problems.body(problem)["title"]
    headers = {
        **problem.headers,
        "Content-Type": problems.CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {problem.status} {title}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
