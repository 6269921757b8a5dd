"""`manage.py maintain`: the maintenance loops."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

import structlog
from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from controlplane.commands import CommandWithEpilog, needs_database
from controlplane.stopping import stop_signals
from telemetry.maintenance.loops import plan_once, run_once, run_until
from telemetry.maintenance.steps import StepResult, Turn
from telemetry.maintenance.table import loops

HELP = """\
Keep the service healthy: notice silent cameras and send alerts, make coming partitions, remove what deleted
cameras left, sum up samples by minute and hour, and remove what is too old or too much (TELEMETRY_RETENTION_DAYS
and the settings beside it).

It does so in four loops that do not wait for each other: the detector of what changes, every two seconds and at
once where a worker or an orchestrator reports it; the sending of alerts; the capacity of zones; and the upkeep.

It runs until Ctrl-C or SIGTERM, finishes what it is doing, and exits with 0. Run one beside the service; more do
no harm: each loop runs in one process at a time, and the others wait to take over. It outlasts an outage of the
database. A step that fails is logged, and tried again in the next round.

--dry-run also forecasts when TELEMETRY_MAX_BYTES is reached.

With --once it runs every step once, for cron, and exits with 1 if one failed. What another process is doing is
left to that.
"""
EXAMPLE = """\
examples:
  manage.py maintain
  manage.py maintain --once --dry-run
"""
UPKEEP_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="run every step once, then end")
        parser.add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
        parser.add_argument(
            "--interval",
            type=_seconds,
            default=UPKEEP_SECONDS,
            metavar="SECONDS",
            help="how long the upkeep waits between two rounds (default: 10)",
        )

    def handle(self, *, once: bool, dry_run: bool, interval: float, **options: Any) -> None:
        if dry_run:
            with needs_database():
                results = plan_once(loops(interval), Turn(timezone.now()))
            self._print(results)
            return
        with stop_signals() as stopping:
            if once:
                self._run_once(interval, stopping)
            else:
                log.info("maintenance started", interval_seconds=interval)
                run_until(loops(interval), stopping)
                log.info("maintenance stopped")

    def _run_once(self, interval: float, stopping: Callable[[], bool]) -> None:
        with needs_database(), tqdm(unit=" rows", disable=None) as bar:
            results = run_once(loops(interval), Turn(timezone.now(), stopping, bar.update))
        self._print(results)
        if failed := [result.step for result in results if not result.ok]:
            raise CommandError(f"Failed: {', '.join(failed)}.")

    def _print(self, results: list[StepResult]) -> None:
        for result in results:
            self.stdout.write(f"{result.step}: {result.detail}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 86_400:
        raise ArgumentTypeError("must be a number of seconds from 0.1 to 86,400")
    return seconds
