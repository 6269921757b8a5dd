"""Writing a large group of events on PostgreSQL: samples by COPY, then their vitals, in one transaction.

COPY knows no ON CONFLICT. It is tried in the hope that nothing of the group is stored yet, as with nearly every
batch; where something is, the group goes the way of `postgresql_writer`. Must not import doors or ingest.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from django.db import IntegrityError, connection, transaction

from telemetry import postgresql_writer
from telemetry.postgresql_writer import CONTACT, HEARD, LATE, execute, heard
from telemetry.stored import KnownCamera, Stored
from telemetry.vitals import CameraTally
from telemetry.wire import Event

LARGE_EVENTS = 100
UNIQUE_VIOLATION = "23505"

CAMERAS = """
SELECT place, camera.desired_state, camera.generation
FROM unnest(%(cameras)b::uuid[]) WITH ORDINALITY AS heard (camera_id, place)
JOIN cameras_camera AS camera ON camera.id = heard.camera_id
"""
SAMPLES = (
    "COPY telemetry_sample (camera_id, timestamp, occupancy, confidence, received_at, zone)"
    " FROM STDIN (FORMAT BINARY)"
)
VITALS = f"""
WITH heard AS MATERIALIZED ({HEARD}), late AS ({LATE})
{CONTACT.format(accepted="accepted", source="heard")}
"""

# PostgreSQL's documentation of COPY, "Binary Format": a header, rows of (length, value), and -1.
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_ROW = struct.Struct("!hi16siqiiidiqi")
_TRAILER = struct.pack("!h", -1)
_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def store(events: Sequence[Event], tallies: Sequence[CameraTally], now: datetime) -> Stored:
    """Insert the events that are not stored yet; write contacts and marks. `tallies` are sorted by camera."""
    try:
        with transaction.atomic():
            return _copy(events, tallies, now)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", None) != UNIQUE_VIOLATION:
            raise
    return postgresql_writer.store(events, tallies, now)


def _copy(events: Sequence[Event], tallies: Sequence[CameraTally], now: datetime) -> Stored:
    rows = execute(CAMERAS, cameras=[tally.camera_id for tally in tallies]).fetchall()
    cameras = {tallies[place - 1].camera_id.int: KnownCamera(*camera) for place, *camera in rows}
    known = [event for event in events if event.camera_id.int in cameras]
    # In one order in every process, or two that send the same would wait for each other.
    known.sort(key=lambda event: (event.camera_id.int, event.timestamp, event.zone))
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection).copy(SAMPLES) as copy:
        copy.write(_binary(known, now))
    execute(VITALS, **heard([tally for tally in tallies if tally.camera_id.int in cameras], now))
    return Stored(cameras, None)


def _binary(events: Iterable[Event], now: datetime) -> bytes:
    received_at = (now - _EPOCH) // _MICROSECOND
    parts = [_HEADER]
    for camera_id, timestamp, zone, occupancy, confidence, _ in events:
        at = (timestamp - _EPOCH) // _MICROSECOND
        name = zone.encode()
        camera = camera_id.int.to_bytes(16, "big")
        parts += _ROW.pack(6, 16, camera, 8, at, 4, occupancy, 8, confidence, 8, received_at, len(name)), name
    parts.append(_TRAILER)
    return b"".join(parts)
