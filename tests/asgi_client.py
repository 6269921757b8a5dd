"""Speaks to a bare ASGI application whose event loop runs in a thread, as a server's would."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec

from tests.openapi.conformance import require_documented


class Answer(NamedTuple):
    """Looks like the answer of Django's test client."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.content)

    def __getitem__(self, name: str) -> str:
        return self.headers[name.lower()]


class AsgiClient:
    """One application in one loop; `close` runs the clean-up given and ends the loop.

    Answers are those of the document, unless the application serves only a part of it.
    """

    def __init__(
        self, application: Any, clean_up: Callable[[], Coroutine[Any, Any, None]], *, serves_all: bool = True
    ) -> None:
        self.application, self.clean_up, self.serves_all = application, clean_up, serves_all
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def close(self) -> None:
        try:
            self.run(self.clean_up())
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        return self.run(self.answer(method, path, [body], headers))

    async def answer(
        self, method: str, path: str, chunks: list[bytes], headers: dict[str, str] | None = None
    ) -> Answer:
        """One request whose body comes in these chunks."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
            for number, chunk in enumerate(chunks)
        ]
        never = asyncio.Event()
        sent: list[Any] = []

        async def receive() -> Any:
            if not waiting:
                await never.wait()
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        start, *bodies = sent
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        content = b"".join(message.get("body", b"") for message in bodies)
        if self.serves_all:
            require_documented(method, path, start["status"], headers.get("content-type", ""), content)
        return Answer(start["status"], headers, content)
