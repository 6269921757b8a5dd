"""What a stop does to long work, and to those who wait."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ends: list[Callable[[], None]] = []


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether SIGTERM or SIGINT has come, to be called between two pieces of work."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def at_stop(end: Callable[[], None]) -> None:
    """Have `end` called in the event loop of a serving process as soon as it is asked to stop."""
    _ends.append(end)


def end_waits() -> None:
    """Call every function that `at_stop` was given."""
    for end in _ends:
        end()
