"""Spans of time, half-open and in UTC, and the buckets that divide them. Pure.

Seconds, minutes and hours are of UTC; days are of a place's calendar, 23 to 25 hours long.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# The length of each bucket; None for a day.
BUCKETS = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "1d": None}


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


def start_of_day(moment: datetime, zone: tzinfo) -> datetime:
    """The first instant of the calendar day that a moment lies in."""
    # Where midnight is skipped or comes twice, `fold=0` is the day's first instant.
    return moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def start_of_next_day(moment: datetime, zone: tzinfo) -> datetime:
    day = moment.astimezone(zone).date() + DAY
    following = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    # A zone that crosses the date line skips a day of the calendar: its midnight is that of the day after.
    return following if following > moment else start_of_next_day(moment + DAY, zone)


def day_starts(span: Span, zone: tzinfo) -> list[datetime]:
    """The first instant of every day that a span touches, and that of the day after them."""
    starts = [start_of_day(span.start, zone)]
    while starts[-1] < span.end:
        starts.append(start_of_next_day(starts[-1], zone))
    return starts


class Grid(NamedTuple):
    """How time is divided into buckets: by one width, or at the edges of days."""

    width: timedelta | None
    edges: Sequence[datetime] = ()

    @property
    def part(self) -> timedelta:
        """A width that never crosses an edge: days begin at a quarter of an hour of UTC everywhere."""
        return self.width or MINUTE * 15

    def start_of(self, moment: datetime) -> datetime:
        """The start of the bucket that a moment lies in."""
        return floor_to(moment, self.width) if self.width else self.edges[bisect_right(self.edges, moment) - 1]

    def edges_within_hours(self) -> list[datetime]:
        """The edges that are no whole hours of UTC."""
        return [edge for edge in self.edges if floor_to(edge, HOUR) != edge]
