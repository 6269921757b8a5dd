"""`manage.py simulate_workers`: a fleet of vision workers that post over HTTP."""

import asyncio
import logging
import os
import signal
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from tqdm import tqdm

from controlplane.commands import CommandWithEpilog
from telemetry.simulation.client import SimulationFailed, is_loopback
from telemetry.simulation.fleet import Fleet, run_fleet
from telemetry.simulation.tally import Tally

PROGRESS_EVERY_SECONDS = 0.5

HELP = """\
Post telemetry over HTTP as a fleet of vision workers would: one worker for each camera that should run, which
reports at the expected interval along the curve of a day, is silent or restarts now and then, stops when an answer
says so, and sends again what the server could not take.

They also report how they are. A camera whose model configuration has `simulate` plays what that says: `silent`,
`late`, `starting`, `outdated`, `contended`, `orphaned`, `failed: REASON` with a reason of a worker, or
`not placed: REASON` with one of an orchestrator. With an orchestrator's token workers are claimed before they
report, on nodes called `simulated`; cameras that other nodes have are left alone.

The worker's token is read from --token-file or from CONTROLPLANE_TOKEN. With a token that may list cameras (role
orchestrator or viewer) in CONTROLPLANE_READ_TOKEN the fleet follows the list of running cameras, their intervals
and zones. Without one, name the cameras with --cameras.

It runs until --duration is over, or until Ctrl-C or SIGTERM, and prints what became of the samples.
"""
EXAMPLE = """\
examples:
  CONTROLPLANE_TOKEN=cpt_... CONTROLPLANE_READ_TOKEN=cpt_... manage.py simulate_workers
  manage.py simulate_workers --token-file worker.token --cameras 6f2c1b1e-... --duration 60 --speed 10
"""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE
    # It uses the service by HTTP alone, perhaps on a machine without its database.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the service (default: %(default)s)")
        parser.add_argument(
            "--token-file", type=Path, metavar="PATH", help="a file that holds the worker's token alone"
        )
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--cameras", nargs="+", type=_camera_id, metavar="ID", help="work for these cameras only"
        )
        which.add_argument("--all", action="store_true", help="work for all cameras that should run (the default)")
        parser.add_argument(
            "--speed",
            type=_positive,
            default=1.0,
            help="report so many times as often, and let the day go by as much faster (default: 1)",
        )
        parser.add_argument("--duration", type=_positive, metavar="SECONDS", help="end by itself after so long")
        parser.add_argument("--batch", action="store_true", help="post in batches, one a second, to /telemetry")
        parser.add_argument(
            "--allow-remote", action="store_true", help="post to another machine than this one: think twice"
        )

    def handle(self, *, duration: float | None, **options: Any) -> None:
        # Without one line for each request.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        tally = Tally()
        try:
            asyncio.run(_run(_fleet(options), duration, tally))
        except SimulationFailed as error:
            if tally != Tally():
                self.stdout.write(str(tally))
            raise CommandError(str(error)) from None
        self.stdout.write(str(tally))


def _fleet(options: dict[str, Any]) -> Fleet:
    if not is_loopback(options["url"]) and not options["allow_remote"]:
        raise CommandError(
            "That is another machine, where made-up samples may spoil real ones. To mean it, add --allow-remote."
        )
    read_token = os.environ.get("CONTROLPLANE_READ_TOKEN", "").strip() or None
    if options["cameras"] is None and read_token is None:
        raise CommandError(
            "Name the cameras with --cameras, or give CONTROLPLANE_READ_TOKEN a token that may list them: "
            "`manage.py create_token NAME --role orchestrator`."
        )
    return Fleet(
        url=options["url"].rstrip("/"),
        token=_token(options["token_file"]),
        read_token=read_token,
        camera_ids=None if options["cameras"] is None else frozenset(options["cameras"]),
        speed=options["speed"],
        batch=options["batch"],
    )


def _token(file: Path | None) -> str:
    try:
        token = file.read_text(encoding="ascii") if file else os.environ.get("CONTROLPLANE_TOKEN", "")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise CommandError(f"The token file cannot be read: {reason}.") from None
    token = token.strip()
    if not token or not token.isascii() or len(token.split()) != 1:
        raise CommandError(
            "Give the worker's token in CONTROLPLANE_TOKEN or, alone, in a --token-file. Make one with "
            "`manage.py create_token NAME --role worker`."
        )
    return token


async def _run(fleet: Fleet, duration: float | None, tally: Tally) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if duration:
        loop.call_later(duration, stop.set)
    progress = loop.create_task(_show_progress(tally))
    try:
        await run_fleet(fleet, stop, tally)
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)


async def _show_progress(tally: Tally) -> None:
    with tqdm(unit=" samples", disable=None) as bar:
        while not bar.disable:
            bar.update(tally.sent - bar.n)
            bar.set_postfix_str(f"retried {tally.retried}, errors {tally.errors}", refresh=False)
            await asyncio.sleep(PROGRESS_EVERY_SECONDS)


def _camera_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError("must be ids of cameras (UUIDs), with spaces between them") from None


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 1_000_000:
        raise ArgumentTypeError("must be a number above 0")
    return number
