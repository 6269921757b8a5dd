"""Samples summed up over spans of time: the one rule of how long a sample is valid, in Python.

A sample of a camera's zone gives the occupancy from its timestamp until the next one, and for `validity` at most;
outside of that the occupancy is unknown, never the last value. So a bucket is a function of the samples alone. The
twin of this rule in SQL stands in `postgresql_rollups`; one test compares both with the same model. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from cameras.facts import STALE_AFTER_INTERVALS
from telemetry.history.spans import MICROSECOND, Span, floor_to

Seen = tuple[datetime, int]
"""Timestamp and occupancy of a sample."""


class Summary(NamedTuple):
    """What is known of a bucket that begins at `start`; `sum` to `last_at` are None if it has no sample.

    `known` is for how many microseconds the occupancy is known, `integral` the occupancy times these.
    """

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


class RawPart(NamedTuple):
    """A part of a camera's history that is computed from samples, each valid for `validity` at most."""

    camera_id: UUID
    span: Span
    validity: timedelta


class CarriedSample(NamedTuple):
    """The last sample before a part of history, where it is still valid in it."""

    camera_id: UUID
    zone: str
    timestamp: datetime
    occupancy: int


class Sources(NamedTuple):
    """Where a range of history is read from: parts of hours, of minutes and of samples, which do not overlap."""

    hours: Sequence[tuple[UUID, Span]] = ()
    minutes: Sequence[tuple[UUID, Span]] = ()
    raw_parts: Sequence[RawPart] = ()
    carried: Sequence[CarriedSample] = ()
    raw_from: datetime | None = None


class SiteSum(NamedTuple):
    """A bucket of several cameras: the sum of their averages, how many they are, and all known microseconds."""

    start: datetime
    occupancy: float
    cameras: int
    known: int


def validity_of(expected_interval_seconds: int) -> timedelta:
    """How long a sample is valid at most: until its camera is stale."""
    return timedelta(seconds=STALE_AFTER_INTERVALS * expected_interval_seconds)


def summarise(part: RawPart, zone: str, samples: Sequence[Seen], width: timedelta) -> list[Summary]:
    """The buckets of `width` in which anything is known, oldest first.

    `samples` are those of one zone, oldest first, from `part.validity` before the part until its end.
    """
    (start, end), validity = part.span, part.validity
    found: dict[datetime, Summary] = {}
    for (timestamp, occupancy), (following, _) in pairwise([*samples, (end, 0)]):
        valid = Span(max(timestamp, start), min(following, timestamp + validity, end))
        if timestamp >= start:
            bucket = max(floor_to(timestamp, width), start)
            sample = _of_sample(part, zone, timestamp, occupancy)
            found[bucket] = fold([found[bucket], sample]) if bucket in found else sample
        at = valid.start
        while at < valid.end:
            bucket = max(floor_to(at, width), start)
            until = min(floor_to(at, width) + width, valid.end)
            known = (until - at) // MICROSECOND
            before = found.get(bucket) or _nothing(part, zone)
            found[bucket] = before._replace(
                integral=before.integral + occupancy * known, known=before.known + known
            )
            at = until
    return [summary._replace(start=bucket) for bucket, summary in sorted(found.items())]


def fold(summaries: Sequence[Summary]) -> Summary:
    """Several summaries of one camera and zone, oldest first, as one with the start of the first."""
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
    """Samples of one camera by zone, each in the order in which they come."""
    zones: defaultdict[str, list[Seen]] = defaultdict(list)
    for zone, timestamp, occupancy in samples:
        zones[zone].append((timestamp, occupancy))
    return zones


def _nothing(part: RawPart, zone: str) -> Summary:
    return Summary(part.camera_id, zone, part.span.start, 0, None, None, None, None, None, None, 0, 0)


def _of_sample(part: RawPart, zone: str, timestamp: datetime, occupancy: int) -> Summary:
    seen = dict.fromkeys(("sum", "min", "max", "first", "last"), occupancy)
    values: dict[str, Any] = {"start": timestamp, "count": 1, "last_at": timestamp, **seen}
    return _nothing(part, zone)._replace(**values)
