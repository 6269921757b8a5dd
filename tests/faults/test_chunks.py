"""Bodies in chunks: as small as lines they are taken, smaller ones are refused before they cost others their time."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from controlplane.server.connections import FRAMING_BYTES
from tests.faults.client import Answer, Connection
from tests.faults.ledger import Ledger
from tests.faults.service import Fleet, Service

Connect = Callable[..., psycopg.Connection[Any]]
PROBLEM = "application/problem+json"
NDJSON = {"Content-Type": "application/x-ndjson"}
CHUNKED = {"Transfer-Encoding": "chunked"}
# What the service takes in of a refused body, and what may wait in the buffers of both sides.
MOST_TAKEN_IN = 16 * 1024 * 1024 + 32 * 1024 * 1024


def head_of(token: str, headers: dict[str, str] = CHUNKED) -> bytes:
    sent = {"Host": "127.0.0.1", "Authorization": f"Bearer {token}", **NDJSON, **headers}
    lines = ["POST /telemetry HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(part: bytes, zeros: int = 0, extension: bytes = b"") -> bytes:
    return b"%s%x%s\r\n%s\r\n" % (b"0" * zeros, len(part), extension, part)


async def answer_from(reader: asyncio.StreamReader) -> Answer:
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    _, status, reason = status_line.split(" ", 2)
    return Answer(int(status), headers, await reader.readexactly(int(headers["content-length"])), reason)


async def answer_to(service: Service, sent: bytes) -> tuple[Answer, bytes]:
    """The answer to what is sent, which does not end the request, and what comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    async with asyncio.timeout(60):
        writer.write(sent)
        answer, rest = await answer_from(reader), await reader.read()
    writer.close()
    return answer, rest


TOO_SMALL = {
    "of one byte": chunk(b" ") * (FRAMING_BYTES // 4),
    "of one byte, after a large one": chunk(b" " * 1_000) + chunk(b" ") * (FRAMING_BYTES // 4),
    "with a size in many digits": chunk(b" " * 32, zeros=FRAMING_BYTES + 100),
    "with extensions": chunk(b" " * 32, extension=b";a=b" * 300) * (FRAMING_BYTES // 1_000),
}


@pytest.mark.parametrize("body", TOO_SMALL.values(), ids=TOO_SMALL)
def test_chunks_that_are_mostly_framing_are_400_and_the_end(service: Service, fleet: Fleet, body: bytes) -> None:
    answer, rest = asyncio.run(answer_to(service, head_of(fleet.tokens["worker"]) + body))

    assert (answer.status, answer.headers["content-type"]) == (400, PROBLEM)
    assert "chunks are too small" in answer.json()["detail"]
    assert answer.headers["connection"] == "close"
    assert rest == b"", "nobody answers twice"


@pytest.mark.parametrize("token_is_good", [True, False])
def test_a_client_that_keeps_sending_tiny_chunks_is_cut_off(
    service: Service, fleet: Fleet, *, token_is_good: bool
) -> None:
    token = fleet.tokens["worker"] if token_is_good else "cpt_unknown"
    block = chunk(b" ") * 10_000

    async def flood() -> tuple[bytes, int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        status_line = asyncio.create_task(reader.readline())
        sent = 0
        try:
            async with asyncio.timeout(60):
                writer.write(head_of(token))
                while True:
                    writer.write(block)
                    await writer.drain()
                    sent += len(block)
        except ConnectionError:
            writer.close()
            return await status_line, sent

    status_line, sent = asyncio.run(flood())

    assert status_line.split()[1] in ((b"400",) if token_is_good else (b"400", b"401"))
    assert sent < MOST_TAKEN_IN


def test_lines_that_are_streamed_are_taken(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect
) -> None:
    events = [ledger.make_event() for _ in range(5_000)]
    lines = [json.dumps(event.wire(item=True)).encode() for event in events]
    in_one = b"".join(chunk(line + b"\n") for line in lines)
    in_two = b"".join(chunk(line) + chunk(b"\n") for line in lines)

    async def stream() -> list[Answer]:
        async with Connection(service.port) as connection:
            answers = []
            for body in (in_one, in_two):
                await connection.send(head_of(fleet.tokens["worker"]) + body + chunk(b""))
                answers.append(await connection.receive())
            # Few bytes may come as they like.
            single = connection.bytes_of(
                "POST",
                f"/telemetry/{events[0].camera}",
                json.dumps(events[0].wire(item=False)).encode(),
                {"Authorization": f"Bearer {fleet.tokens['worker']}"},
                chunk=1,
            )
            await connection.send(single)
            return [*answers, await connection.receive()]

    first, again, single = asyncio.run(stream())

    assert (first.status, first.json()["accepted"]) == (200, len(events))
    assert (again.status, again.json()["duplicates"]) == (200, len(events))
    assert (single.status, single.headers.get("connection")) == (200, None)
    ledger.acknowledge(events, accepted=len(events), duplicates=0)
    ledger.check(database())


@pytest.mark.parametrize("end", [chunk(b""), b"no chunk\r\n"], ids=["ended", "no chunk"])
def test_a_refused_body_in_chunks_may_be_sent_on_and_ends_the_connection(service: Service, end: bytes) -> None:
    async def send_on() -> tuple[Answer, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        async with asyncio.timeout(60):
            writer.write(head_of("cpt_unknown") + chunk(b" "))
            answer = await answer_from(reader)
            for _ in range(100):
                writer.write(chunk(b" " * 10_000))
                await writer.drain()
            writer.write(end + head_of("cpt_unknown") + chunk(b""))
            rest = await reader.read()
        writer.close()
        return answer, rest

    answer, rest = asyncio.run(send_on())

    assert (answer.status, answer.headers["connection"]) == (401, "close")
    assert rest == b"", "what comes after it is not read: neither as chunks nor as a request"


CODINGS = ["gzip, chunked", "deflate, chunked", "GZIP,chunked", "gzip\r\nTransfer-Encoding: chunked", "x, chunked"]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_compressed_for_its_way_is_501(service: Service, fleet: Fleet, coding: str) -> None:
    head = head_of(fleet.tokens["worker"], {"Transfer-Encoding": coding})
    answer, rest = asyncio.run(answer_to(service, head))

    assert (answer.status, answer.headers["content-type"]) == (501, PROBLEM)
    assert rest == b""
