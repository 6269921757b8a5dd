"""Times of many cameras added up, day by day. Pure: no Django."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, Self

from telemetry.availability.rule import History, Piece, Verdict, pieces_of

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
        return 100 * (self.up / judged) if judged else None

    def plus(self, other: Self) -> "Totals":
        return Totals(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


# How many cameras more (or fewer) there are of a verdict, from a moment on.
Steps = Mapping[Verdict, Counter[datetime]]


def steps_of(histories: Mapping[History, int]) -> Steps:
    """Of histories and how many cameras have each: most of a fleet have the same, and are judged once."""
    return _steps((piece, count) for history, count in histories.items() for piece in pieces_of(history))


def steps_of_pieces(pieces: Iterable[Piece]) -> Steps:
    """Of the pieces of one camera."""
    return _steps((piece, 1) for piece in pieces)


def _steps(pieces: Iterable[tuple[Piece, int]]) -> Steps:
    steps: dict[Verdict, Counter[datetime]] = {verdict: Counter() for verdict in Verdict}
    for piece, count in pieces:
        steps[piece.verdict][piece.start] += count
        steps[piece.verdict][piece.end] -= count
    return steps


def totals_between(steps: Steps, edges: Sequence[datetime]) -> list[Totals]:
    """The totals from each edge to the next; all steps must lie between the first and the last."""
    columns = [_between(steps[verdict], edges) for verdict in Verdict]
    return [Totals(*row) for row in zip(*columns, strict=True)]


def _between(steps: Counter[datetime], edges: Sequence[datetime]) -> list[timedelta]:
    inner = iter(edges[1:])
    edge = next(inner, None)
    sums: list[timedelta] = []
    cameras, total = 0, ZERO
    for at, until in pairwise(sorted({*steps, *edges})):
        cameras += steps[at]
        total += cameras * (until - at)
        if until == edge:
            sums.append(total)
            edge, total = next(inner, None), ZERO
    return sums


def added_up(totals: Iterable[Totals]) -> Totals:
    whole = Totals()
    for each in totals:
        whole = whole.plus(each)
    return whole
