"""Measure the service beside others on this machine: see docs/explanation/performance.md.

Every ratio is taken within a round, in which what is compared runs in turn. Only ratios can be compared between
machines; rates cannot.
"""

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import psycopg

from tests.benchmarks.comparison import Scenario
from tests.benchmarks.load import Load, Window
from tests.benchmarks.report import Measured, tables, write_json
from tests.benchmarks.scenarios import all_scenarios
from tests.benchmarks.servers import RESULTS, Servers
from tests.cluster import Cluster
from tests.processes import ROOT, Failure, say

NAMES = (
    "single-events",
    "one-client",
    "batches",
    "beside-reads",
    "beside-batches",
    "beside-guesses",
    "cameras",
    "whole-list",
    "reads",
    "reads-before",
    "large-table",
    "memory",
    "series",
    "drop-a-day",
)


def main() -> int:
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    if not shutil.which("wrk"):
        say("There is no wrk; on Debian: apt-get install wrk.")
        return 1
    about = _about(options)
    measured: list[Measured] = []
    work = Path(tempfile.mkdtemp(prefix="controlplane-benchmark."))
    try:
        with Cluster() as cluster, Servers(cluster, work, options.before) as servers:
            about["postgresql"] = cluster.version()
            load = Load(cluster, work, options.seconds)
            for scenario in all_scenarios(servers, load, options.large_rows):
                if _is_wanted(scenario, options):
                    measured.append(_measure(scenario, options.rounds))
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    except Failure as error:
        say(str(error))
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    about["busy_with_others"] = {"median": median(load.busy), "highest": max(load.busy)} if load.busy else None
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    write_json(path, about, measured)
    sys.stdout.write(f"\n{tables(measured)}\n")
    if load.busy:
        busy, busiest = median(load.busy), max(load.busy)
        sys.stdout.write(
            f"In the pauses other programs kept the cores {busy:.0%} busy (median; at most {busiest:.0%}).\n"
        )
    sys.stdout.write(f"Written to {path.relative_to(ROOT)}.\n")
    return 1 if any(one.failure for one in measured) else 0


def _is_wanted(scenario: Scenario, options: argparse.Namespace) -> bool:
    if options.only:
        return scenario.name in options.only
    return (options.large or not scenario.large) and (bool(options.before) or not scenario.needs_before)


def _measure(scenario: Scenario, rounds: int) -> Measured:
    """Round after round; a failure ends this scenario and no other."""
    measured = Measured(scenario)
    count = 1 if scenario.once else rounds
    for number in range(1, count + 1):
        this_round: dict[str, Window] = {}
        for name, measure in scenario.series.items():
            try:
                this_round[name] = measure()
            except (Failure, psycopg.Error, subprocess.SubprocessError) as error:
                measured.failure = f"{name}: {error}"
                say(f"{scenario.name}: {measured.failure}")
                return measured
            say(f"{scenario.name} {number}/{count}: {name}: {_in_short(this_round[name])}")
        measured.rounds.append(this_round)
    return measured


def _in_short(window: Window) -> str:
    names = ("rate", "p50_ms", "p99_ms", "rss_mib", "beside_rate")
    return ", ".join(f"{name} {window[name]:,.1f}" for name in names if name in window.figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N", help="rounds of each scenario (3)")
    parser.add_argument("--seconds", type=_positive, default=6, metavar="N", help="length of a window (6)")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}"
    )
    parser.add_argument(
        "--large",
        action="store_true",
        help="also large-table, memory, series and drop-a-day, which take minutes and 6 GB",
    )
    parser.add_argument(
        "--large-rows", type=_positive, default=20_000_000, metavar="N", help="rows of large-table (20,000,000)"
    )
    parser.add_argument(
        "--before", default="", metavar="COMMIT", help="the commit that reads-before compares with"
    )
    options = parser.parse_args()
    if "reads-before" in options.only and not options.before:
        parser.error("reads-before needs --before COMMIT")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, 1 or more")
    return int(text)


def _about(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"bin/benchmark {' '.join(sys.argv[1:])}".strip(),
        "cores": os.cpu_count(),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "revision": _revision(),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }


def _revision() -> str:
    """The commit that is measured, as far as git can tell."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip()


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
