"""Waiting until something holds: a fixed sleep is too short on a busy machine, and too long on every other."""

import asyncio
import time
from collections.abc import Callable

EVERY_SECONDS = 0.01


def wait_until(holds: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as it holds; raises AssertionError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it does not hold after {seconds} seconds"
        time.sleep(EVERY_SECONDS)


async def until(holds: Callable[[], object], seconds: float = 10) -> None:
    """The same, where the event loop has to run meanwhile."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it does not hold after {seconds} seconds"
        await asyncio.sleep(EVERY_SECONDS)
