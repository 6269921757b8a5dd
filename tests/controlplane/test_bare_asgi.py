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


def test_a_request_that_is_cancelled_is_no_slow_sender() -> None:
    async def scenario() -> None:
        reading = asyncio.create_task(bare_asgi.read_body({"headers": []}, nothing, 10))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(scenario())
