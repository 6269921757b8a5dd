"""The work that keeps the service healthy while nobody looks: one list of steps, run by one process at a time.

A step is idempotent, works in bounded transactions, and may be stopped between two of them. How each went is kept
in StepRun. A new step is added to STEPS.
"""

import fcntl
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from pathlib import Path
from typing import NamedTuple

import structlog
from django.db import connection

from cameras import recycle_bin
from controlplane.problems import DATABASE_AWAY
from telemetry.alerts import steps as alerts
from telemetry.history import dirty_ranges, rollups
from telemetry.models import StepRun
from telemetry.storage import forecast, partitions, retention

# What is done at once where a sample, a report or a placement has changed a status.
URGENT = ("status", "alerts")
# Not the lock of telemetry.storage.partitions, which a step takes while this one is held.
ADVISORY_LOCK = 4_201_002

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step is given: the time, whether to end early, and a callback for rows dealt with.

    After `step_seconds` a resumable step is asked to stop, so that it does not delay alerts.
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


# --- The steps --------------------------------------------------------------------------------------------


def _make_partitions(turn: Turn) -> str:
    made = partitions.make_partitions(turn.now)
    return f"made {', '.join(made)}" if made else "all days are there"


def _plan_partitions(turn: Turn) -> str:
    ahead = partitions.days_ahead(turn.now)
    if ahead >= partitions.DAYS_AHEAD:
        return "all days are there"
    return f"{ahead} of {partitions.DAYS_AHEAD} days ahead are there; would make what is missing"


def _empty_bin(turn: Turn) -> str:
    return f"erased {recycle_bin.erase_expired(turn.now, stopping=turn.stopping):,} deleted cameras"


def _plan_bin(turn: Turn) -> str:
    return f"would erase {recycle_bin.count_expired(turn.now):,} deleted cameras"


def _purge(turn: Turn) -> str:
    purged = retention.purge_deleted_cameras(stopping=turn.stopping, progress=turn.progress)
    return f"removed {purged.samples:,} samples; finished with {purged.cameras:,} deleted cameras"


def _plan_purge(turn: Turn) -> str:
    purged = retention.samples_to_purge()
    return f"would remove {purged.samples:,} samples of {purged.cameras:,} deleted cameras"


def _compute_rollups(turn: Turn) -> str:
    written = rollups.compute_rollups(turn.now, stopping=turn.stopping, progress=turn.progress)
    return f"computed {written:,} minutes"


def _plan_rollups(turn: Turn) -> str:
    return f"{dirty_ranges.count_pending():,} dirty ranges; would compute those that have settled"


def _remove_old(turn: Turn) -> str:
    removed = retention.remove_old(turn.now, stopping=turn.stopping, progress=turn.progress)
    return f"removed {', '.join(removed)}" if removed else "nothing is too old or too much"


def _plan_removal(turn: Turn) -> str:
    due = retention.due(turn.now)
    plan = f"would remove {', '.join(due)}" if due else "nothing is too old or too much"
    return f"{plan}; {forecast.forecast(turn.now)}"


STEPS: tuple[Step, ...] = (
    Step("status", alerts.record_status, alerts.plan_status),
    Step("alerts", alerts.send_alerts, alerts.plan_alerts),
    Step("partitions", _make_partitions, _plan_partitions),
    Step("bin", _empty_bin, _plan_bin, resumable=True),
    Step("purge", _purge, _plan_purge, resumable=True),
    # Before retention, which removes no samples that are not summed up yet.
    Step("rollups", _compute_rollups, _plan_rollups, resumable=True),
    Step("retention", _remove_old, _plan_removal, resumable=True),
)


# --- Running them -----------------------------------------------------------------------------------------


def run_steps(turn: Turn, *, only: Collection[str] = ()) -> list[StepResult] | None:
    """Run every step, or those of these names, also after one that failed. None if another process runs them.

    Raises `problems.DATABASE_AWAY` if the database is away.
    """
    with _alone() as alone:
        if not alone:
            return None
        results = []
        for step in STEPS:
            if turn.stopping():
                break
            if only and step.name not in only:
                continue
            results.append(_run(step, turn))
        return results


def plan_steps(turn: Turn) -> list[StepResult]:
    """What each step would do now; nothing is changed."""
    return [StepResult(step.name, True, step.plan(turn)) for step in STEPS]


def _run(step: Step, turn: Turn) -> StepResult:
    rows: list[int] = []

    def progress(count: int) -> None:
        rows.append(count)
        turn.progress(count)

    began = time.monotonic()

    def stopping() -> bool:
        late = step.resumable and time.monotonic() - began > turn.step_seconds
        return late or turn.stopping()

    result = _result_of(step, replace(turn, stopping=stopping, progress=progress))
    StepRun.objects.update_or_create(
        name=step.name,
        defaults={
            "ran_at": turn.now,
            "duration_seconds": time.monotonic() - began,
            "rows": sum(rows),
            **({"succeeded_at": turn.now} if result.ok else {}),
        },
    )
    return result


def _result_of(step: Step, turn: Turn) -> StepResult:
    try:
        detail = step.run(turn)
    except Exception as error:
        if isinstance(error, DATABASE_AWAY) and not connection.is_usable():
            raise  # the lock was lost with the connection, so another process may be running the steps by now
        log.exception("maintenance step failed", step=step.name, exception_type=type(error).__name__)
        return StepResult(step.name, False, f"failed: {type(error).__name__}; see the log")
    log.debug("maintenance step done", step=step.name, detail=detail)
    return StepResult(step.name, True, detail)


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this is the only process that does maintenance on this database; it stays that until the end."""
    if connection.vendor == "postgresql":
        with _advisory_lock() as taken:
            yield taken
    else:
        with _file_lock(Path(f"{connection.settings_dict['NAME']}-maintain.lock")) as taken:
            yield taken


@contextmanager
def _advisory_lock() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        (taken,) = cursor.fetchone()
    try:
        yield taken
    finally:
        try:
            if taken:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
        except DATABASE_AWAY:
            pass  # the lock ended with its session


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    # The file is never removed: a process could lock the removed one while another makes and locks a new one.
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True  # closing the file releases the lock
