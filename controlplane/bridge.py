"""The bridge from an event loop to Django, which answers each request whole in one thread.

Django's own handler for ASGI goes to a thread and back for every middleware, as those are synchronous; and where a
request is cancelled, its thread goes on while another request takes its place. See docs/adr/0020.
"""

import asyncio
import concurrent.futures
import contextlib
import contextvars
from io import BytesIO
from typing import Any

from django.core import signals
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.urls import set_script_prefix

from controlplane.bare_asgi import Disconnected, Message, Receive, Scope, Send

Messages = list[Message]


class ThreadedHandler(ASGIHandler):
    """Django as an ASGI application with so many threads of its own, for requests over HTTP.

    A body is read whole before a thread is taken. Of a streamed answer, each part is made when the one before has
    been sent; where the client leaves meanwhile, the stream is closed and the thread is free. A request lasts
    until its thread is free, also where it is cancelled: behind as many places none ever waits for a thread.

    Raises Disconnected where the client leaves before it has all.
    """

    def __init__(self, threads: int) -> None:
        BaseHandler.__init__(self)  # not ASGIHandler's, which loads the middleware for an event loop
        self.load_middleware()
        self._threads = concurrent.futures.ThreadPoolExecutor(threads, "django")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        body = await _whole_body(receive)
        stream = _Stream(receive, send)
        in_context = contextvars.copy_context().run
        work = stream.loop.run_in_executor(self._threads, in_context, self._answer, scope, body, stream)
        try:
            rest = await asyncio.shield(work)
        except asyncio.CancelledError:
            stream.end()
            await _until_done(work)
            with contextlib.suppress(Disconnected):
                work.result()
            raise
        finally:
            stream.end()
        for message in rest:
            await send(message)

    def _answer(self, scope: Scope, body: bytes, stream: "_Stream") -> Messages:
        """Answer a request in this thread; returns what does not need the thread any more to be sent."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, unreadable = self.create_request(scope, BytesIO(body))
        response: Any = unreadable if request is None else self.get_response(request)
        response._handler_class = self.__class__
        try:
            start = {"type": "http.response.start", "status": response.status_code, "headers": _headers(response)}
            if scope["method"] == "HEAD":
                return [start, _part(b"")]
            if not response.streaming:
                return [start, _part(response.content)]
            waiting = [start]
            for part in response:
                stream.send([*waiting, _part(part, more_body=True)])
                waiting = []
            return [*waiting, _part(b"")]
        finally:
            response.close()


class _Stream:
    """Sends what a thread makes through the event loop in which this was made, until the request ends."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        self._receive, self._send = receive, send
        self._is_ended = False
        self._sending: asyncio.Task[Any] | None = None
        self._watching: asyncio.Task[None] | None = None

    def send(self, messages: Messages) -> None:
        """Return when the messages are sent. For the thread; raises Disconnected where the request ends before."""
        try:
            asyncio.run_coroutine_threadsafe(self._send_all(messages), self.loop).result()
        except concurrent.futures.CancelledError:
            raise Disconnected from None

    async def _send_all(self, messages: Messages) -> None:
        if self._is_ended:
            raise Disconnected
        self._sending = asyncio.current_task()
        if self._watching is None:
            self._watching = self.loop.create_task(self._watch())
        for message in messages:
            await self._send(message)

    async def _watch(self) -> None:
        """End the request when its client leaves. The server itself may let a send wait for a while."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.end()

    def end(self) -> None:
        """Send no more. For the event loop; a thread that waits for a send gets Disconnected."""
        self._is_ended = True
        for task in (self._sending, self._watching):
            if task is not None:
                task.cancel()


async def _whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _until_done(work: asyncio.Future[Any]) -> None:
    """Wait for it, also where this is cancelled meanwhile: a thread cannot be."""
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait((work,))


def _headers(response: Any) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    cookies = (cookie.output(header="").strip().encode("ascii") for cookie in response.cookies.values())
    return headers + [(b"Set-Cookie", cookie) for cookie in cookies]


def _part(body: bytes, *, more_body: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more_body}
