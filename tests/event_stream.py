"""Reading a stream of events as a client does: by the format of WHATWG HTML, 9.2, of which only what we send."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.asgi_client import AsgiClient


class Event(NamedTuple):
    kind: str
    id: str
    data: Any


class Events:
    """The events of what has arrived; what is not whole yet is kept."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.retry_milliseconds = 0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
            if "retry" in fields:
                self.retry_milliseconds = int(fields.pop("retry"))
            if fields:
                assert fields.keys() == {"event", "id", "data"}, block
                self.seen.append(Event(fields["event"], fields["id"], json.loads(fields["data"])))

    def of_kind(self, *kinds: str) -> list[Event]:
        return [event for event in self.seen if event.kind in kinds]

    @property
    def last_id(self) -> str:
        return self.seen[-1].id


class Stream(Events):
    """One stream of a bare ASGI application, begun in the loop of an AsgiClient; `stalls` makes its reader stop."""

    def __init__(
        self, client: AsgiClient, query: str = "", headers: dict[str, str] | None = None, method: str = "GET"
    ) -> None:
        super().__init__()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.has_ended = False
        self.can_read = asyncio.Event()
        self.can_read.set()
        self._client = client
        self._hung_up = asyncio.Event()
        accept = {"accept": "text/event-stream"}
        self._scope = {
            "type": "http",
            "method": method,
            "path": "/cameras/changes",
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in (accept | (headers or {})).items()
            ],
        }
        self._task = asyncio.run_coroutine_threadsafe(self._run(), client.loop)

    def wait_until(self, holds: Callable[["Stream"], object], seconds: float = 10) -> None:
        async def wait() -> None:
            async with asyncio.timeout(seconds):
                while not holds(self):
                    assert not self._task.done() or holds(self), (self.status, self.body, self.seen)
                    await asyncio.sleep(0.01)

        self._client.run(wait())

    def wait_for_end(self, seconds: float = 10) -> None:
        self._task.result(seconds)

    def hang_up(self) -> None:
        self._client.loop.call_soon_threadsafe(self._hung_up.set)
        self.wait_for_end()

    def stall(self) -> None:
        self._client.loop.call_soon_threadsafe(self.can_read.clear)

    async def _run(self) -> None:
        asked = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if asked:
                return asked.pop()
            await self._hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                return
            if part := message.get("body", b""):
                await self.can_read.wait()
                self.body += part
                if self.headers["content-type"] == "text/event-stream":
                    self.feed(part)
            self.has_ended = not message.get("more_body", False)

        await self._client.application(self._scope, receive, send)
