"""Several threads that do something to the database in the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(*works: Callable[[], T]) -> list[T]:
    """What the works return, each done in a thread of its own; raises what one of them raised."""
    together = Barrier(len(works))

    def begin(work: Callable[[], T]) -> T:
        try:
            together.wait(30)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begin, works))
