"""Telemetry as people read it: buckets of one camera or of a site, exact at any moment.

A bucket is read from hours and minutes, or computed from samples where a dirty range says that those may be out of
date, all in one snapshot. Points end at `now`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import OperationalError, connection, transaction
from django.db.models import Min

from controlplane.problems import is_cancelled
from telemetry.history.calendars import Buckets
from telemetry.history.dirty_ranges import dirty_spans
from telemetry.history.rollups import carried_samples, database_rollups, kept_from
from telemetry.history.spans import HOUR, MINUTE, Grid, Span, ceil_to, clipped, cut_at, floor_to, merged, without
from telemetry.history.summaries import RawPart, Sources, Summary
from telemetry.models import HourRollup, KeptFrom, Sample

MAX_POINTS = 10_000
STATEMENT_TIMEOUT = "5s"


class Point(msgspec.Struct):
    """One bucket from `start`, in UTC; count to avg and first and last are of its samples, None where it has none.

    `weighted_avg` weighs each value by how long it was valid, `known_seconds` is for how long any value was.
    """

    start: datetime
    count: int
    min: int | None
    max: int | None
    avg: float | None
    weighted_avg: float | None
    known_seconds: float
    first: int | None
    last: int | None


class SitePoint(msgspec.Struct):
    """One bucket of a site: the weighted averages of the cameras known in it added up, and how many those are."""

    start: datetime
    occupancy: float
    cameras: int
    known_seconds: float


class TooManyPoints(ValueError):
    """The range has more than MAX_POINTS buckets."""


class TooSlow(Exception):
    """The database gave up: too much of the range is not summed up yet."""


class SeriesQuery(NamedTuple):
    """Which buckets to read: those that overlap [start, end), None leaving a side open.

    Hours and longer ones are of `timezone`.
    """

    bucket: str
    start: datetime | None
    end: datetime | None
    zone: str
    timezone: tzinfo
    now: datetime

    @property
    def buckets(self) -> Buckets:
        return Buckets(self.bucket, self.timezone)

    def check(self) -> None:
        """Raises TooManyPoints if the range alone shows it, before anything is read."""
        if self.start and self.end and (self.end - self.start) / self.buckets.shortest > MAX_POINTS:
            raise TooManyPoints


@contextmanager
def snapshot() -> Iterator[None]:
    """One view of dirty ranges, rollups and samples, for which no writer has to wait.

    On PostgreSQL no statement in it may take longer than 5 seconds. Raises TooSlow, or the database's error if it
    is away.
    """
    outermost = not connection.in_atomic_block
    try:
        with _deferred(), transaction.atomic():
            if connection.vendor == "postgresql":
                _prepare(outermost=outermost)
            yield
    except OperationalError as error:
        if is_cancelled(error):
            raise TooSlow from None
        raise


@contextmanager
def _deferred() -> Iterator[None]:
    """Leave SQLite's one write lock to writers: other transactions begin IMMEDIATE, and so take it at once."""
    if connection.vendor != "sqlite":
        yield
        return
    database: Any = connection
    usual, database.transaction_mode = database.transaction_mode, "DEFERRED"
    try:
        yield
    finally:
        database.transaction_mode = usual


def _prepare(*, outermost: bool) -> None:
    with connection.cursor() as cursor:
        if outermost:  # PostgreSQL accepts this only before a transaction's first query
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Compiling these statements takes longer than running them.
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'; SET LOCAL jit = off")
        # So that retention drops no partition between two of the statements.
        cursor.execute("LOCK TABLE ONLY telemetry_sample IN ACCESS SHARE MODE")


def points_of(camera_id: UUID, validity: timedelta, query: SeriesQuery) -> list[Point]:
    """Each bucket of a camera's zone in which anything is known or seen, oldest first.

    Raises TooManyPoints and TooSlow.
    """
    query.check()
    with snapshot():
        read = database_rollups().read
        plans = _plans({camera_id: validity}, query)
        summaries = [row for plan in plans for row in read(plan.sources, query.zone, plan.grid, MAX_POINTS + 1)]
    return [_point(summary) for summary in _at_most(summaries)]


def site_points_of(validities: Mapping[UUID, timedelta], query: SeriesQuery) -> list[SitePoint]:
    """Each bucket in which any of the cameras is known, oldest first. Raises TooManyPoints and TooSlow."""
    query.check()
    with snapshot():
        read = database_rollups().read_sums
        plans = _plans(validities, query)
        sums = [row for plan in plans for row in read(plan.sources, query.zone, plan.grid, MAX_POINTS + 1)]
    return [SitePoint(row.start, row.occupancy, row.cameras, row.known / 1_000_000) for row in _at_most(sums)]


def knows_zone(validities: Mapping[UUID, timedelta], zone: str) -> bool:
    """Whether any of the cameras ever reported a zone."""
    with snapshot():
        if HourRollup.objects.filter(camera_id__in=list(validities)).of_zone(zone).exists():
            return True
        spans = list(chain.from_iterable(dirty_spans(validities).values()))
        if not spans:
            return False
        samples = Sample.objects.filter(camera_id__in=list(validities)).of_zone(zone)
        return samples.between(min(span.start for span in spans), max(span.end for span in spans)).exists()


# --- Where each part of a range is read from --------------------------------------------------------------


class Plan(NamedTuple):
    """Where a part of a range is read from, and how buckets divide it."""

    sources: Sources
    grid: Grid


def _plans(validities: Mapping[UUID, timedelta], query: SeriesQuery) -> list[Plan]:
    """How a range is read, oldest first; no bucket lies in two of them."""
    kept = kept_from()
    dirty = dirty_spans(validities)
    whole = _range(list(validities), chain.from_iterable(dirty.values()), query)
    if whole is None:
        return []
    # Points end at now, so the minute that contains it cannot come from a rollup, which is of the whole minute.
    open_minute = Span(floor_to(query.now, MINUTE), query.now)
    raw = Span(kept.raw or whole.start, query.now)
    holes = {camera_id: merged(clipped([*spans, open_minute], raw)) for camera_id, spans in dirty.items()}
    return [Plan(_sources(validities, span, holes, grid, kept), grid) for span, grid in query.buckets.grids(whole)]


def _sources(
    validities: Mapping[UUID, timedelta],
    span: Span,
    holes_of: Mapping[UUID, Sequence[Span]],
    grid: Grid,
    kept: KeptFrom,
) -> Sources:
    """Where a span is read from: samples in the holes, rollups elsewhere."""
    hours: list[tuple[UUID, Span]] = []
    minutes: list[tuple[UUID, Span]] = []
    raw_parts: list[RawPart] = []
    for camera_id, validity in validities.items():
        raw_parts += [RawPart(camera_id, hole, validity) for hole in clipped(holes_of[camera_id], span)]
        for clean in without(span, holes_of[camera_id]):
            whole_hours, parts = _clean(clean, grid, kept)
            hours += [(camera_id, hour) for hour in whole_hours]
            minutes += [(camera_id, part) for part in parts]
    return Sources(hours, minutes, raw_parts, carried_samples(raw_parts, kept.raw), kept.raw)


def _clean(span: Span, grid: Grid, kept: KeptFrom) -> tuple[list[Span], list[Span]]:
    """Whole hours, and minutes for the parts that are no whole hours.

    Where minutes were removed, an hour in which a bucket begins counts for the bucket before, and buckets of less
    than an hour are empty.
    """
    gone = clipped([span], Span(span.start, kept.minutes)) if kept.minutes else []
    left = clipped([span], Span(kept.minutes or span.start, span.end))
    if grid.width and grid.width < HOUR:
        return [], left
    if not grid.follows_utc:
        return gone, left
    hours, minutes = gone, []
    for part in (part for whole in left for part in cut_at(whole, grid.edges_within_hours())):
        whole = Span(ceil_to(part.start, HOUR), floor_to(part.end, HOUR))
        if whole.start < whole.end:
            hours.append(whole)
            minutes += without(part, [whole])
        else:
            minutes.append(part)
    return hours, minutes


def _range(cameras: Collection[UUID], dirty: Iterable[Span], query: SeriesQuery) -> Span | None:
    """The range in whole buckets and up to now; without a start, from the oldest data on. None if it is empty."""
    start, end = query.start, query.end
    if start is None:
        oldest = HourRollup.objects.filter(camera_id__in=cameras).aggregate(at=Min("start_at"))["at"]
        start = min([oldest or query.now, *(span.start for span in dirty)])
    if start >= query.now:
        return None
    start = query.buckets.start_of(start)
    if end is None or end >= query.now:
        return Span(start, query.now)
    return Span(start, min(query.buckets.end_from(end), query.now))


def _at_most(rows: Sequence[Any]) -> Sequence[Any]:
    if len(rows) > MAX_POINTS:
        raise TooManyPoints
    return rows


def _point(summary: Summary) -> Point:
    return Point(
        start=summary.start.astimezone(UTC),
        count=summary.count,
        min=summary.min,
        max=summary.max,
        avg=summary.sum / summary.count if summary.sum is not None else None,
        weighted_avg=summary.integral / summary.known if summary.known else None,
        known_seconds=summary.known / 1_000_000,
        first=summary.first,
        last=summary.last,
    )
