"""How many bytes a fleet takes: a sample, an hour of a camera, a day of WAL, and all that is kept.

The bytes of a row are measured in this database where it holds enough rows. Otherwise they are DOCUMENTED ones;
docs/operations/sizing.md says how those were measured.
"""

from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from telemetry.storage.forecast import short
from telemetry.storage.levels import LEVELS, Level
from telemetry.storage.partitions import HOURS, MINUTES, SAMPLES, Table, partitions_of

DAY_SECONDS = 86_400
# Of fewer rows, half-empty pages would be most of what is measured.
ROWS_ENOUGH = 10_000
# So many pages of a table are read to count its rows: 16 MB.
PAGES_READ = 2_000
# Bytes of a row with its index, by database and table.
DOCUMENTED = {
    "postgresql": {SAMPLES.name: 155.0, MINUTES.name: 182.0, HOURS.name: 182.0},
    "sqlite": {SAMPLES.name: 182.0, MINUTES.name: 182.0, HOURS.name: 182.0},
}
# Bytes of WAL (PostgreSQL): of a sample with its camera's vitals, of a minute's rollup; and of the pages that are
# written whole at the first change after a checkpoint, for each zone of a camera.
WAL_A_SAMPLE = 560.0
WAL_A_MINUTE = 260.0
WAL_AFTER_CHECKPOINT = 7_100.0
CHECKPOINT_SECONDS = 300.0
# A rollup is written for each minute and hour in which a sample is valid, so for all of them.
ROWS_A_DAY = {MINUTES.name: 1_440.0, HOURS.name: 24.0}
# A partition is dropped whole when its last row is too old.
PARTITION_DAYS = {"day": 1, "week": 7, "month": 31}


class Fleet(NamedTuple):
    """So many cameras, each of which sends so many values (the whole frame, and zones) at each interval."""

    cameras: int
    interval_seconds: float
    zones: int


class RowBytes(NamedTuple):
    """Of one row with its index; `measured` in this database, or documented."""

    bytes: float
    measured: bool


class Kept(NamedTuple):
    """What of a level is on disk at most once its retention is reached."""

    level: Level
    days: int
    bytes_per_day: float
    bytes: float


class Size(NamedTuple):
    """`rows` are by table. `bytes_max` is None if no bound is set, `wal_bytes_per_day` where no WAL is kept."""

    fleet: Fleet
    rows: dict[str, RowBytes]
    samples_per_second: float
    camera_hour_bytes: float
    wal_bytes_per_day: float | None
    kept: list[Kept]
    bytes_max: int | None

    @property
    def bytes_needed(self) -> float:
        return sum(kept.bytes for kept in self.kept)

    @property
    def days_really_kept(self) -> list[float]:
        """Of each level, under TELEMETRY_MAX_BYTES: the finest goes first, and today's samples never."""
        room = float(self.bytes_max) - self.bytes_needed if self.bytes_max is not None else 0.0
        days = []
        for number, kept in enumerate(self.kept):
            least = 1.0 if number == 0 else 0.0
            really = min(float(kept.days), max(least, kept.days + min(room, 0.0) / kept.bytes_per_day))
            room += (kept.days - really) * kept.bytes_per_day
            days.append(really)
        return days

    @property
    def warning(self) -> str:
        """Where fewer days are kept than the settings ask for; else empty."""
        if self.bytes_max is None or self.bytes_needed <= self.bytes_max:
            return ""
        less = [
            f"{really:.1f} of the {kept.days} days of {kept.level.setting}"
            for kept, really in zip(self.kept, self.days_really_kept, strict=True)
            if really < kept.days
        ]
        return (
            f"TELEMETRY_MAX_BYTES is {short(self.bytes_max)}, and all that is to be kept takes"
            f" {short(self.bytes_needed)}: it keeps {', and '.join(less)}."
        )


def size_for(fleet: Fleet) -> Size:
    """What a fleet takes in this database, with the settings as they are."""
    rows = {level.table.name: _row_bytes(level.table) for level in LEVELS}
    values = fleet.cameras * fleet.zones
    samples_a_day = values * DAY_SECONDS / fleet.interval_seconds
    kept = []
    for level in LEVELS:
        table = level.table
        of_a_day = rows[table.name].bytes * (
            samples_a_day if table is SAMPLES else values * ROWS_A_DAY[table.name]
        )
        days = getattr(settings, level.setting)
        more = PARTITION_DAYS[table.period] if connection.vendor == "postgresql" else 0
        kept.append(Kept(level, days, of_a_day, of_a_day * (days + more)))
    return Size(
        fleet=fleet,
        rows=rows,
        samples_per_second=samples_a_day / DAY_SECONDS,
        camera_hour_bytes=sum(level.bytes_per_day for level in kept) / fleet.cameras / 24,
        wal_bytes_per_day=_wal_bytes_per_day(fleet) if connection.vendor == "postgresql" else None,
        kept=kept,
        bytes_max=settings.TELEMETRY_MAX_BYTES or None,
    )


def _wal_bytes_per_day(fleet: Fleet) -> float:
    # What comes more seldom than checkpoints finds its pages untouched each time.
    first_changes = DAY_SECONDS / max(CHECKPOINT_SECONDS, fleet.interval_seconds)
    a_value = (
        WAL_A_SAMPLE * DAY_SECONDS / fleet.interval_seconds
        + WAL_A_MINUTE * ROWS_A_DAY[MINUTES.name]
        + WAL_AFTER_CHECKPOINT * first_changes
    )
    return fleet.cameras * fleet.zones * a_value


def _row_bytes(table: Table) -> RowBytes:
    measured = _measured_in_partition(table) if connection.vendor == "postgresql" else _measured_in_file(table)
    if measured is None:
        return RowBytes(DOCUMENTED[connection.vendor][table.name], measured=False)
    return RowBytes(measured, measured=True)


def _measured_in_partition(table: Table) -> float | None:
    """By the largest partition, of which a part of the pages is read; None if it holds too few rows."""
    largest = max(partitions_of(table), key=lambda partition: partition.size, default=None)
    if largest is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int", [largest.name]
        )
        [pages] = cursor.fetchone()
        percent = min(100.0, 100 * PAGES_READ / max(pages, 1))
        # Not rows by the percentage: which pages are taken is left to chance, and so is how many.
        cursor.execute(
            f"SELECT count(*), count(DISTINCT (ctid::text::point)[0]) FROM {largest.name}"  # noqa: S608  # ours
            f" TABLESAMPLE SYSTEM ({percent:.6f})"
        )
        found, pages_read = cursor.fetchone()
    rows = found * pages / max(pages_read, 1)
    return largest.size / rows if rows >= ROWS_ENOUGH else None


def _measured_in_file(table: Table) -> float | None:
    """By the pages of the table and its index; None with too few rows, or if this SQLite does not count pages."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table.name}")  # noqa: S608  # our own name
        [rows] = cursor.fetchone()
        if rows < ROWS_ENOUGH:
            return None
        try:
            with transaction.atomic():
                cursor.execute(
                    "SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE"
                    " AND name IN (SELECT name FROM sqlite_master WHERE tbl_name = %s)",
                    [table.name],
                )
                [size] = cursor.fetchone()
        except DatabaseError:
            return None
    return float(size) / rows
