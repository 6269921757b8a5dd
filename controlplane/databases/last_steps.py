"""What a transaction does last, before it is committed: steps that take a lock for which everybody waits.

A step that was asked for by what a savepoint has rolled back is still run; it has to look at what is there.
"""

from collections.abc import Callable
from typing import Any

Step = Callable[[list[Any]], None]


class LastSteps:
    """Mixed into the wrapper of a database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._last_steps: dict[Step, list[Any]] = {}

    def do_last(self, step: Step, item: Any) -> None:
        """Call the step once, with all items that it was asked for, before this transaction is committed."""
        self._last_steps.setdefault(step, []).append(item)

    def commit(self) -> None:
        steps, self._last_steps = self._last_steps, {}
        try:
            for step, items in steps.items():
                step(items)
        except BaseException:
            self.rollback()
            raise
        super().commit()  # type: ignore[misc]  # of the wrapper that this is mixed into

    def rollback(self) -> None:
        self._last_steps = {}
        super().rollback()  # type: ignore[misc]

    def close(self) -> None:
        self._last_steps = {}
        super().close()  # type: ignore[misc]
