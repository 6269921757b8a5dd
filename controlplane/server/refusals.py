"""Answers to connections that no request is read from: those over a cap, and those that cannot be read."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from controlplane import problems
from controlplane.problems import Problem

# For how long a refused connection is read, and then left open.
LINGER_SECONDS = 1.0


class Refusal(asyncio.Protocol):
    """A connection over a cap. It is read for a moment, because `/livez` is answered even so; then it is left open
    long enough for the client to read the answer.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._unasked = asyncio.get_running_loop().call_later(LINGER_SECONDS, self.data_received, b"")

    def data_received(self, data: bytes) -> None:
        if self._unasked.cancelled() or self._transport.is_closing():
            return
        self._unasked.cancel()
        self._transport.write(ALIVE if data.startswith(LIVENESS) else answer_before_request(self._problem))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)


def answer_before_request(problem: Problem) -> bytes:
    """A whole answer, for where there is no request yet that an application could answer."""
    status_line = f"{problem.status} {HTTPStatus(problem.status).phrase}"
    return _whole(status_line, problems.encode(problem), problems.CONTENT_TYPE, problem.headers)


def _whole(status_line: str, body: bytes, content_type: str, extra_headers: Mapping[str, str]) -> bytes:
    headers = {
        **extra_headers,
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status_line}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


LIVENESS = (b"GET /livez", b"HEAD /livez")
ALIVE = _whole("200 OK", b'{"status":"alive"}', "application/json", {})
