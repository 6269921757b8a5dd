"""Rounds to tables (Markdown, which a terminal shows as well) and to JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.comparison import Scenario, Target
from tests.benchmarks.load import Window


@dataclass
class Measured:
    """A scenario's rounds, or why it could not be measured."""

    scenario: Scenario
    rounds: list[dict[str, Window]] = field(default_factory=list)
    failure: str = ""


def tables(measured: Sequence[Measured]) -> str:
    parts = [_rates(one) for one in measured]
    rows = [_target_row(one, target) for one in measured for target in one.scenario.targets if one.rounds]
    if rows:
        parts.append("Targets\n\n" + _table(["", "median", "rounds", "target", "met"], rows))
    return "\n\n".join(parts) + "\n"


def write_json(path: Path, about: Mapping[str, Any], measured: Sequence[Measured]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scenarios = {
        one.scenario.name: {
            "title": one.scenario.title,
            "failure": one.failure,
            "rounds": [{name: window.figures for name, window in each.items()} for each in one.rounds],
            "targets": [asdict(_judged(one, target)) for target in one.scenario.targets if one.rounds],
        }
        for one in measured
    }
    path.write_text(json.dumps({**about, "scenarios": scenarios}, indent=1) + "\n")


@dataclass
class _Judged:
    text: str
    median: float
    rounds: list[float]
    bound: float
    at_least: bool
    met: bool


def _judged(one: Measured, target: Target) -> _Judged:
    values = [target.figure(each) for each in one.rounds]
    middle = median(values)
    met = middle >= target.bound if target.at_least else middle < target.bound
    return _Judged(target.text, middle, values, target.bound, target.at_least, met)


def _target_row(one: Measured, target: Target) -> list[str]:
    judged = _judged(one, target)
    low, high = min(judged.rounds), max(judged.rounds)
    bound = f"{'≥' if target.at_least else '<'} {target.bound:g}{target.unit}"
    where = f"{one.scenario.name}: {target.text}"
    spread = f"{low:.2f}–{high:.2f}"
    return [where, f"{judged.median:.2f}{target.unit}", spread, bound, "yes" if judged.met else "no"]


def _rates(one: Measured) -> str:
    title = f"{one.scenario.title} (`{one.scenario.name}`)\n\n"
    if not one.rounds:
        return f"{title}Not measured: {one.failure}"
    memory = any("rss_mib" in window.figures for window in one.rounds[0].values())
    head = ["", "MiB"] if memory else ["", one.scenario.per, "rounds", "p50 ms", "p99 ms", "beside it"]
    rows = [_series_row(one, name, memory=memory) for name in one.rounds[0]]
    note = f"\n\nEnded early: {one.failure}" if one.failure else ""
    return title + _table(head, rows) + note


def _series_row(one: Measured, name: str, *, memory: bool) -> list[str]:
    windows = [each[name].figures for each in one.rounds]

    def middle(figure: str) -> float | None:
        values = [window[figure] for window in windows if figure in window]
        return median(values) if values else None

    if memory:
        return [name, f"{middle('rss_mib'):.0f}"]
    rates = [window["rate"] for window in windows]
    p50, p99, beside = middle("p50_ms"), middle("p99_ms"), middle("beside_rate")
    return [
        name,
        _short(median(rates)),
        f"{_short(min(rates))}–{_short(max(rates))}",
        "" if p50 is None else f"{p50:.1f}",
        "" if p99 is None else f"{p99:.1f}",
        "" if beside is None else f"{_short(beside)}/s",
    ]


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    lines = [
        "| " + " | ".join(_cell(row[place], place, width) for place, width in enumerate(widths)) + " |"
        for row in [head, *rows]
    ]
    rule = (
        "|"
        + "|".join("-" * (width + 1) + ("-" if place == 0 else ":") for place, width in enumerate(widths))
        + "|"
    )
    return "\n".join([lines[0], rule, *lines[1:]])


def _cell(text: str, place: int, width: int) -> str:
    return text.ljust(width) if place == 0 else text.rjust(width)
