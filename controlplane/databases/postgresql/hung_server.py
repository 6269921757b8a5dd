"""Noticing a server that hangs: its kernel acknowledges what it is sent, so that nothing else ends the wait."""

import math
import socket
import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout  # made for callers that convert it, as it says

# So long without an answer, the server is asked whether it answers anybody; then after twice as long, and so on.
ASK_AFTER_SECONDS = 1.0
ASK_EVERY_SECONDS_AT_MOST = 10.0
# A server that works answers at once, whatever its sessions do: a process of its own answers.
ASKED_SECONDS = 1.0
# What every client may send first; the answer is one letter, with or without TLS, and nobody has to sign in.
# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
READY_NONE = 0


def give_up_when_it_hangs(session: Any, seconds: float = math.inf) -> None:
    """From now on no round trip of this session lasts longer than `seconds`, nor after its server has stopped.

    Such a session is closed, and so is what waits in its pool. Its callers get an OperationalError of psycopg.
    """
    wait = session.wait

    def bounded(gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None:
            return wait(gen, interval, timeout)
        ends_at, pause = time.monotonic() + seconds, ASK_AFTER_SECONDS
        while True:
            try:
                return wait(gen, interval, min(pause, seconds))
            except _WaitTimeout:
                if time.monotonic() >= ends_at or not _answers(session):
                    _throw_away(session)
                    raise psycopg.OperationalError("the server does not answer") from None
            gen = gen if pause > ASK_AFTER_SECONDS else _resumed(gen)
            pause = min(2 * pause, ASK_EVERY_SECONDS_AT_MOST, max(ends_at - time.monotonic(), 0.0))

    session.wait = bounded


def _resumed(gen: Generator[Any, int, Any]) -> Generator[Any, int | None, Any]:
    """A round trip that goes on after a wait for it has ended; it can be waited for again, and again."""
    try:
        state = gen.send(READY_NONE)
        while True:
            ready = yield state
            state = gen.send(ready or READY_NONE)
    except StopIteration as end:
        return end.value


def _answers(session: Any) -> bool:
    """Whether the server of a session answers who comes anew."""
    info = session.info
    is_local = info.host.startswith("/")
    try:
        with (
            socket.socket(socket.AF_UNIX)
            if is_local
            else socket.create_connection((info.hostaddr or info.host, info.port), ASKED_SECONDS) as stream
        ):
            stream.settimeout(ASKED_SECONDS)
            if is_local:
                stream.connect(f"{info.host}/.s.PGSQL.{info.port}")
            stream.sendall(SSL_REQUEST)
            return bool(stream.recv(1))
    except OSError:
        return False


def _throw_away(session: Any) -> None:
    session.pgconn.finish()
    if (pool := getattr(session, "_pool", None)) is not None:
        pool.drain()
