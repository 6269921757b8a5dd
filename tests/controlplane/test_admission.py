"""Admission to Django: bounded, and honest when it is full."""

import asyncio
from typing import Any

import pytest

from controlplane import bare_asgi
from controlplane.admission import Admission


class Inner:
    """An application that is slow until it is told to go on, and knows how many are inside."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.go_on = asyncio.Event()
        self.bodies: list[tuple[bytes, dict[bytes, bytes]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.bodies.append(((await receive())["body"], dict(scope["headers"])))
        await self.go_on.wait()
        self.inside -= 1
        await bare_asgi.send_json(send, 200, b"{}")


async def ask(application: Any, chunks: list[Any], headers: list[tuple[bytes, bytes]] | None = None) -> int:
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        if isinstance(chunk, bytes)
        else {"type": "http.disconnect"}
        for number, chunk in enumerate(chunks)
    ]
    statuses: list[int] = []

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await application({"type": "http", "headers": headers or []}, receive, send)
    return statuses[0] if statuses else 0


def test_at_most_so_many_are_inside_and_the_rest_are_told_to_come_back() -> None:
    async def scenario() -> None:
        inner = Inner()
        application = Admission(inner, places=3, wait_seconds=0.2)
        asked = [asyncio.create_task(ask(application, [b""])) for _ in range(10)]
        await asyncio.sleep(0.5)
        assert inner.most == 3
        inner.go_on.set()
        assert sorted(await asyncio.gather(*asked)) == [200] * 3 + [503] * 7
        assert await ask(application, [b""]) == 200, "the places are free again"

    asyncio.run(scenario())


def test_a_chunked_body_reaches_django_with_its_length() -> None:
    async def scenario() -> None:
        inner = Inner()
        inner.go_on.set()
        status = await ask(Admission(inner), [b"ab", b"cd", b"e"], [(b"transfer-encoding", b"chunked")])
        assert status == 200
        assert inner.bodies == [(b"abcde", {b"content-length": b"5"})]

    asyncio.run(scenario())


@pytest.mark.parametrize("declared", [True, False])
def test_an_oversize_body_is_413_before_django(declared: bool) -> None:
    async def scenario() -> None:
        inner = Inner()
        chunks = [b"x"] if declared else [b"x" * 1024 * 1024] * 5
        headers = [(b"content-length", b"99999999")] if declared else []
        assert await ask(Admission(inner), chunks, headers) == 413
        assert inner.most == 0

    asyncio.run(scenario())


def test_a_slow_sender_holds_no_place_and_is_told_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare_asgi, "BODY_DEADLINE_SECONDS", 0.1)

    async def receive_forever() -> Any:
        await asyncio.Event().wait()

    async def scenario() -> None:
        inner, statuses = Inner(), []

        async def send(message: Any) -> None:
            statuses.append(message.get("status"))

        await Admission(inner)({"type": "http", "headers": []}, receive_forever, send)
        assert statuses[0] == 408
        assert inner.most == 0

    asyncio.run(scenario())


def test_a_client_that_hangs_up_is_let_go() -> None:
    async def scenario() -> None:
        inner = Inner()
        assert await ask(Admission(inner), [b"half", None]) == 0
        assert inner.most == 0

    asyncio.run(scenario())
