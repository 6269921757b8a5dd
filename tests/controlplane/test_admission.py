"""Admission to Django: bounded, and honest when it is full."""

import asyncio
from itertools import cycle
from typing import Any

import pytest

from controlplane import admission, bare_asgi
from controlplane.admission import Admission
from tests.waiting import until


class Inner:
    """An application that is slow until it is released, and knows how many are inside."""

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


async def ask(
    application: Any,
    chunks: list[Any],
    headers: list[tuple[bytes, bytes]] | None = None,
    client: str = "192.0.2.7",
    **scope: Any,
) -> int:
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

    request = {"type": "http", "method": "GET", "path": "/cameras", "client": (client, 1), **scope}
    await application({**request, "headers": headers or []}, receive, send)
    return statuses[0] if statuses else 0


def test_at_most_so_many_are_inside_and_the_rest_are_asked_to_come_back() -> None:
    async def scenario() -> None:
        inner = Inner()
        application = Admission(inner, places=3, wait_seconds=0.2)
        asked = [asyncio.create_task(ask(application, [b""], client=f"192.0.2.{n}")) for n in range(10)]
        await until(lambda: sum(task.done() for task in asked) == 7)
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


def test_a_slow_sender_holds_no_place_and_gets_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare_asgi, "BODY_DEADLINE_SECONDS", 0.1)

    async def receive_forever() -> Any:
        await asyncio.Event().wait()

    async def scenario() -> None:
        inner, statuses = Inner(), []

        async def send(message: Any) -> None:
            statuses.append(message.get("status"))

        await Admission(inner)({"type": "http", "path": "/cameras", "headers": []}, receive_forever, send)
        assert statuses[0] == 408
        assert inner.most == 0

    asyncio.run(scenario())


def test_a_client_that_hangs_up_is_let_go() -> None:
    async def scenario() -> None:
        inner = Inner()
        assert await ask(Admission(inner), [b"half", None]) == 0
        assert inner.most == 0

    asyncio.run(scenario())


BEARER = [[(b"authorization", b"Bearer cpt_%d" % number)] for number in range(3)]
COOKIES = [[(b"cookie", b"theme=dark; sessionid=key%d" % number)] for number in range(3)]


@pytest.mark.parametrize("holder", ["token", "session", "person", "address"])
def test_one_principal_has_some_of_the_places_and_the_next_has_one_at_once(
    holder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_owners", {})
    if holder == "person":
        for number in range(2):
            admission.remember_owner(f"key{number}", "user:7")
    greedy = {
        "token": [(BEARER[0], "192.0.2.7")],
        "session": [(COOKIES[0], "192.0.2.7"), (COOKIES[0], "192.0.2.8")],
        "person": [(COOKIES[0], "192.0.2.7"), (COOKIES[1], "192.0.2.8")],
        "address": [([], "192.0.2.7")],
    }[holder]
    other = {"token": BEARER[1], "session": COOKIES[1], "person": COOKIES[2], "address": []}[holder]

    async def scenario() -> None:
        inner = Inner()
        application = Admission(inner, wait_seconds=0.2)
        asked = [
            asyncio.create_task(ask(application, [b""], *greedy[number % len(greedy)])) for number in range(20)
        ]
        await asyncio.wait(asked, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        assert inner.inside == 8
        await asyncio.wait(asked[8:])
        of_other = asyncio.create_task(ask(application, [b""], other, "192.0.2.9"))
        while inner.inside < 9:
            await asyncio.sleep(0.01)
        inner.go_on.set()
        assert await of_other == 200
        assert sorted(await asyncio.gather(*asked)) == [200] * 8 + [429] * 12

    asyncio.run(scenario())


FORMS_OF_SIGN_IN = ("login/", "login/second-factor/", "login/passkey/", "again/", "password/reset/")


def test_of_those_who_sign_in_few_are_inside_and_one_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "SIGN_IN_WAIT_SECONDS", 0.2)

    async def scenario() -> None:
        inner = Inner()
        application = Admission(inner)

        paths = cycle(f"/admin/account/{name}" for name in FORMS_OF_SIGN_IN)

        def sign_in(client: str) -> Any:
            return asyncio.create_task(ask(application, [b"x"], client=client, method="POST", path=next(paths)))

        of_one_address = [sign_in("192.0.2.7") for _ in range(5)]
        done, _ = await asyncio.wait(of_one_address, timeout=1)
        assert [task.result() for task in done] == [429] * 4
        assert inner.inside == 1
        of_others = [sign_in(f"192.0.2.{number}") for number in range(20, 25)]
        done, _ = await asyncio.wait(of_others, timeout=1)
        assert [task.result() for task in done] == [429] * 4
        assert inner.inside == 2
        inner.go_on.set()
        assert sorted(await asyncio.gather(*of_one_address, *of_others)) == [200] * 2 + [429] * 8

    asyncio.run(scenario())
