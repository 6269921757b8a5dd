"""How many entries of the audit trail those who ask may cause: else refusals would be a way to fill the disk."""

import threading
import time

WINDOW_SECONDS = 600.0


class Allowance:
    """So many entries for each who causes them, and so many in all, in each window of this process.

    The first windows of two processes begin at different moments, so that a cause may have twice as much.
    """

    def __init__(self, each: int, in_all: int) -> None:
        self.each, self.in_all = each, in_all
        self._lock = threading.Lock()
        self._began_at = 0.0
        self._taken: dict[str, int] = {}
        self._written = 0
        self._left_out = 0

    def take(self, cause: str) -> list[str] | None:
        """Take one for a cause, such as an address; None where its entry is to be left out.

        Else what the entry has to mention in its `fields`: how many were left out before, of all causes, that none
        has mentioned yet.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._began_at >= WINDOW_SECONDS:
                self._began_at, self._taken, self._written = now, {}, 0
            # Those who come when all are taken are not remembered: a flood of addresses must not fill the memory.
            if self._written >= self.in_all or self._taken.get(cause, 0) >= self.each:
                self._left_out += 1
                return None
            self._taken[cause] = self._taken.get(cause, 0) + 1
            self._written += 1
            left_out, self._left_out = self._left_out, 0
            return [f"{left_out} more before"] if left_out else []
