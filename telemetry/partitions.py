"""Days of the samples' table on PostgreSQL: made ahead, so that no sample waits for one.

DEFAULT takes whatever has no day, so no row is ever lost. Must not import doors or ingest.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction

TABLE = "telemetry_sample"
DEFAULT = f"{TABLE}_default"
DAYS_AHEAD = 7
ADVISORY_LOCK = 4_201_001
LOCK_TIMEOUT = "200ms"
ATTEMPTS = 25
# How many days back a new table begins: workers that were cut off send what they kept.
DAYS_BACK = 1


def make_partitions(now: datetime) -> list[str]:
    """Make the days from yesterday to a week ahead that are missing; returns the names of those made.

    Does nothing on a database that is not PostgreSQL. Several processes may call it at once. Raises
    OperationalError where the table stays locked.
    """
    if connection.vendor != "postgresql":
        return []
    today = now.astimezone(UTC).date()
    days = [today + timedelta(days=offset) for offset in range(-DAYS_BACK, DAYS_AHEAD + 1)]
    present = partition_names()
    missing = [day for day in days if _name(day) not in present]
    return [_name(day) for day in missing if _make(day)]


def days_ahead(now: datetime) -> int:
    """How many whole days after today have a partition without a gap; `DAYS_AHEAD` where none are needed."""
    if connection.vendor != "postgresql":
        return DAYS_AHEAD
    present, ahead = partition_names(), 0
    while _name(now.astimezone(UTC).date() + timedelta(days=ahead + 1)) in present:
        ahead += 1
    return ahead


def partition_names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass",
            [TABLE],
        )
        return {name for (name,) in cursor.fetchall()}


def _name(day: date) -> str:
    return f"{TABLE}_{day:%Y%m%d}"


def _make(day: date) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _try_to_make(day)
        except OperationalError:  # the lock's timeout: let the traffic through, then try again
            if attempt == ATTEMPTS or connection.in_atomic_block:
                raise
            time.sleep(0.1 * attempt)
    raise AssertionError("unreachable")


def _try_to_make(day: date) -> bool:
    """Make one day without a stall: PARTITION OF would scan DEFAULT under a lock that stops ingest."""
    name, start, end = _name(day), f"{day} 00:00:00+00", f"{day + timedelta(days=1)} 00:00:00+00"
    bounds = f"timestamp >= '{start}' AND timestamp < '{end}'"
    outside = f"{name}_not_in_default"
    with connection.cursor() as cursor:
        # The lock of the session, since validation runs between two transactions.
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        try:
            if name in partition_names():
                return False
            with _brief_locks(cursor):
                cursor.execute(f"ALTER TABLE {DEFAULT} DROP CONSTRAINT IF EXISTS {outside}")
                cursor.execute(f"ALTER TABLE {DEFAULT} ADD CONSTRAINT {outside} CHECK (NOT ({bounds})) NOT VALID")
            if _default_holds(cursor, bounds):
                # Its rows stay in DEFAULT, which retention empties in chunks.
                _drop_check(cursor, outside)
                return False
            cursor.execute(f"ALTER TABLE {DEFAULT} VALIDATE CONSTRAINT {outside}")
            with _brief_locks(cursor):
                cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {TABLE} INCLUDING ALL)")
                cursor.execute(
                    f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')"
                )
            _drop_check(cursor, outside)
            return True
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _default_holds(cursor: Any, bounds: str) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT FROM {DEFAULT} WHERE {bounds})")  # noqa: S608  # dates of our own
    return bool(cursor.fetchone()[0])


def _drop_check(cursor: Any, name: str) -> None:
    with _brief_locks(cursor):
        cursor.execute(f"ALTER TABLE {DEFAULT} DROP CONSTRAINT IF EXISTS {name}")


@contextmanager
def _brief_locks(cursor: Any) -> Iterator[None]:
    """A transaction that gives up after 200 ms rather than make everybody behind it wait."""
    with transaction.atomic():
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        yield
