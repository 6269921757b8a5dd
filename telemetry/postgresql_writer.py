"""Writing a group of events on PostgreSQL: samples and vitals in one statement.

Same promises as `portable_writer`, at more than twice its rate. Samples are inserted in the order of their keys
and vitals are upserted in the order of theirs, so that two processes cannot deadlock. Counts come from RETURNING.
Runs in the caller's transaction. Must not import doors or ingest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from cameras.status import AHEAD_TOLERANCE
from telemetry.vitals import CameraTally, Key
from telemetry.wire import Event

STORE = """
WITH event AS (
    SELECT * FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[], %b::integer[], %b::float8[])
        AS event (camera_id, timestamp, zone, occupancy, confidence)
), fresh AS (
    INSERT INTO telemetry_sample (camera_id, timestamp, zone, occupancy, confidence, received_at)
    SELECT camera_id, timestamp, zone, occupancy, confidence, %b::timestamptz FROM event
    ON CONFLICT DO NOTHING
    RETURNING camera_id, timestamp, zone
), contact AS (
    INSERT INTO cameras_cameravitals AS vitals (
        camera_id, last_contact, observed_generation, latest_timestamp, latest_occupancy, latest_confidence,
        accepted_count, duplicate_count, conflict_count, rejected_count
    )
    SELECT heard.camera_id, %b::timestamptz, observed_generation, latest_timestamp, latest_occupancy,
        latest_confidence, coalesce(accepted, 0), 0, 0, 0
    FROM unnest(%b::uuid[], %b::bigint[], %b::timestamptz[], %b::integer[], %b::float8[])
        AS heard (camera_id, observed_generation, latest_timestamp, latest_occupancy, latest_confidence)
    LEFT JOIN (SELECT camera_id, count(*) AS accepted FROM fresh GROUP BY camera_id) AS counted
        ON counted.camera_id = heard.camera_id
    ORDER BY heard.camera_id
    ON CONFLICT (camera_id) DO UPDATE SET
        last_contact = CASE
            WHEN vitals.last_contact > %b::timestamptz THEN excluded.last_contact
            ELSE greatest(vitals.last_contact, excluded.last_contact)
        END,
        observed_generation = coalesce(excluded.observed_generation, vitals.observed_generation),
        (latest_timestamp, latest_occupancy, latest_confidence) = (
            SELECT newest.* FROM (VALUES
                (excluded.latest_timestamp, excluded.latest_occupancy, excluded.latest_confidence),
                (vitals.latest_timestamp, vitals.latest_occupancy, vitals.latest_confidence)
            ) AS newest (at, occupancy, confidence)
            WHERE newest.at IS NOT NULL ORDER BY newest.at DESC LIMIT 1
        ),
        accepted_count = vitals.accepted_count + excluded.accepted_count
)
SELECT camera_id, timestamp, zone FROM event
EXCEPT ALL
SELECT camera_id, timestamp, zone FROM fresh
"""

STORED_VALUES = """
SELECT camera_id, timestamp, zone, occupancy, confidence
FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[]) AS wanted (camera_id, timestamp, zone)
JOIN telemetry_sample USING (camera_id, timestamp, zone)
"""

COUNT = """
UPDATE cameras_cameravitals AS vitals SET
    duplicate_count = vitals.duplicate_count + tally.duplicates,
    conflict_count = vitals.conflict_count + tally.conflicts,
    rejected_count = vitals.rejected_count + tally.rejected
FROM unnest(%b::uuid[], %b::bigint[], %b::bigint[], %b::bigint[])
    AS tally (camera_id, duplicates, conflicts, rejected)
WHERE vitals.camera_id = tally.camera_id
"""


def store(events: Sequence[Event], tallies: Mapping[UUID, CameraTally], now: datetime) -> set[Key]:
    """Insert the events, sorted by key, that are not stored yet; write contacts; returns the keys inserted."""
    heard = sorted(tallies.items())
    latest = [tally.latest for _, tally in heard]
    known = _rows(
        STORE,
        [event.camera_id for event in events],
        [event.timestamp for event in events],
        [event.zone for event in events],
        [event.occupancy for event in events],
        [event.confidence for event in events],
        now,
        now,
        [camera_id for camera_id, _ in heard],
        [tally.observed_generation for _, tally in heard],
        [event and event.timestamp for event in latest],
        [event and event.occupancy for event in latest],
        [event and event.confidence for event in latest],
        now + AHEAD_TOLERANCE,
    )
    return {(event.camera_id, event.timestamp, event.zone) for event in events}.difference(known)


def stored_values(keys: Sequence[Key]) -> dict[Key, tuple[int, float]]:
    """Occupancy and confidence of those of the keys that are stored."""
    rows = _rows(STORED_VALUES, *(list(column) for column in zip(*keys, strict=True)))
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


def count(tallies: Mapping[UUID, CameraTally]) -> None:
    """Add what was not stored to the counters of the cameras, whose vitals `store` has locked."""
    counted = [
        (camera_id, tally.duplicates, tally.conflicts, tally.rejected)
        for camera_id, tally in tallies.items()
        if tally.duplicates or tally.conflicts or tally.rejected
    ]
    if counted:
        _execute(COUNT, *(list(column) for column in zip(*counted, strict=True)))


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    cursor = _execute(statement, *parameters)
    return cursor.fetchall()


def _execute(statement: str, *parameters: Any) -> psycopg.Cursor[Any]:
    """Run a statement past Django's cursor, which would write the arrays into its text."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return psycopg.Cursor(connection.connection).execute(statement, parameters, binary=True)
