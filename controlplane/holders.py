"""How much one principal or one address may hold of a process at one time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from controlplane.problems import Problem

RETRY_AFTER_SECONDS = 2


def too_many(detail: str, seconds: int = RETRY_AFTER_SECONDS) -> Problem:
    """A 429 with `Retry-After`, which also closes the connection: a greedy client would keep it."""
    return Problem(429, detail, headers={"Retry-After": str(seconds), "Connection": "close"})


class Holders:
    """Counts what each holds, and refuses more than so many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: Counter[str] = Counter()

    def take(self, holder: str) -> bool:
        """Count one more for `holder`; False where it holds as many as it may."""
        if self._held[holder] >= self.most:
            return False
        self._held[holder] += 1
        return True

    def give_back(self, holder: str) -> None:
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]  # addresses are many

    @contextmanager
    def one(self, holder: str, refusal: str) -> Iterator[None]:
        """Hold one inside the block. Raises Problem 429 with the refusal."""
        if not self.take(holder):
            raise too_many(refusal)
        try:
            yield
        finally:
            self.give_back(holder)


class Places:
    """Like `Holders`, for one event loop, but who comes too soon waits for a place of its own."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._places: dict[str, asyncio.Semaphore] = {}
        self._interested: Counter[str] = Counter()

    @asynccontextmanager
    async def one(self, holder: str) -> AsyncIterator[None]:
        """Hold a place inside the block, as soon as `holder` has one free."""
        place = self._places.setdefault(holder, asyncio.Semaphore(self.most))
        self._interested[holder] += 1
        try:
            async with place:
                yield
        finally:
            self._interested[holder] -= 1
            if not self._interested[holder]:
                del self._interested[holder], self._places[holder]
