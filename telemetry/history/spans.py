"""Spans of time, half-open and in UTC, and how buckets divide them. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Span(NamedTuple):
    """From `start` until just before `end`."""

    start: datetime
    end: datetime


def floor_to(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - EPOCH) % width


def ceil_to(moment: datetime, width: timedelta) -> datetime:
    return moment + (EPOCH - moment) % width


def midnight(day: date) -> datetime:
    """When a day of UTC begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def widened(span: Span, width: timedelta) -> Span:
    """The smallest span of whole multiples of `width` that contains a span."""
    return Span(floor_to(span.start, width), ceil_to(span.end, width))


def clipped(spans: Iterable[Span], bounds: Span) -> list[Span]:
    """The parts of the spans that lie within the bounds."""
    cut = (Span(max(span.start, bounds.start), min(span.end, bounds.end)) for span in spans)
    return [span for span in cut if span.start < span.end]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time, in order and without overlaps."""
    whole: list[Span] = []
    for span in sorted(spans):
        if whole and span.start <= whole[-1].end:
            whole[-1] = Span(whole[-1].start, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return whole


def without(whole: Span, holes: Iterable[Span]) -> list[Span]:
    """What is left of a span without the holes, which must be sorted and must not overlap, as from `merged`."""
    left, start = [], whole.start
    for hole in clipped(holes, whole):
        if start < hole.start:
            left.append(Span(start, hole.start))
        start = hole.end
    if start < whole.end:
        left.append(Span(start, whole.end))
    return left


def cut_at(span: Span, moments: Iterable[datetime]) -> list[Span]:
    """The span in pieces, cut at the moments that lie within it; these must be sorted."""
    edges = [span.start, *(moment for moment in moments if span.start < moment < span.end), span.end]
    return [Span(*pair) for pair in pairwise(edges)]


class Grid(NamedTuple):
    """How time is divided into buckets: by one width from an origin on, or at edges.

    A bucket of a width that would begin before `start` begins there.
    """

    width: timedelta | None
    origin: datetime = EPOCH
    start: datetime = EPOCH
    edges: Sequence[datetime] = ()

    @property
    def follows_utc(self) -> bool:
        """Whether no whole hour of UTC lies in two buckets of a width."""
        return floor_to(self.origin, HOUR) == self.origin

    @property
    def part(self) -> timedelta:
        """A width that never crosses an edge: clocks differ from UTC by quarters of an hour everywhere."""
        return self.width if self.width and self.follows_utc else MINUTE * 15

    def start_of(self, moment: datetime) -> datetime:
        """The start of the bucket that a moment lies in."""
        if self.width:
            return max(moment - (moment - self.origin) % self.width, self.start)
        return self.edges[bisect_right(self.edges, moment) - 1]

    def edges_within_hours(self) -> list[datetime]:
        """The edges that are no whole hours of UTC."""
        return [edge for edge in self.edges if floor_to(edge, HOUR) != edge]
