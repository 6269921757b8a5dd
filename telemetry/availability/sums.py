"""Times of many cameras added up, day by day. Pure: no Django."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, Self

from telemetry.availability.rule import History, Verdict, pieces_of
from telemetry.history.spans import Span

ZERO = timedelta()


class Totals(NamedTuple):
    """For how long cameras were up, down, and not judged, added up over all of them."""

    up: timedelta = ZERO
    down: timedelta = ZERO
    left_out: timedelta = ZERO
    unknown: timedelta = ZERO

    @property
    def percent(self) -> float | None:
        """How much of the time that is judged they were up, from 0 to 100; None where none is judged."""
        judged = self.up + self.down
        return 100 * self.up / judged if judged else None

    def plus(self, other: Self) -> "Totals":
        return Totals(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def totals_between(histories: Mapping[History, int], edges: Sequence[datetime]) -> list[Totals]:
    """The totals from each edge to the next, of histories and how many cameras have each.

    All of them must lie between the first edge and the last.
    """
    days = [Totals() for _ in edges[1:]]
    for excused, steps in _steps(histories).items():
        columns = []
        excused_by_day = [ZERO for _ in days]
        for verdict in Verdict:
            judged, left_out = _between(steps[verdict], excused, edges)
            columns.append(judged)
            excused_by_day = [one + other for one, other in zip(excused_by_day, left_out, strict=True)]
        found = [Totals(*row) for row in zip(*columns, strict=True)]
        found = [day.plus(Totals(left_out=more)) for day, more in zip(found, excused_by_day, strict=True)]
        days = [day.plus(more) for day, more in zip(days, found, strict=True)]
    return days


# How many cameras more (or fewer) have a verdict from a moment on.
Steps = dict[Verdict, Counter[datetime]]


def _steps(histories: Mapping[History, int]) -> dict[tuple[Span, ...], Steps]:
    """The verdicts as if nothing excused the cameras, by what does excuse them.

    Most cameras of a site are excused together: their windows are taken off once, and not of each of them.
    """
    found: dict[tuple[Span, ...], Steps] = {}
    for history, count in histories.items():
        steps = found.setdefault(history.excused, {verdict: Counter() for verdict in Verdict})
        for piece in pieces_of(history._replace(excused=())):
            steps[piece.verdict][piece.start] += count
            steps[piece.verdict][piece.end] -= count
    return found


def _between(
    steps: Counter[datetime], excused: Sequence[Span], edges: Sequence[datetime]
) -> tuple[list[timedelta], list[timedelta]]:
    """From each edge to the next, the time outside of what is excused, and the time within."""
    begins, ends = Counter(span.start for span in excused), Counter(span.end for span in excused)
    inner = iter(edges[1:])
    edge = next(inner, None)
    judged, left_out = [ZERO], [ZERO]
    cameras = depth = 0
    for at, until in pairwise(sorted({*steps, *edges, *begins, *ends})):
        cameras += steps[at]
        depth += begins[at] - ends[at]
        (left_out if depth else judged)[-1] += cameras * (until - at)
        if until == edge:
            edge = next(inner, None)
            judged.append(ZERO)
            left_out.append(ZERO)
    return judged[: len(edges) - 1], left_out[: len(edges) - 1]


def added_up(totals: Iterable[Totals]) -> Totals:
    whole = Totals()
    for each in totals:
        whole = whole.plus(each)
    return whole
