"""`manage.py maintain`: the maintenance loop."""

import logging
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

import structlog
from django.core.management.base import CommandError
from django.db import close_old_connections
from django.utils import timezone
from tqdm import tqdm

from controlplane.commands import CommandWithEpilog, needs_database
from controlplane.problems import DATABASE_AWAY
from controlplane.stopping import stop_signals
from telemetry.alerts.transitions import is_status_marked
from telemetry.maintenance import URGENT, StepResult, Turn, plan_steps, run_steps

SLEEP_STEP_SECONDS = 0.2
# So that a long purge does not delay alerts.
STEP_SECONDS = 10

HELP = """\
Keep the service healthy: notice silent cameras and send alerts, make coming partitions, remove what deleted
cameras left, sum up samples by minute and hour, and remove what is too old or too much (TELEMETRY_RETENTION_DAYS
and the settings beside it).

A camera that fails or works again is noticed at once, all else in the next round.

It runs until Ctrl-C or SIGTERM, finishes what it is doing, and exits with 0. Run one beside the service; more do
no harm, as only one works at a time and the others wait to take over. It outlasts an outage of the database. A
step that fails is logged, and tried again in the next round.

--dry-run also forecasts when TELEMETRY_MAX_BYTES is reached.

With --once it does one round, for cron, and exits with 1 if a step failed. If another process is doing the
maintenance, it says so and exits with 0.
"""
EXAMPLE = """\
examples:
  manage.py maintain
  manage.py maintain --once --dry-run
"""

log = structlog.get_logger(__name__)


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do one round, then end")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
        parser.add_argument(
            "--interval",
            type=_seconds,
            default=10,
            metavar="SECONDS",
            help="how long to wait between two rounds (default: 10)",
        )

    def handle(self, *, once: bool, dry_run: bool, interval: float, **options: Any) -> None:
        if dry_run:
            with needs_database():
                results = plan_steps(Turn(timezone.now()))
            self._print(results)
            return
        with stop_signals() as stopping:
            if once:
                self._run_once(stopping)
            else:
                _run_until(stopping, interval)

    def _run_once(self, stopping: Callable[[], bool]) -> None:
        with needs_database(), tqdm(unit=" rows", disable=None) as bar:
            results = run_steps(Turn(timezone.now(), stopping, bar.update))
        if results is None:
            self.stdout.write("Another process is doing the maintenance; nothing was done here.")
            return
        self._print(results)
        if failed := [result.step for result in results if not result.ok]:
            raise CommandError(f"Failed: {', '.join(failed)}.")

    def _print(self, results: list[StepResult]) -> None:
        for result in results:
            self.stdout.write(f"{result.step}: {result.detail}")


def _run_until(stopping: Callable[[], bool], interval: float) -> None:
    log.info("maintenance started", interval_seconds=interval)
    state = here = "maintenance is done here"
    is_woken = False
    due = time.monotonic()
    while not stopping():
        state_before = state
        results = None
        try:
            only = URGENT if is_woken else ()
            results = run_steps(Turn(timezone.now(), stopping, step_seconds=STEP_SECONDS), only=only)
        except DATABASE_AWAY:
            state = "the database is away; maintenance tries again"
        else:
            state = "another process does the maintenance; this one waits" if results is None else here
        if state != state_before:
            log.log(logging.INFO if state == here else logging.WARNING, state)
        if not is_woken:
            due = time.monotonic() + interval
        # A connection that was lost must not be used again, and an idle one only takes up a place.
        close_old_connections()
        is_woken = _wait(due, stopping, is_wanted=_is_urgent if results is not None else lambda: False)
    log.info("maintenance stopped")


def _is_urgent() -> bool:
    """Whether a camera has failed, or works again, so that some steps should not wait for the next round."""
    try:
        return is_status_marked()
    except DATABASE_AWAY:
        return False  # the next round says so


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 86_400:
        raise ArgumentTypeError("must be a number of seconds from 0.1 to 86,400")
    return seconds


def _wait(due: float, stopping: Callable[[], bool], *, is_wanted: Callable[[], bool]) -> bool:
    """Wait until the next round is due; returns whether `is_wanted` said before that something is."""
    # In short steps: Python goes on sleeping after a signal's handler, and an Event set in a handler can deadlock.
    while not stopping() and (rest := due - time.monotonic()) > 0:
        time.sleep(min(rest, SLEEP_STEP_SECONDS))
        if is_wanted():
            return True
    return False
