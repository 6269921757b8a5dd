"""Samples summed up in buckets of time. Must not import doors or ingest."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec
from django.db import models
from django.db.models import Avg, Count, Max, Min
from django.db.models.functions import TruncDay

from telemetry.querysets import SampleQuerySet

# Seconds of a bucket in UTC; a day is one of the site's calendar, 23 to 25 hours long.
BUCKETS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "1d": None}
MAX_POINTS = 10_000


class Point(msgspec.Struct):
    """One bucket: from `start`, in UTC, for the bucket's length."""

    start: datetime
    count: int
    min: int
    max: int
    avg: float


class TooManyPoints(ValueError):
    """The range holds more than MAX_POINTS buckets."""


class _Bucket(models.Func):
    """The number of whole buckets between the Unix epoch and a timestamp."""

    output_field = models.BigIntegerField()
    arity = 1

    def __init__(self, column: str, seconds: int) -> None:
        super().__init__(models.F(column), seconds=seconds)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / %(seconds)d"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "floor(extract(epoch FROM %(expressions)s) / %(seconds)d)::bigint"
        return self.as_sql(compiler, connection, template=template, **context)


def points_of(samples: SampleQuerySet, bucket: str, zone: tzinfo) -> list[Point]:
    """Count, least, greatest and mean occupancy of each bucket that has samples, oldest first.

    `zone` is the time zone in which days begin. Raises TooManyPoints.
    """
    seconds = BUCKETS[bucket]
    start = _Bucket("timestamp", seconds) if seconds else TruncDay("timestamp", tzinfo=zone)
    rows = (
        samples.annotate(bucket_start=start)
        .values("bucket_start")
        .annotate(count=Count("occupancy"), min=Min("occupancy"), max=Max("occupancy"), avg=Avg("occupancy"))
        .order_by("bucket_start")
        .values_list("bucket_start", "count", "min", "max", "avg")[: MAX_POINTS + 1]
    )
    points = [Point(_start(value, seconds), *rest) for value, *rest in rows]
    if len(points) > MAX_POINTS:
        raise TooManyPoints
    return points


def _start(value: Any, seconds: int | None) -> datetime:
    if seconds is None:
        return value.astimezone(UTC)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value * seconds)
