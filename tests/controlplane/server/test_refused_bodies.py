"""The rest of a body that was refused is taken in, and nothing is waited for where a body has ended."""

import asyncio
from typing import Any

import pytest

from controlplane.server import refused_bodies
from controlplane.server.refused_bodies import taking_in_refused_bodies

PART, LAST = {"type": "http.request", "body": b"x" * 100, "more_body": True}, {"type": "http.request", "body": b""}
GONE = {"type": "http.disconnect"}


def left_of(sent: list[dict[str, Any]], *, received: int, kind: str = "http") -> list[dict[str, Any]]:
    """What is not taken in, of what a client sends, where the application receives so many parts and answers."""
    left = list(sent)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(received):
            await receive()

    async def run() -> None:
        await asyncio.wait_for(taking_in_refused_bodies(inner)({"type": kind}, receive, None), 10)  # type: ignore[arg-type]

    asyncio.run(run())
    return left


CASES = [
    # sent, received by the application, left
    ([PART, PART, LAST], 0, []),
    ([PART, PART, LAST], 1, []),
    ([PART, LAST], 2, []),
    ([LAST, GONE], 0, [GONE]),
    ([LAST, GONE], 1, [GONE]),
    ([PART, GONE, PART], 0, [PART]),
    ([PART] * 12, 0, [PART] * 2),
    ([PART] * 12, 1, [PART]),
]


@pytest.mark.parametrize(("sent", "received", "left"), CASES)
def test_the_rest_is_taken_in_as_far_as_the_limit(
    sent: list[dict[str, Any]], received: int, left: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_bodies, "REFUSED_BODY_BYTES", 10 * len(PART["body"]))

    assert left_of(sent, received=received) == left


def test_whoever_sends_nothing_more_is_waited_for_no_longer_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refused_bodies, "REFUSED_BODY_SECONDS", 0.05)

    assert left_of([PART], received=1) == []


def test_what_is_no_request_is_left_alone() -> None:
    assert left_of([PART], received=0, kind="lifespan") == [PART]
