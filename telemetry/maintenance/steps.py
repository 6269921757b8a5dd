"""A step of upkeep: what it is given, what it says, and how it went, which is kept in StepRun.

A step is idempotent, works in bounded transactions, and may be stopped between two of them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import NamedTuple

import structlog
from django.db import connection
from django.db.models import F

from controlplane.problems import DATABASE_AWAY
from telemetry.models import StepRun

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step is given: the time, whether to end early, and a callback for rows dealt with.

    After `step_seconds` a resumable step is asked to stop, so that it does not delay those behind it.
    """

    now: datetime
    stopping: Callable[[], bool] = lambda: False
    progress: Callable[[int], object] = lambda count: None
    step_seconds: float = inf


class Step(NamedTuple):
    """One kind of upkeep. `run` returns in a few words what was done, `plan` what would be done.

    A `resumable` one goes on in the next round where it was stopped.
    """

    name: str
    run: Callable[[Turn], str]
    plan: Callable[[Turn], str]
    resumable: bool = False


class StepResult(NamedTuple):
    """What became of a step."""

    step: str
    ok: bool
    detail: str


def run_step(step: Step, turn: Turn) -> StepResult:
    """Run it, and store how it went. Raises `problems.DATABASE_AWAY` where the connection was lost."""
    rows: list[int] = []

    def progress(count: int) -> None:
        rows.append(count)
        turn.progress(count)

    began = time.monotonic()

    def stopping() -> bool:
        late = step.resumable and time.monotonic() - began > turn.step_seconds
        return late or turn.stopping()

    result = attempt(step, replace(turn, stopping=stopping, progress=progress))
    written = {
        "ran_at": turn.now,
        "duration_seconds": time.monotonic() - began,
        "rows": sum(rows),
        **({"succeeded_at": turn.now} if result.ok else {}),
    }
    count = "succeeded" if result.ok else "failed"
    # One statement but for the first time, as some steps run every two seconds.
    if not StepRun.objects.filter(name=step.name).update(**written, **{count: F(count) + 1}):
        StepRun.objects.bulk_create([StepRun(name=step.name, **written, **{count: 1})], ignore_conflicts=True)
    return result


def attempt(step: Step, turn: Turn) -> StepResult:
    """Run it without a note of it; one that has nothing to say did nothing. Raises as `run_step` does."""
    try:
        detail = step.run(turn)
    except Exception as error:
        if isinstance(error, DATABASE_AWAY) and not connection.is_usable():
            raise  # the lock was lost with the connection, so another process may be running the steps by now
        log.exception("maintenance step failed", step=step.name, exception_type=type(error).__name__)
        return StepResult(step.name, False, f"failed: {type(error).__name__}; see the log")
    if detail:
        log.debug("maintenance step done", step=step.name, detail=detail)
    return StepResult(step.name, True, detail)
