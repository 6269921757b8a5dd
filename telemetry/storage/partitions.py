"""Partitions on PostgreSQL: made ahead, so that no row waits for one, and dropped whole when their time is over.

Samples have a partition a day, minutes one a week, hours one a month. DEFAULT takes rows that have none, so that
no row is ever lost. Other databases have no partitions: there is nothing to make or to drop.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import OperationalError, connection, transaction

from telemetry.history.spans import DAY, MICROSECOND, ceil_to, floor_to, midnight

DAYS_AHEAD = 7
# A new table begins so many days back, because workers that were cut off send what they kept.
DAYS_BACK = 1
ADVISORY_LOCK = 4_201_001
# While one of these locks is waited for, ingest waits behind it. So the wait is brief, and grows with the attempts
# only because a slow disk may need it.
LOCK_TIMEOUT_MS = 50
ATTEMPTS = 25
# The end of the name of the constraint that DEFAULT has while a partition is made.
CHECK_SUFFIX = "_not_in_default"


class Table(NamedTuple):
    """A partitioned table: by which column, how long a partition is, and which field of KeptFrom belongs to it."""

    name: str
    column: str
    period: str
    level: str

    def period_of(self, day: date) -> date:
        """The first day of the partition that a day belongs to."""
        if self.period == "week":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.period == "month" else day

    def after(self, first: date) -> date:
        """The first day of the next partition."""
        longest = {"day": 1, "week": 7, "month": 31}[self.period]
        return self.period_of(first + timedelta(days=longest))

    @property
    def default(self) -> str:
        return f"{self.name}_default"


SAMPLES = Table("telemetry_sample", "timestamp", "day", "raw")
MINUTES = Table("telemetry_minuterollup", "start_at", "week", "minutes")
HOURS = Table("telemetry_hourrollup", "start_at", "month", "hours")
TABLES = (SAMPLES, MINUTES, HOURS)


class Partition(NamedTuple):
    """A partition that exists, with rows of [start, end); `size` is in bytes, with its indexes."""

    name: str
    start: datetime
    end: datetime
    size: int


def make_partitions(now: datetime) -> list[str]:
    """Make the missing partitions from yesterday to a week ahead; returns the names of those that were made.

    Those that retention has removed are not made again. Does nothing on other databases than PostgreSQL. Several
    processes may call it at once. Raises OperationalError if a table stays locked.
    """
    if connection.vendor != "postgresql":
        return []
    made = []
    for table in TABLES:
        _patiently(partial(_drop_left_checks, table))
        present = partition_names(table)
        for first in _wanted(table, now.astimezone(UTC).date()):
            name = _name(table, first)
            if name not in present and _patiently(partial(_make, table, first)):
                made.append(name)
    return made


def days_ahead(now: datetime) -> int:
    """How many whole days after today have partitions in every table, without a gap; at most `DAYS_AHEAD`."""
    if connection.vendor != "postgresql":
        return DAYS_AHEAD
    today = now.astimezone(UTC).date()
    ahead = DAYS_AHEAD
    for table in TABLES:
        present, day = partition_names(table), 0
        while day < ahead and _name(table, table.period_of(today + timedelta(days=day + 1))) in present:
            day += 1
        ahead = day
    return ahead


def partition_names(table: Table = SAMPLES) -> set[str]:
    return {name for name, _ in _sizes(table)}


def partitions_of(table: Table) -> list[Partition]:
    """All partitions but DEFAULT, oldest first."""
    found = []
    for name, size in _sizes(table):
        stem, _, stamp = name.rpartition("_")
        if stem == table.name and stamp.isdigit():
            first = datetime.strptime(stamp, "%Y%m%d").date()  # noqa: DTZ007  # a day of UTC
            found.append(Partition(name, midnight(first), midnight(table.after(first)), size))
    return sorted(found, key=lambda partition: partition.start)


def default_of(table: Table) -> Partition | None:
    """DEFAULT as a partition of whole days from its first row to its last; None if it is empty."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT min({table.column}), max({table.column}), pg_total_relation_size(%s)"  # noqa: S608  # our names
            f" FROM {table.default}",
            [table.default],
        )
        first, last, size = cursor.fetchone()
    if first is None:
        return None
    return Partition(table.default, floor_to(first, DAY), ceil_to(last + MICROSECOND, DAY), size)


def size_of(table: Table) -> int:
    """Bytes of the table with all its partitions and indexes."""
    return sum(size for _, size in _sizes(table))


def drop_partition(partition: Partition, first: Callable[[], bool]) -> bool:
    """Drop a partition and all its rows, unless `first`, which runs before that in the same transaction, is False.

    Others that use the table wait for a moment only. Returns whether it was dropped. Raises OperationalError
    if the table stays locked.
    """
    return _remove(partition.name, "DROP TABLE", first)


def empty_default(table: Table, end: datetime, first: Callable[[], bool]) -> bool:
    """Remove all rows of DEFAULT, as `drop_partition` does, or none if any of them are from `end` or later."""

    def all_before_end() -> bool:
        default = default_of(table)
        return default is not None and default.end <= end

    return _remove(table.default, "TRUNCATE", lambda: all_before_end() and first())


def _remove(name: str, statement: str, first: Callable[[], bool]) -> bool:
    def remove(lock_timeout_ms: int) -> bool:
        with connection.cursor() as cursor, _brief_locks(cursor, lock_timeout_ms):
            # Without this the parent would be locked first: while a vacuum keeps the partition, ingest would wait.
            cursor.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
            if not first():
                return False
            cursor.execute(f"{statement} {name}")
            return True

    return _patiently(remove)


def _wanted(table: Table, today: date) -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {table.level} FROM telemetry_keptfrom")  # noqa: S608  # our own names
        kept_from = next(iter(cursor.fetchone() or ()), None)
    days = (today + timedelta(days=offset) for offset in range(-DAYS_BACK, DAYS_AHEAD + 1))
    firsts = sorted({table.period_of(day) for day in days})
    return [first for first in firsts if kept_from is None or midnight(table.after(first)) > kept_from]


def _name(table: Table, first: date) -> str:
    return f"{table.name}_{first:%Y%m%d}"


def _sizes(table: Table) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname, pg_total_relation_size(child.oid)"
            " FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = %s::regclass",
            [table.name],
        )
        return cursor.fetchall()  # type: ignore[no-any-return]


def _patiently(act: Callable[[int], bool]) -> bool:
    """Call `act` until it gets its locks; its argument is how long to wait for each, in milliseconds.

    Raises OperationalError after ATTEMPTS.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return act(LOCK_TIMEOUT_MS * attempt)
        except OperationalError:  # lock_timeout: let those through that wait behind it, then try again
            if attempt == ATTEMPTS or connection.in_atomic_block:
                raise
            time.sleep(0.1 * attempt)
    raise AssertionError("unreachable")


def _make(table: Table, first: date, lock_timeout_ms: int) -> bool:
    """Make one partition without holding up ingest; returns whether it was made.

    CREATE TABLE ... PARTITION OF would scan DEFAULT under a lock for which ingest waits. With a validated CHECK,
    which proves that DEFAULT has no such rows, ATTACH does not scan.
    """
    name, start, end = _name(table, first), f"{first} 00:00:00+00", f"{table.after(first)} 00:00:00+00"
    bounds = f"{table.column} >= '{start}' AND {table.column} < '{end}'"
    outside = f"{name}{CHECK_SUFFIX}"
    add_check = f"ALTER TABLE {table.default} ADD CONSTRAINT {outside} CHECK (NOT ({bounds})) NOT VALID"
    with connection.cursor() as cursor, _one_at_a_time(cursor):
        # If DEFAULT has rows of this partition already, they stay there until retention removes them.
        if name in partition_names(table) or _default_holds(cursor, table, bounds):
            return False
        try:
            with _brief_locks(cursor, lock_timeout_ms):
                cursor.execute(add_check)
            if _default_holds(cursor, table, bounds):  # one arrived before the CHECK
                return False
            cursor.execute(f"ALTER TABLE {table.default} VALIDATE CONSTRAINT {outside}")
            with _brief_locks(cursor, lock_timeout_ms):
                cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table.name} INCLUDING ALL)")
                # `migrate` may run as another role than the service, which will drop the partition.
                cursor.execute(f"ALTER TABLE {name} OWNER TO {_owner_of(cursor, table)}")
                cursor.execute(
                    f"ALTER TABLE {table.name} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')"
                )
        finally:
            _drop_check(cursor, table, outside, lock_timeout_ms)
        return True


def _owner_of(cursor: Any, table: Table) -> str:
    """The role that a table belongs to, quoted."""
    cursor.execute(
        "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = %s::regclass", [table.name]
    )
    return str(cursor.fetchone()[0])


def _drop_left_checks(table: Table, lock_timeout_ms: int) -> bool:
    """Remove the CHECK of a process that was killed while it made a partition: DEFAULT would refuse samples."""
    query = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND right(conname, %s) = %s"
    given: tuple[str, int, str] = (table.default, len(CHECK_SUFFIX), CHECK_SUFFIX)
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        if not cursor.fetchall():
            return False
        with _one_at_a_time(cursor):
            cursor.execute(query, given)  # again: a process that was still making a partition has finished by now
            for (name,) in cursor.fetchall():
                _drop_check(cursor, table, name, lock_timeout_ms)
    return True


def _default_holds(cursor: Any, table: Table, bounds: str) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT FROM {table.default} WHERE {bounds})")  # noqa: S608  # dates of our own
    return bool(cursor.fetchone()[0])


def _drop_check(cursor: Any, table: Table, name: str, lock_timeout_ms: int) -> None:
    with _brief_locks(cursor, lock_timeout_ms):
        cursor.execute(f"ALTER TABLE {table.default} DROP CONSTRAINT IF EXISTS {name}")


@contextmanager
def _one_at_a_time(cursor: Any) -> Iterator[None]:
    """An advisory lock of the session, because making a partition takes several transactions."""
    cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    try:
        yield
    finally:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


@contextmanager
def _brief_locks(cursor: Any, lock_timeout_ms: int) -> Iterator[None]:
    """A transaction that soon gives up waiting for a lock, because others wait behind it meanwhile."""
    with transaction.atomic():
        cursor.execute(f"SET LOCAL lock_timeout = '{lock_timeout_ms}ms'")
        yield
