"""Reading the database for an event loop: in a thread of its own, and once for all who need the same."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

from controlplane import problems

T = TypeVar("T")


class SharedReadings:
    """Reads one thing after the other, in one thread and over one connection."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, name)
        self._turn = asyncio.Lock()
        self._waiting: dict[Hashable, asyncio.Task[Any]] = {}

    async def read(self, read: Callable[[], T], key: Hashable = None) -> T:
        """What is read; those who ask for the same key before it is read share one reading."""
        key = object() if key is None else key
        if key not in self._waiting:
            self._waiting[key] = self._loop.create_task(self._read(key, read))
        found: T = await asyncio.shield(self._waiting[key])
        return found

    async def close(self) -> None:
        """Give the connection back."""
        await self.read(lambda: connection.close())
        self._thread.shutdown()

    async def _read(self, key: Hashable, read: Callable[[], T]) -> T:
        async with self._turn:
            # Whoever comes from now on may know of something later, so another reading is theirs.
            del self._waiting[key]
            return await self._loop.run_in_executor(self._thread, _with_connection, read)


def _with_connection(read: Callable[[], T]) -> T:
    """Read over the connection that the thread keeps; one that has failed is not used again."""
    try:
        return read()
    except problems.DATABASE_AWAY:
        connection.close()
        raise
