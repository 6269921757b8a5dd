"""Bodies are read whole, within their deadline, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controlplane import bare_asgi
from controlplane.problems import Problem


async def nothing() -> Any:
    await asyncio.Event().wait()


def in_the_last_moment(*, more_body: bool) -> Callable[[], Awaitable[Any]]:
    """What `asyncio.wait_for` does before Python 3.12 where a part comes as it is cancelled: the part is returned."""
    came = False

    async def receive() -> Any:
        nonlocal came
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if came:
                raise
            came = True
            return {"type": "http.request", "body": b"x", "more_body": more_body}

    return receive


LATE = {
    "nothing comes": lambda: nothing,
    "a part comes as the deadline passes": lambda: in_the_last_moment(more_body=True),
    "the last part comes as the deadline passes": lambda: in_the_last_moment(more_body=False),
}


@pytest.mark.parametrize("make_receive", LATE.values(), ids=LATE)
def test_a_body_that_is_not_whole_at_its_deadline_is_408(
    make_receive: Callable[[], Callable[[], Awaitable[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bare_asgi, "BODY_DEADLINE_SECONDS", 0.1)

    async def scenario() -> None:
        reading = asyncio.create_task(bare_asgi.read_body({"headers": []}, make_receive(), 10))
        with pytest.raises(Problem) as problem:
            await asyncio.wait_for(reading, 5)
        assert problem.value.status == 408
        assert reading.cancelling() == 0, "nobody else takes it for cancelled"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("size", "seconds"),
    [
        (0, 10),
        (20, 10.0024),
        (64 * 1024, 18),
        (110 * 8 * 1024 - 8, 119.999),
        (110 * 8 * 1024, 120),
        (4 * 1024 * 1024, 120),
    ],
)
def test_the_deadline_of_a_body_follows_its_rate(size: int, seconds: float) -> None:
    assert bare_asgi.seconds_for(size) == pytest.approx(seconds, abs=0.0001)


def test_who_has_sent_much_may_send_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare_asgi, "BODY_DEADLINE_SECONDS", 0.2)
    monkeypatch.setattr(bare_asgi, "BODY_BYTES_A_SECOND", 100)

    def sender(parts: int, size: int) -> Callable[[], Awaitable[Any]]:
        left = parts

        async def receive() -> Any:
            nonlocal left
            await asyncio.sleep(0.05)
            left -= 1
            return {"type": "http.request", "body": b"x" * size, "more_body": left > 0}

        return receive

    async def scenario() -> None:
        # Twenty parts take at least a second: 10 bytes each are 200 a second, 1 each are 20.
        assert len(await bare_asgi.read_body({"headers": []}, sender(20, 10), 1_000)) == 200
        with pytest.raises(Problem) as problem:
            await bare_asgi.read_body({"headers": []}, sender(100, 1), 1_000)
        assert problem.value.status == 408

    asyncio.run(scenario())


def test_a_request_that_is_cancelled_is_no_slow_sender() -> None:
    async def scenario() -> None:
        reading = asyncio.create_task(bare_asgi.read_body({"headers": []}, nothing, 10))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(scenario())
