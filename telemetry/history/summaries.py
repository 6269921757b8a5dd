"""What samples come to in stretches of time: the one rule of how long a value holds, in Python.

A sample of a camera's zone tells the occupancy from its timestamp until the next one, and for `hold` at most;
outside of that the occupancy is unknown, never the last value. So a bucket is a function of the samples alone. Its
twin in SQL stands in `postgresql_rollups`; one test holds both to the same model. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from cameras.status import STALE_AFTER_INTERVALS
from telemetry.history.spans import MICROSECOND, Span, floor_to

Seen = tuple[datetime, int]
"""Of one sample: when, and how many."""


class Summary(NamedTuple):
    """What is known of a stretch that begins at `start`; `min` to `last_at` are None where it has no sample."""

    camera_id: UUID
    zone: str
    start: datetime
    count: int  # type: ignore[assignment]  # not the method of tuple
    sum: int | None
    min: int | None
    max: int | None
    first: int | None
    last: int | None
    last_at: datetime | None
    integral: int
    known: int


class Stretch(NamedTuple):
    """A part of a camera's history that is computed from samples, each of which counts for at most `hold`."""

    camera_id: UUID
    span: Span
    hold: timedelta


class Seed(NamedTuple):
    """The last sample before raw history begins: it still counts in what follows."""

    camera_id: UUID
    zone: str
    timestamp: datetime
    occupancy: int


class Sources(NamedTuple):
    """Where a range of history is read from: parts of hours, of minutes and of samples, which do not overlap."""

    hours: Sequence[tuple[UUID, Span]] = ()
    minutes: Sequence[tuple[UUID, Span]] = ()
    stretches: Sequence[Stretch] = ()
    seeds: Sequence[Seed] = ()
    raw_from: datetime | None = None


class SiteSum(NamedTuple):
    """A bucket of several cameras: the sum of their averages, of how many, and microseconds known of all."""

    start: datetime
    occupancy: float
    cameras: int
    known: int


def hold_of(expected_interval_seconds: int) -> timedelta:
    """For how long a sample counts: until its camera is stale."""
    return timedelta(seconds=STALE_AFTER_INTERVALS * expected_interval_seconds)


def summarise(stretch: Stretch, zone: str, samples: Sequence[Seen], width: timedelta) -> list[Summary]:
    """Each bucket of a width in which something is known, oldest first.

    `samples` are those of one zone, oldest first, from `hold` before the stretch until its end.
    """
    (start, end), hold = stretch.span, stretch.hold
    found: dict[datetime, Summary] = {}
    for (timestamp, occupancy), (following, _) in pairwise([*samples, (end, 0)]):
        held = Span(max(timestamp, start), min(following, timestamp + hold, end))
        if timestamp >= start:
            bucket = max(floor_to(timestamp, width), start)
            sample = _of_sample(stretch, zone, timestamp, occupancy)
            found[bucket] = fold([found[bucket], sample]) if bucket in found else sample
        at = held.start
        while at < held.end:
            bucket = max(floor_to(at, width), start)
            until = min(floor_to(at, width) + width, held.end)
            known = (until - at) // MICROSECOND
            before = found.get(bucket) or _nothing(stretch, zone)
            found[bucket] = before._replace(
                integral=before.integral + occupancy * known, known=before.known + known
            )
            at = until
    return [summary._replace(start=bucket) for bucket, summary in sorted(found.items())]


def fold(summaries: Sequence[Summary]) -> Summary:
    """Several of one camera and zone, oldest first, as one that begins with the first of them."""
    if len(summaries) == 1:
        return summaries[0]
    counted = [summary for summary in summaries if summary.count]
    whole = summaries[0]._replace(
        integral=sum(summary.integral for summary in summaries), known=sum(summary.known for summary in summaries)
    )
    if not counted:
        return whole
    return whole._replace(
        count=sum(summary.count for summary in counted),
        sum=sum(summary.sum or 0 for summary in counted),
        min=min(summary.min or 0 for summary in counted),
        max=max(summary.max or 0 for summary in counted),
        first=counted[0].first,
        last=counted[-1].last,
        last_at=counted[-1].last_at,
    )


def by_zone(samples: Iterable[tuple[str, datetime, int]]) -> Mapping[str, Sequence[Seen]]:
    """Samples of one camera, as they come, apart by zone."""
    zones: defaultdict[str, list[Seen]] = defaultdict(list)
    for zone, timestamp, occupancy in samples:
        zones[zone].append((timestamp, occupancy))
    return zones


def _nothing(stretch: Stretch, zone: str) -> Summary:
    return Summary(stretch.camera_id, zone, stretch.span.start, 0, None, None, None, None, None, None, 0, 0)


def _of_sample(stretch: Stretch, zone: str, timestamp: datetime, occupancy: int) -> Summary:
    seen = dict.fromkeys(("sum", "min", "max", "first", "last"), occupancy)
    values: dict[str, Any] = {"start": timestamp, "count": 1, "last_at": timestamp, **seen}
    return _nothing(stretch, zone)._replace(**values)
