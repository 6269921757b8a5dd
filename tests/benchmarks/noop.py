"""The ceiling of the server itself: reads a telemetry body, parses it and answers as ours does, storing nothing.

gunicorn -k asgi -w 2 tests.benchmarks.noop:application
"""

from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

import msgspec

Message = MutableMapping[str, Any]


class Event(msgspec.Struct):
    timestamp: str
    occupancy: int
    confidence: float


class Answer(msgspec.Struct):
    accepted: int
    duplicates: int
    desired_state: str
    generation: int
    server_time: datetime


_decoder, _encoder = msgspec.json.Decoder(Event), msgspec.json.Encoder()


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["method"] == "POST":
        _decoder.decode(body)
    answer = _encoder.encode(Answer(1, 0, "running", 1, datetime.now(UTC)))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
