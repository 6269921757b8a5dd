"""Writing a large group of events on PostgreSQL: samples by COPY, then their vitals, in one transaction.

COPY has no ON CONFLICT and does not check that cameras exist. It is tried first, because in nearly every batch
nothing is stored yet and all cameras exist; otherwise `postgresql_writer` stores the group.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, connection, transaction

from telemetry.ingest import postgresql_writer
from telemetry.ingest.postgresql_writer import DIRTY, LATE, REPORTED, bare_cursor, contact, execute, parameters_of
from telemetry.ingest.stored import KnownCamera, Stored
from telemetry.ingest.tally import CameraTally
from telemetry.ingest.wire import Event

LARGE_EVENTS = 100
UNIQUE_VIOLATION = "23505"

SAMPLES = (
    "COPY telemetry_sample (camera_id, timestamp, occupancy, confidence, received_at, zone)"
    " FROM STDIN (FORMAT BINARY)"
)
VITALS = f"""
WITH reported AS MATERIALIZED ({REPORTED}), contact AS (
    {contact("accepted", "newest_at", "reported")}
), dirty AS ({DIRTY}), late AS ({LATE})
SELECT place, desired_state, generation FROM reported
"""  # noqa: S608  # put together from texts of our own

# PostgreSQL's documentation of COPY, "Binary Format": a header, rows of (length, value), and -1.
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_ROW = struct.Struct("!hi16siqiiidiqi")
_TRAILER = struct.pack("!h", -1)
_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class _NotByCopy(Exception):
    """Some of the group is stored already, or is of an unknown camera."""


def store(events: Sequence[Event], tallies: Sequence[CameraTally], now: datetime) -> Stored:
    """Insert the events that are not stored yet; write vitals and dirty ranges. `tallies` are sorted by camera."""
    try:
        with transaction.atomic():
            return _copy(events, tallies, now)
    except _NotByCopy:
        return postgresql_writer.store(events, tallies, now)


def _copy(events: Sequence[Event], tallies: Sequence[CameraTally], now: datetime) -> Stored:
    # In the same order in every process, or two that store the same events could deadlock.
    ordered = sorted(events, key=lambda event: (event.camera_id.int, event.timestamp, event.zone))
    try:
        with connection.wrap_database_errors, bare_cursor().copy(SAMPLES) as copy:
            copy.write(_binary(ordered, now))
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", None) == UNIQUE_VIOLATION:
            raise _NotByCopy from None
        raise
    rows = execute(VITALS, **parameters_of(tallies, now)).fetchall()
    if len(rows) < len(tallies):
        raise _NotByCopy  # some events are of unknown cameras
    return Stored({tallies[place - 1].camera_id.int: KnownCamera(*camera) for place, *camera in rows}, None)


def _binary(events: Iterable[Event], now: datetime) -> bytes:
    received_at = (now - _EPOCH) // _MICROSECOND
    parts = [_HEADER]
    for camera_id, timestamp, zone, occupancy, confidence, *_ in events:
        at = (timestamp - _EPOCH) // _MICROSECOND
        name = zone.encode()
        camera = camera_id.int.to_bytes(16, "big")
        parts += _ROW.pack(6, 16, camera, 8, at, 4, occupancy, 8, confidence, 8, received_at, len(name)), name
    parts.append(_TRAILER)
    return b"".join(parts)
