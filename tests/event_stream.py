"""Reading a stream of events as a client does: by the format of WHATWG HTML, 9.2, of which only what we send."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from tests.asgi_client import AsgiClient
from tests.openapi.conformance import require_documented


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
        content_type = self.headers.get("content-type", "")
        require_documented(self._scope["method"], self._scope["path"], self.status, content_type, self.body)


class HttpStream(Events):
    """One stream of a real server, over a connection of its own; a context manager, inside which it reads."""

    def __init__(
        self, port: int, token: str, query: str = "", last_id: str = "", *, window_bytes: int = 0
    ) -> None:
        super().__init__()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.arrived_at: list[float] = []
        """When each event came, in the order of `seen`; monotonic."""
        self.is_whole = False
        """Whether the server has ended the answer, and not just the connection."""
        self._port, self._window_bytes = port, window_bytes
        sent = {
            "Host": "127.0.0.1",
            "Accept": "text/event-stream",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {token}",
        }
        if last_id:
            sent["Last-Event-ID"] = last_id
        lines = [f"GET /cameras/changes?{query} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        self._request = "\r\n".join([*lines, "", ""]).encode()
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        client = socket.socket()
        if self._window_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window_bytes)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self._port))
        limit = self._window_bytes or 2**16
        self._reader, self._writer = await asyncio.open_connection(sock=client, limit=limit)
        self._writer.write(self._request)
        self.can_read = asyncio.Event()
        self.can_read.set()
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *reason: object) -> None:
        self._task.cancel()
        self._writer.close()

    async def end(self) -> None:
        """Wait until the server has ended the connection."""
        await self._task

    async def _read(self) -> None:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").strip().split("\r\n")
            self.headers = {
                name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
            }
            self.status = int(status_line.split(" ", 2)[1])
            if self.headers.get("transfer-encoding") != "chunked":
                return
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                self.feed((await self._reader.readexactly(size + 2))[:-2])
                self.arrived_at += [time.monotonic()] * (len(self.seen) - len(self.arrived_at))
                await self.can_read.wait()
            self.is_whole = True
        except (OSError, asyncio.IncompleteReadError):
            pass
