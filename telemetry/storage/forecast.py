"""How much room telemetry takes, and when it will be full."""

from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Min, OuterRef, Subquery

from cameras.models import Camera
from telemetry.history.spans import DAY, HOUR, floor_to, midnight
from telemetry.models import Sample
from telemetry.storage.levels import LEVELS, Level
from telemetry.storage.partitions import DAYS_BACK, Partition, partitions_of, size_of

# The mean is of these last days and of today.
DAYS_MEASURED = 7
# The first row is looked for among so many cameras, those that have reported for longest.
CAMERAS_ASKED = 100


class Forecast(NamedTuple):
    """At the present rate, taking into account what retention removes.

    `bytes_max` is None if no bound is set, `bytes_per_day` if it is too early. `full_in_days` is infinite if it is
    never full, and None if it is too early.
    """

    bytes_used: int
    bytes_max: int | None
    bytes_per_day: float | None
    full_in_days: float | None

    def __str__(self) -> str:
        used = f"{short(self.bytes_used)} used"
        if self.bytes_max is None:
            return f"{used}, no bound is set"
        used = f"{used} of {short(self.bytes_max)}"
        if self.bytes_per_day is None or self.full_in_days is None:
            return f"{used}; too early for a forecast"
        used = f"{used}, {short(self.bytes_per_day)} a day"
        return f"{used}; " + (
            "never full" if self.full_in_days == inf else f"at this rate full in {self.full_in_days:.0f} days"
        )


class _Growth(NamedTuple):
    """How a table grows: `per_day` bytes for `days`, until retention removes as much as comes."""

    per_day: float
    days: float
    leaving: tuple[tuple[float, float], ...] = ()  # what retention removes before that: (in how many days, bytes)


def used_bytes() -> int:
    """The bytes that telemetry takes, indexes included; on SQLite those in use of the whole file."""
    if connection.vendor == "postgresql":
        return sum(size_of(level.table) for level in LEVELS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (page_count - freelist_count) * page_size"
            " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int(cursor.fetchone()[0])


def forecast(now: datetime) -> Forecast:
    """How much is used, and when TELEMETRY_MAX_BYTES is reached."""
    used, most = used_bytes(), settings.TELEMETRY_MAX_BYTES or None
    growths = _growths(now, used)
    per_day = sum(growth.per_day for growth in growths) if growths else None
    if most is None:
        return Forecast(used, most, per_day, inf)
    return Forecast(used, most, per_day, _full_in_days(most - used, growths) if growths else None)


def _full_in_days(room: float, growths: list[_Growth]) -> float:
    """In how many days `room` bytes are used up; infinite if they never are."""
    leaving = [left for growth in growths for left in growth.leaving]
    begin = 0.0
    for end in sorted({growth.days for growth in growths} | {at for at, _ in leaving}):
        per_day = sum(growth.per_day for growth in growths if growth.days > begin)
        if per_day * (end - begin) >= room:
            return begin + max(room, 0) / per_day if per_day else begin
        room += sum(size for at, size in leaving if at == end) - per_day * (end - begin)
        begin = end
    return inf


def _growths(now: datetime, used: int) -> list[_Growth]:
    """The growth of each table that has been written to for long enough; on SQLite of the whole file."""
    if connection.vendor == "postgresql":
        return [growth for level in LEVELS if (growth := _growth(level, now))]
    first = _first_row(Sample)
    if first is None:
        return []  # an empty file has a size too, which is no growth
    # A sample may be older than the installation; nothing arrived before there was a camera.
    begun = max(first, Camera.objects.aggregate(at=Min("created_at"))["at"])
    age = (now - begun) / DAY
    if age < 1:
        return []
    # Most of the file is samples; they stop growing at their retention.
    return [_Growth(used / age, max(0, settings.TELEMETRY_RETENTION_DAYS - age))]


def _growth(level: Level, now: datetime) -> _Growth | None:
    """The growth by the sizes of the last days' partitions and the present one; None in the first hour of rows."""
    table = level.table
    begun = [partition for partition in partitions_of(table) if partition.start <= now]
    start = _measured_from(level, begun, now)
    if now - start < HOUR:
        return None
    per_day = sum(partition.size for partition in begun if partition.end > start) / ((now - start) / DAY)
    kept = timedelta(days=getattr(settings, level.setting))
    present_end = table.after(table.period_of(now.astimezone(UTC).date()))
    leaving = tuple(
        (
            max(0.0, (partition.end + kept - now) / DAY),
            partition.size + per_day * max(0.0, (partition.end - now) / DAY),
        )
        for partition in begun
    )
    # From the end of the next partition on, each one that is dropped is as large as one that is filled meanwhile.
    return _Growth(per_day, (midnight(table.after(present_end)) + kept - now) / DAY, leaving)


def _measured_from(level: Level, begun: list[Partition], now: datetime) -> datetime:
    """The start of the partition of DAYS_MEASURED ago, or the first row if that is later."""
    start = midnight(level.table.period_of((floor_to(now, DAY) - DAYS_MEASURED * DAY).date()))
    # Looking for the first row takes time, so it is not done if earlier partitions must have rows: all but the
    # oldest ones, which were made before any row came.
    if sum(partition.start < start for partition in begun) > DAYS_BACK:
        return start
    measured = (partition for partition in begun if partition.start >= start)
    rows = (_first_row(level.model, partition.start, partition.end) for partition in measured)
    return next(filter(None, rows), now)


def _first_row(model: Any, start: datetime | None = None, end: datetime | None = None) -> datetime | None:
    """The moment of the first row in [start, end) of the CAMERAS_ASKED that have reported for longest.

    It is one look-up in the index for each camera; for all of them that would slow down the dashboard.
    """
    oldest = Camera.objects.filter(vitals__accepted_count__gt=0).order_by("created_at", "pk")
    cameras = list(oldest.values_list("pk", flat=True)[:CAMERAS_ASKED])
    rows = model.objects.of_camera(OuterRef("pk")).between(start, end).oldest_first()
    first = Subquery(rows.values(rows.moment)[:1])
    known = Camera.objects.filter(pk__in=cameras).annotate(first_row=first)
    at: datetime | None = known.aggregate(at=Min("first_row"))["at"]
    return at


def short(size: float) -> str:
    """Bytes as people read them: `13.8 GB`."""
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1_000 or unit == "TB":
            break
        number /= 1_000
    return f"{number:,.1f} {unit}" if unit != "B" else f"{size:.0f} B"
