"""Loops of steps, each in a thread and on a connection of its own, so that none holds up another.

Of several processes one runs a loop, whichever took its lock first, and the others wait to take over. An error in
one loop ends none.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import structlog
from django.db import connection
from django.utils import timezone

from controlplane.databases.own_connection import use_own_connection
from controlplane.problems import DATABASE_AWAY, words_of
from telemetry.maintenance.lock import alone
from telemetry.maintenance.steps import Step, StepResult, Turn, attempt, run_step

# How often a loop looks whether something is urgent, and whether to stop.
LOOK_SECONDS = 0.25
# How often one that waits tries to take over.
TAKE_OVER_SECONDS = 1.0
# How long a resumable step may take before those behind it have their turn.
STEP_SECONDS = 10
# How often a loop at rest asks whether it still has its lock. The session of a process that is stopped, or whose
# machine is gone, is ended by the server after the other, and its locks with it.
CHECK_SECONDS = 5.0
SESSION_SETTINGS = (
    "lock_timeout=2s",
    "idle_in_transaction_session_timeout=30s",
    "idle_session_timeout=60s",
)

log = structlog.get_logger(__name__)


class Loop(NamedTuple):
    """Steps that are run one after another, every so many seconds; what is `urgent` between them.

    `lock` is the number of its advisory lock.
    """

    name: str
    lock: int
    steps: tuple[Step, ...]
    every_seconds: float
    urgent: Step | None = None


class LockLost(Exception):
    """The session ended that held the lock, so another process may be running the loop by now."""


# --- Once ---------------------------------------------------------------------------------------------------


def run_once(loops: Iterable[Loop], turn: Turn) -> list[StepResult]:
    """Run every step, also after one that failed; but none of a loop that another process runs.

    Raises `problems.DATABASE_AWAY` if the database is away.
    """
    results = []
    for loop in loops:
        with alone(loop.name, loop.lock) as is_held:
            if is_held is None:
                results += [StepResult(step.name, True, "another process does it") for step in loop.steps]
            else:
                results += _run_round(loop, turn)
    return results


def plan_once(loops: Iterable[Loop], turn: Turn) -> list[StepResult]:
    """What each step would do now; nothing is changed."""
    return [StepResult(step.name, True, step.plan(turn)) for loop in loops for step in loop.steps]


def _run_round(loop: Loop, turn: Turn) -> list[StepResult]:
    results = []
    for step in loop.steps:
        if turn.stopping():
            break
        results.append(run_step(step, turn))
    return results


# --- Until a signal -----------------------------------------------------------------------------------------


def run_until(loops: Sequence[Loop], stopping: Callable[[], bool]) -> None:
    """Run them until `stopping` says so, and return when each has finished what it was doing."""
    threads = [threading.Thread(target=_keep_up, args=(loop, stopping), name=loop.name) for loop in loops]
    for thread in threads:
        thread.start()
    for thread in threads:
        # In short steps, so that signals are handled here meanwhile.
        while thread.is_alive():
            thread.join(LOOK_SECONDS)


def _keep_up(loop: Loop, stopping: Callable[[], bool]) -> None:
    """Run the loop whenever its lock can be had. Raises nothing."""
    use_own_connection(*SESSION_SETTINGS)
    said = ""

    def say(level: int, text: str) -> None:
        nonlocal said
        if text != said:
            log.log(level, text, loop=loop.name)
        said = text

    while not stopping():
        try:
            with alone(loop.name, loop.lock) as is_held:
                if is_held is None:
                    say(logging.INFO, "another process does this maintenance; this one waits")
                else:
                    _run_rounds(loop, is_held, stopping, lambda: say(logging.INFO, "maintenance is done here"))
        except (*DATABASE_AWAY, LockLost) as error:
            say(logging.WARNING, words_of(error) or "the database is away; maintenance tries again")
            connection.close()
        except Exception as error:
            if said != (said := f"failed: {type(error).__name__}"):
                log.exception("maintenance loop failed", loop=loop.name, exception_type=type(error).__name__)
            connection.close()
        _rest(TAKE_OVER_SECONDS, stopping)
    connection.close()


def _run_rounds(
    loop: Loop, is_held: Callable[[], bool], stopping: Callable[[], bool], succeeded: Callable[[], None]
) -> None:
    due = checked_at = time.monotonic()
    while not stopping():
        if (now := time.monotonic()) >= due:
            _require(is_held)
            _run_round(loop, Turn(timezone.now(), stopping, step_seconds=STEP_SECONDS))
            succeeded()
            checked_at = time.monotonic()
            # After a long round it rests too, so that a large fleet on a small machine leaves others their share.
            due = max(now + loop.every_seconds, checked_at + min(checked_at - now, loop.every_seconds))
            continue
        if loop.urgent:
            attempt(loop.urgent, Turn(timezone.now(), stopping, step_seconds=STEP_SECONDS))
        elif now >= checked_at + CHECK_SECONDS:
            checked_at = now
            _require(is_held)
        _rest(min(LOOK_SECONDS, due - time.monotonic()), stopping)


def _require(is_held: Callable[[], bool]) -> None:
    if not is_held():
        raise LockLost


def _rest(seconds: float, stopping: Callable[[], bool]) -> None:
    # In short steps: Python goes on sleeping after a signal's handler, and an Event set in a handler can deadlock.
    until = time.monotonic() + seconds
    while not stopping() and (rest := until - time.monotonic()) > 0:
        time.sleep(min(rest, LOOK_SECONDS))
