"""A small HTTP/1.1 client that can also do what a proper one never would: stop in the middle of a request."""

import asyncio
import json
import socket
import struct
import time
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 60


class Unanswered(Exception):
    """The connection ended before the answer; `sent` says whether the request had been sent whole."""

    def __init__(self, sent: bool) -> None:
        super().__init__()
        self.sent = sent


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    reason: str

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection that is kept alive, and made anew where it was closed; `source` is the client's own address."""

    def __init__(self, port: int, token: str = "", source: str = "") -> None:
        self._port = port
        self._local_address = (source, 0) if source else None
        self._headers = {"Host": "127.0.0.1", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *reason: object) -> None:
        self.close()

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Raises Unanswered."""
        sent = False
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self.send(self.bytes_of(method, path, body, headers))
                sent = True
                return await self.receive()
        except (OSError, asyncio.IncompleteReadError):  # TimeoutError is an OSError
            self.close()
            raise Unanswered(sent) from None

    def bytes_of(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, chunk: int = 0
    ) -> bytes:
        """A request; with `chunk`, its body goes in chunks of so many bytes."""
        framing = {"Transfer-Encoding": "chunked"} if chunk else {"Content-Length": str(len(body))}
        sent = {**self._headers, "Content-Type": "application/json", **framing, **(headers or {})}
        if chunk:
            parts = [body[start : start + chunk] for start in range(0, len(body), chunk)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def send(self, data: bytes) -> None:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=self._local_address
            )
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> Answer:
        """The next answer. Raises IncompleteReadError where the connection ends before it, and TimeoutError."""
        assert self._reader is not None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await self._body(headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        _, status, reason = status_line.split(" ", 2)
        return Answer(int(status), headers, body, reason)

    async def _body(self, headers: dict[str, str]) -> bytes:
        assert self._reader is not None
        if headers.get("transfer-encoding") != "chunked":
            return await self._reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return body

    def close(self, *, reset: bool = False) -> None:
        """End the connection; with `reset`, as a client that vanishes."""
        if self._writer is not None:
            if reset and (peer := self._writer.get_extra_info("socket")):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.close()
            self._reader = self._writer = None


async def drip(
    port: int, token: str, begin: bytes, drop: bytes, pause_seconds: float = 0.5
) -> tuple[float, Answer | None]:
    """Send a drop after each pause until the connection ends; how long that took, and what was answered."""
    async with Connection(port, token) as connection:
        started = time.monotonic()
        receiving: asyncio.Task[Answer] | None = None
        try:
            await connection.send(begin)
            receiving = asyncio.create_task(connection.receive())
            while not receiving.done():
                await asyncio.wait([receiving], timeout=pause_seconds)
                if not receiving.done() and drop:
                    await connection.send(drop)
            return time.monotonic() - started, receiving.result()
        except (OSError, asyncio.IncompleteReadError):
            if receiving is not None and not receiving.done():
                receiving.cancel()
            return time.monotonic() - started, None
