"""Connections under gunicorn's `asgi` worker: their number, how long they may be silent, and what a stop does.

The worker by itself never times out half a header, has no cap, and waits for idle clients as it stops. Here all
connections are checked once a second, so that requests cost nothing; `bare_asgi` has the deadline for bodies.

gunicorn has no option and no hook for any of it, and a proxy may not be there. So parts of it are overridden that
are no public interface; at each stands what happens without it. tests/faults fails then, and `gunicorn_version`
refuses a version that those tests have not seen.
"""

import asyncio
import math
import resource
import signal
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from gunicorn.asgi import protocol
from gunicorn.asgi.parser import UnsupportedTransferCoding
from gunicorn.asgi.protocol import ASGIProtocol

from controlplane import stopping
from controlplane.addresses import holder_at, is_trusted_proxy
from controlplane.bare_asgi import busy
from controlplane.holders import Holders, too_many
from controlplane.problems import Problem
from controlplane.server.listening import listen_in_turns
from controlplane.server.refusals import Refusal, answer_before_request
from controlplane.server.refused_bodies import REFUSED_BODY_BYTES, REFUSED_BODY_SECONDS

HEAD_SECONDS = 10.0
# A client that reads nothing of its answer for so long holds memory, and perhaps one of the places in Django.
STALLED_SECONDS = 30.0
# Finding the next chunk costs as much time as reading kilobytes. The framing of chunks, 5 bytes or more for each,
# may be FRAMING_BYTES for any body, and this share of what they hold: with a line of NDJSON in each, a twentieth
# is usual.
FRAMING_BYTES = 8 * 1024
FRAMING_SHARE = 1 / 5
# How much of a body is read ahead of the application. uvloop reads in one turn of the loop for as long as there is
# something to read, while others wait, and the larger number may be 10,000 chunks. Beside eight clients that send
# chunks of 30 bytes, half of all other requests took 0.4 s; with the larger number for both they took 1 s.
AHEAD_BYTES = 256 * 1024
AHEAD_CHUNKED_BYTES = 64 * 1024
# A client that is about to send its next request gets an answer that says `Connection: close`, not a reset.
IDLE_AT_STOP_SECONDS = 1.0
SWEEP_SECONDS = 1.0
# For database connections, threads, files, and connections that are just being refused.
RESERVED_FILES = 200

# Details of the errors that gunicorn finds before the application is asked, by status.
UNREADABLE = {
    400: "This is not a request of HTTP/1.1 that can be read.",
    414: "The address is too long.",
    426: "There is nothing here that speaks another protocol.",
    431: "The headers are too many, or one of them is too long.",
    500: "Something went wrong on our side.",
    501: "This transfer coding is not known; `chunked` is.",
}


class ChunksTooSmall(Exception):
    """The framing of a body's chunks is too much for what they hold."""


class Connection(ASGIProtocol):
    """One connection; it knows since when it waits for a head, or for its client to read an answer."""

    def __init__(self, worker: Any, connections: "Connections") -> None:
        super().__init__(worker)
        self._connections = connections
        self._waiting_for = (1, False)
        self._waiting_since = worker.loop.time()
        self._untaken_bytes = 0
        self._untaken_since = 0.0
        self._received_bytes = self._chunk_bytes = 0
        self._discarded_left: int | None = None
        self._is_last_answer = False
        self.holder = ""

    def connection_made(self, transport: Any) -> None:
        if refused := self._connections.enter(self, transport):
            transport.set_protocol(refused)
            refused.connection_made(transport)
            return
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        super().connection_lost(exc)
        # gunicorn lets a send wait for a client that has gone until it cancels the request, seconds later.
        self.resume_writing()

    def _send_response_start(self, status: int, headers: Any, request: Any, close: bool = False) -> None:
        """An answer that says `Connection: close` is the last one, which gunicorn leaves to the client."""
        self._is_last_answer = (b"connection", b"close") in headers
        super()._send_response_start(status, headers, request, close)

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        """Whether the answer that begins says `Connection: close`, as which gunicorn then treats the connection.

        Closed while the process stops: gunicorn by itself says so only in the moment in which it ends connections,
        and a request that is sent just then gets no answer. Closed too where a body in chunks was refused before
        its end: reading on to the end, chunk by chunk, made others wait for a second beside eight clients without
        a valid token.
        """
        body = self._body_receiver
        unended = request.chunked and not (body and body._complete)
        if unended:
            self._discard_the_rest()
        ends = self._connections.stopping or self._is_last_answer or unended
        return ends or bool(super()._will_close(request, response_requires_close))

    def data_received(self, data: bytes) -> None:
        if self._discarded_left is None:
            self._received_bytes += len(data)
            super().data_received(data)
            return
        self._discarded_left -= len(data)
        if self._discarded_left < 0:
            self.transport.close()

    def _on_headers_complete(self) -> bool:
        """gunicorn takes `gzip, chunked` for `chunked`: a compressed body would be read as if it were not."""
        parser = self._callback_parser
        self._max_buffer_size = AHEAD_BYTES
        if parser.is_chunked:
            if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in parser.headers):
                raise UnsupportedTransferCoding
            self._max_buffer_size = AHEAD_CHUNKED_BYTES
            self._received_bytes, self._chunk_bytes = len(parser._buffer), 0
        return bool(super()._on_headers_complete())

    def _on_body(self, chunk: bytes) -> None:
        """What the parser calls for each chunk, before it parses the next; it stops where this raises.

        Without this, chunks of one byte keep everybody else waiting for seconds. The application cannot do it: it
        comes to its turn when the parser has gone through all that has arrived.
        """
        if self._callback_parser.is_chunked:
            self._chunk_bytes += len(chunk)
            framing_bytes = self._received_bytes - len(self._callback_parser._buffer) - self._chunk_bytes
            if framing_bytes > FRAMING_BYTES + FRAMING_SHARE * self._chunk_bytes:
                raise ChunksTooSmall
        super()._on_body(chunk)

    def _refuse_chunks(self) -> None:
        detail = "The body's chunks are too small: what frames them is more than a fifth of what they hold."
        self._safe_write(answer_before_request(Problem(400, detail)))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # For the application, which answers nobody any more, the client has gone.
        self._closed = True
        self._body_receiver.signal_disconnect()
        self._discard_the_rest()

    def _discard_the_rest(self) -> None:
        """Discard what still comes, within the limits of a refused body, and then end the connection."""
        if self._discarded_left is None:
            self._discarded_left = REFUSED_BODY_BYTES
            self.worker.loop.call_later(REFUSED_BODY_SECONDS, self.transport.close)

    def _send_error_response(self, status: int, message: str, extra_headers: Iterable[Any] = ()) -> None:
        """A request that gunicorn cannot read gets a problem too: its own text may repeat what was sent."""
        self._safe_write(
            answer_before_request(
                Problem(status, UNREADABLE.get(status, UNREADABLE[400]), headers=dict(extra_headers))
            )
        )

    def _handle_h1c_exception(self, exc: Exception) -> bool:
        """What gunicorn's parser raises and does not expect itself, such as for a length of 5,000 digits.

        Without this it is logged as an error of the service, and the client gets no answer.
        """
        if isinstance(exc, ChunksTooSmall):
            self._refuse_chunks()
            return True
        if isinstance(exc, ValueError):
            self._send_error_response(400, "")
            self.transport.close()
            return True
        return bool(super()._handle_h1c_exception(exc))

    def check(self, now: float) -> None:
        """Close it where it has been silent for too long; `now` is the loop's clock."""
        untaken = self.transport.get_write_buffer_size()
        if not untaken or untaken != self._untaken_bytes:
            self._untaken_bytes, self._untaken_since = untaken, now
        elif now - self._untaken_since >= STALLED_SECONDS:
            self.transport.abort()
            return
        if self.transport.is_closing() or not self._awaiting_request or self._callback_parser is None:
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
            self.transport.write(answer_before_request(Problem(408, detail)))
            self.transport.close()
        elif not begun and silent_seconds >= self._patience_seconds(first=first):
            self.transport.close()

    def _patience_seconds(self, *, first: bool) -> float:
        """How long a connection may be idle; that between requests is gunicorn's `keepalive` otherwise."""
        if self._connections.stopping:
            return IDLE_AT_STOP_SECONDS
        return HEAD_SECONDS if first else math.inf


class Connections:
    """All connections of one worker process."""

    def __init__(self, worker: Any) -> None:
        self.open: set[Connection] = set()
        self.stopping = False
        self._worker = worker
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._of_addresses = Holders(settings.CONNECTIONS_PER_ADDRESS)
        self._most = max(1, min(worker.cfg.worker_connections, files - RESERVED_FILES))
        # gunicorn would end connections whose last answer said that they are kept.
        self._most_requests, worker.max_requests = worker.max_requests, sys.maxsize

    def accept(self, worker: Any) -> asyncio.Protocol:
        """The protocol of a connection that was just accepted."""
        return Connection(worker, self) if len(self.open) < self._most else Refusal(busy())

    def enter(self, connection: Connection, transport: Any) -> Refusal | None:
        """Count an open connection, for its address too; what it is to be instead where that has too many."""
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else ""
        if not is_trusted_proxy(address):
            if not self._of_addresses.take(holder := holder_at(address)):
                return Refusal(too_many(f"Your address has {self._of_addresses.most:,} connections open already."))
            connection.holder = holder
        self.open.add(connection)
        return None

    def leave(self, connection: Connection) -> None:
        if connection in self.open and connection.holder:
            self._of_addresses.give_back(connection.holder)
        self.open.discard(connection)

    def begin(self) -> None:
        """The loop runs: handle a stop, also one that came before, and begin to check connections.

        gunicorn's own handler ends connections in the same second; see `_will_close`.
        """
        self._worker.loop.add_signal_handler(signal.SIGTERM, self.stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self.check_all()

    def check_all(self) -> None:
        """Check all connections, now and every second from now on."""
        self._worker.loop.call_later(SWEEP_SECONDS, self.check_all)
        if not self.stopping and (self._worker.nr >= self._most_requests or not self._worker.alive):
            self.stop()
        now = self._worker.loop.time()
        for connection in tuple(self.open):
            connection.check(now)

    def stop(self) -> None:
        """SIGTERM, or requests enough: from now on answers say that the connection closes, and nobody waits.

        gunicorn itself stops a second later, when busy clients have had an answer that says so.
        """
        if not self.stopping:
            self.stopping = True
            stopping.end_waits()
            self._worker.loop.call_later(IDLE_AT_STOP_SECONDS, self._worker.handle_exit_signal)


def bound_connections(worker: Any) -> None:
    """Bound the connections of a worker process, and make its stop a quick one.

    For gunicorn's hook `post_worker_init`, where SIGTERM is blocked; here it is let through once the loop runs.
    """
    # gunicorn's own table lacks 412 and 429 among others, and calls them "Unknown".
    protocol._REASON_PHRASES.update({status.value: status.phrase for status in HTTPStatus})
    connections = Connections(worker)
    listen_in_turns(worker.loop, lambda: connections.accept(worker), connections.open)
    worker.loop.call_soon(connections.begin)
