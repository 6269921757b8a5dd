"""Admission of requests to Django under ASGI, which has no bound of its own.

Each admitted request takes a thread and a database connection; without a bound, 300 slow ones end in answers
of 500. The body is read before a place is taken, so that a slow sender holds none. Must not import an app.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from controlplane.bare_asgi import Disconnected, Message, Receive, Scope, Send, busy, read_body, send_problem
from controlplane.problems import Problem

PLACES = 16
WAIT_SECONDS = 2.0
MAX_BODY_BYTES = 4 * 1024 * 1024

Application = Callable[[Any, Any, Any], Awaitable[None]]


class Admission:
    """An ASGI application in front of another one: at most `places` requests are inside at once."""

    def __init__(self, inner: Application, places: int = PLACES, wait_seconds: float = WAIT_SECONDS) -> None:
        self._inner = inner
        self._places = asyncio.Semaphore(places)
        self._wait_seconds = wait_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, MAX_BODY_BYTES)
            await self._take_place()
        except Disconnected:
            return
        except Problem as problem:
            await send_problem(send, problem)
            return
        try:
            await self._inner(_with_length(scope, body), _replay(body, receive), send)
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise busy() from None


def _with_length(scope: Scope, body: bytes) -> Scope:
    """The scope with the body's length: Django takes a chunked body, which has none, for an empty one."""
    framing = (b"content-length", b"transfer-encoding")
    headers = [header for header in scope["headers"] if header[0] not in framing]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    return {**scope, "headers": headers}


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
