"""How much room telemetry takes, and when it will be full. Must not import doors or ingest."""

from datetime import datetime, timedelta
from itertools import dropwhile
from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Min

from cameras.models import Camera
from telemetry.partitions import HOURS, MINUTES, SAMPLES, TABLES, Table, partitions_of, size_of

# Of how many of the last whole days the mean is taken.
DAYS_LOOKED_AT = 7
RETENTION = {
    SAMPLES: "TELEMETRY_RETENTION_DAYS",
    MINUTES: "TELEMETRY_MINUTE_RETENTION_DAYS",
    HOURS: "TELEMETRY_HOUR_RETENTION_DAYS",
}


class Forecast(NamedTuple):
    """At the present rate. None: no bound is set, too little is known yet, or it never will be full.

    A table stops growing when it reaches its days of retention; a forecast counts with that.
    """

    bytes_used: int
    bytes_max: int | None
    bytes_per_day: float | None
    full_in_days: float | None

    def __str__(self) -> str:
        used = f"{_short(self.bytes_used)} used"
        if self.bytes_max is None:
            return f"{used}, no bound is set"
        used = f"{used} of {_short(self.bytes_max)}"
        if self.bytes_per_day is None:
            return f"{used}; too early for a forecast"
        used = f"{used}, {_short(int(self.bytes_per_day))} a day"
        return f"{used}; " + (
            "never full" if self.full_in_days is None else f"at this rate full in {self.full_in_days:.0f} days"
        )


class _Growth(NamedTuple):
    """So many bytes a day, for so many days until retention removes as much as comes."""

    per_day: float
    days: float


def used_bytes() -> int:
    """What telemetry takes, indexes included; on SQLite the pages in use of the whole file."""
    if connection.vendor == "postgresql":
        return sum(size_of(table) for table in TABLES)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (page_count - freelist_count) * page_size"
            " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int(cursor.fetchone()[0])


def forecast(now: datetime) -> Forecast:
    """How much is used, and when it will be too much."""
    used, most = used_bytes(), settings.TELEMETRY_MAX_BYTES or None
    growths = _growths(now, used)
    if growths is None:
        return Forecast(used, most, None, None)
    per_day = sum(growth.per_day for growth in growths)
    return Forecast(used, most, per_day, _full_in_days(most - used, growths) if most else None)


def _full_in_days(room: float, growths: list[_Growth]) -> float | None:
    """When the room is taken by tables that each grow until their retention."""
    begin = 0.0
    for end in sorted(growth.days for growth in growths):
        per_day = sum(growth.per_day for growth in growths if growth.days > begin)
        if per_day * (end - begin) >= room:
            return begin + max(room, 0) / per_day if per_day else begin
        room -= per_day * (end - begin)
        begin = end
    return None


def _growths(now: datetime, used: int) -> list[_Growth] | None:
    if connection.vendor == "postgresql":
        return [_growth(table, now) for table in TABLES]
    first = Camera.objects.aggregate(at=Min("created_at"))["at"]
    age = (now - first) / timedelta(days=1) if first else 0
    if age < 1:
        return None
    # Most of the file is samples; they stop growing at their retention.
    return [_Growth(used / age, max(0, settings.TELEMETRY_RETENTION_DAYS - age))]


def _growth(table: Table, now: datetime) -> _Growth:
    """By the last whole partitions, else by the part of the present one that is over."""
    partitions = partitions_of(table)
    # There are some from before the first sample too; those of the future tell how large an empty one is.
    empty = min((partition.size for partition in partitions if partition.start > now), default=0)
    over = [partition for partition in partitions if partition.end <= now]
    over = list(dropwhile(lambda partition: partition.size <= empty, over))
    past = [
        (partition.size, (partition.end - partition.start) / timedelta(days=1))
        for partition in over[-DAYS_LOOKED_AT:]
    ]
    if not past:
        past = [
            (partition.size, max((now - partition.start) / timedelta(days=1), 1 / 24))
            for partition in partitions
            if partition.start <= now < partition.end
        ]
    days = sum(length for _, length in past)
    per_day = sum(size for size, _ in past) / days if days else 0.0
    oldest = over[0].start if over else now
    kept = getattr(settings, RETENTION[table])
    return _Growth(per_day, max(0.0, kept - (now - oldest) / timedelta(days=1)))


def _short(size: int) -> str:
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1_000 or unit == "TB":
            break
        number /= 1_000
    return f"{number:.1f} {unit}" if unit != "B" else f"{size} B"
