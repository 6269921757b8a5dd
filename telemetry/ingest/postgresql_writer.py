"""Writing a group of events on PostgreSQL: samples, vitals and dirty ranges in one statement.

Same promises as `portable_writer`, at a multiple of its rate: a single statement is a transaction of its own, so a
group costs one round trip. Samples and vitals are each written in the order of their keys, so that two processes
cannot deadlock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection

from cameras.facts import AHEAD_TOLERANCE, MIN_WINDOW, STALE_AFTER_INTERVALS
from telemetry.ingest.stored import KnownCamera, Stored
from telemetry.ingest.tally import CameraTally, SampleKey
from telemetry.ingest.wire import Event

# A row for each tally whose camera exists.
REPORTED = """
    SELECT reported.*, camera.desired_state, camera.generation, camera.expected_interval_seconds
    FROM unnest(
        %(cameras)b::uuid[], %(observed)b::bigint[], %(latest_at)b::timestamptz[], %(latest_occupancy)b::integer[],
        %(latest_confidence)b::float8[], %(dirty_from)b::timestamptz[], %(dirty_until)b::timestamptz[],
        %(accepted)b::bigint[], %(newest)b::timestamptz[]
    ) WITH ORDINALITY AS reported (
        camera_id, observed_generation, latest_timestamp, latest_occupancy, latest_confidence, dirty_from_at,
        dirty_until_at, accepted, newest_at, place
    )
    JOIN cameras_camera AS camera ON camera.id = reported.camera_id
"""
# {accepted} is the number of samples of a camera that were stored, {newest} the newest of them, and {source} the
# tables that this comes from. Two columns of `excluded` carry what is compared: `failure_timestamp` the newest
# sample, `status_dirty_at` when the last one must have come at the latest for this one to change the status.
CONTACT = """
    INSERT INTO cameras_cameravitals AS vitals (
        camera_id, last_contact, observed_generation, latest_timestamp, latest_occupancy, latest_confidence,
        dirty_from_at, dirty_until_at, accepted_count, duplicate_count, conflict_count, rejected_count,
        last_sample_at, failure_timestamp, status_dirty_at
    )
    SELECT reported.camera_id, %(now)b::timestamptz, observed_generation, latest_timestamp, latest_occupancy,
        latest_confidence, dirty_from_at, dirty_until_at, {accepted}, 0, 0, 0,
        CASE WHEN {accepted} > 0 THEN %(now)b::timestamptz END, {newest},
        %(now)b::timestamptz - make_interval(secs => {stale_after} * expected_interval_seconds)
    FROM {source}
    ORDER BY reported.camera_id
    ON CONFLICT (camera_id) DO UPDATE SET
        last_contact = CASE
            WHEN vitals.last_contact > %(ahead)b::timestamptz THEN excluded.last_contact
            ELSE greatest(vitals.last_contact, excluded.last_contact)
        END,
        observed_generation = coalesce(excluded.observed_generation, vitals.observed_generation),
        latest_timestamp = greatest(vitals.latest_timestamp, excluded.latest_timestamp),
        latest_occupancy = CASE
            WHEN excluded.latest_timestamp IS NULL OR vitals.latest_timestamp >= excluded.latest_timestamp
            THEN vitals.latest_occupancy ELSE excluded.latest_occupancy
        END,
        latest_confidence = CASE
            WHEN excluded.latest_timestamp IS NULL OR vitals.latest_timestamp >= excluded.latest_timestamp
            THEN vitals.latest_confidence ELSE excluded.latest_confidence
        END,
        dirty_from_at = least(vitals.dirty_from_at, excluded.dirty_from_at),
        dirty_until_at = greatest(vitals.dirty_until_at, excluded.dirty_until_at),
        accepted_count = vitals.accepted_count + excluded.accepted_count,
        last_sample_at = CASE
            WHEN vitals.last_sample_at > %(ahead)b::timestamptz AND excluded.last_sample_at IS NOT NULL
            THEN excluded.last_sample_at
            ELSE greatest(vitals.last_sample_at, excluded.last_sample_at)
        END,
        failed_at = CASE
            WHEN vitals.failed_at IS NULL
                OR vitals.failure_timestamp IS NULL AND excluded.last_sample_at IS NOT NULL
                OR excluded.failure_timestamp > vitals.failure_timestamp
            THEN NULL ELSE vitals.failed_at
        END,
        status_dirty_at = CASE
            WHEN excluded.last_sample_at IS NOT NULL AND (
                vitals.failed_at IS NOT NULL OR vitals.last_sample_at IS NULL
                OR vitals.last_sample_at < excluded.status_dirty_at
            ) THEN %(now)b::timestamptz ELSE vitals.status_dirty_at
        END
    RETURNING vitals.camera_id, vitals.status_dirty_at = %(now)b::timestamptz AS is_dirty
"""
# In the normal case there is none.
DIRTY = """
    INSERT INTO cameras_statusdirty AS dirty (camera_id, marked_at)
    SELECT camera_id, %(now)b::timestamptz FROM contact WHERE is_dirty ORDER BY camera_id
    ON CONFLICT (camera_id) DO UPDATE SET marked_at = excluded.marked_at
"""


def contact(accepted: str, newest: str, source: str) -> str:
    """CONTACT with these parts."""
    return CONTACT.format(accepted=accepted, newest=newest, source=source, stale_after=STALE_AFTER_INTERVALS)


# An upsert, which locks the row even if it exists already: see `DirtyHour`.
LATE = """
    INSERT INTO telemetry_dirtyhour AS hour (camera_id, start_at, dirtied_at)
    SELECT late.camera_id, late.start_at, %(now)b::timestamptz
    FROM unnest(%(late_cameras)b::uuid[], %(late_hours)b::timestamptz[]) AS late (camera_id, start_at)
    JOIN reported USING (camera_id)
    ORDER BY late.camera_id, late.start_at
    ON CONFLICT (camera_id, start_at) DO UPDATE SET dirtied_at = excluded.dirtied_at
"""
# The keys of `fresh` come back only if some events were stored before: then the caller has to tell them apart.
STORE = f"""
WITH reported AS MATERIALIZED ({REPORTED}), event AS MATERIALIZED (
    SELECT event.* FROM unnest(
        %(event_cameras)b::uuid[], %(timestamps)b::timestamptz[], %(zones)b::text[], %(occupancies)b::integer[],
        %(confidences)b::float8[]
    ) WITH ORDINALITY AS event (camera_id, timestamp, zone, occupancy, confidence, place)
    WHERE EXISTS (SELECT FROM cameras_camera WHERE id = event.camera_id)
), fresh AS (
    INSERT INTO telemetry_sample (camera_id, timestamp, zone, occupancy, confidence, received_at)
    SELECT camera_id, timestamp, zone, occupancy, confidence, %(now)b::timestamptz FROM event
    ORDER BY camera_id, timestamp, zone COLLATE "C", place
    ON CONFLICT DO NOTHING
    RETURNING camera_id, timestamp, zone
), counted AS (
    SELECT camera_id, count(*) AS stored, max(timestamp) AS newest_stored FROM fresh GROUP BY camera_id
), contact AS (
    {contact("coalesce(stored, 0)", "newest_stored", "reported LEFT JOIN counted USING (camera_id)")}
), dirty AS ({DIRTY}), late AS ({LATE})
SELECT place, desired_state, generation, (SELECT count(*) FROM fresh) = (SELECT count(*) FROM event),
    NULL::timestamptz, NULL::text
FROM reported
UNION ALL
SELECT place, NULL, NULL, NULL, timestamp, zone FROM fresh JOIN reported USING (camera_id)
WHERE (SELECT count(*) FROM fresh) < (SELECT count(*) FROM event)
"""  # noqa: S608  # put together from the texts above

STORED_VALUES = """
SELECT camera_id, timestamp, zone, occupancy, confidence
FROM unnest(%(cameras)b::uuid[], %(timestamps)b::timestamptz[], %(zones)b::text[])
    AS wanted (camera_id, timestamp, zone)
JOIN telemetry_sample USING (camera_id, timestamp, zone)
"""

COUNT = """
WITH vitals AS (
    SELECT vitals.camera_id, %(now)b::timestamptz - greatest(
        %(window)b::interval, make_interval(secs => %(stale_after)b::integer * camera.expected_interval_seconds)
    ) AS window_began_at
    FROM cameras_cameravitals AS vitals JOIN cameras_camera AS camera ON camera.id = vitals.camera_id
    WHERE vitals.camera_id = ANY (%(cameras)b::uuid[])
    ORDER BY vitals.camera_id FOR NO KEY UPDATE OF vitals
)
UPDATE cameras_cameravitals AS counted SET
    duplicate_count = duplicate_count + tally.duplicates,
    conflict_count = conflict_count + tally.conflicts,
    rejected_count = rejected_count + tally.rejected,
    last_sample_at = CASE
        WHEN tally.duplicates > 0 THEN greatest(counted.last_sample_at, %(now)b::timestamptz)
        ELSE counted.last_sample_at
    END,
    refused_since = CASE
        WHEN tally.refused IS NOT NULL AND (
            counted.refused_at IS NULL OR counted.refused_code <> tally.refused
            OR counted.refused_at <= window_began_at
        ) THEN %(now)b::timestamptz ELSE counted.refused_since
    END,
    refused_at = CASE WHEN tally.refused IS NULL THEN counted.refused_at ELSE %(now)b::timestamptz END,
    refused_code = coalesce(tally.refused, counted.refused_code)
FROM vitals
JOIN unnest(
    %(cameras)b::uuid[], %(duplicates)b::bigint[], %(conflicts)b::bigint[], %(rejected)b::bigint[],
    %(refused)b::text[]
) AS tally (camera_id, duplicates, conflicts, rejected, refused) USING (camera_id)
WHERE counted.camera_id = vitals.camera_id
"""


def store(events: Sequence[Event], tallies: Sequence[CameraTally], now: datetime) -> Stored:
    """Insert the events that are not stored yet; write vitals and dirty ranges. `tallies` are sorted by camera."""
    rows = execute(
        STORE,
        **parameters_of(tallies, now),
        event_cameras=[event.camera_id for event in events],
        timestamps=[event.timestamp for event in events],
        zones=[event.zone for event in events],
        occupancies=[event.occupancy for event in events],
        confidences=[event.confidence for event in events],
    ).fetchall()
    cameras: dict[int, KnownCamera] = {}
    fresh: set[SampleKey] = set()
    complete = True
    for place, desired_state, generation, all_fresh, timestamp, zone in rows:
        camera_id = tallies[place - 1].camera_id
        if desired_state is None:
            fresh.add((camera_id, timestamp, zone))
        else:
            cameras[camera_id.int] = KnownCamera(desired_state, generation)
            complete = all_fresh
    return Stored(cameras, None if complete else fresh)


def stored_values(keys: Sequence[SampleKey]) -> dict[SampleKey, tuple[int, float]]:
    """Occupancy and confidence of those of the keys that are stored."""
    cameras, timestamps, zones = (list(column) for column in zip(*keys, strict=True))
    rows = execute(STORED_VALUES, cameras=cameras, timestamps=timestamps, zones=zones).fetchall()
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


def count(tallies: Sequence[CameraTally], now: datetime) -> None:
    """Add what was not stored to the counters of the cameras."""
    counted = [tally for tally in tallies if tally.duplicates or tally.conflicts or tally.rejected]
    if counted:
        execute(
            COUNT,
            cameras=[tally.camera_id for tally in counted],
            duplicates=[tally.duplicates for tally in counted],
            conflicts=[tally.conflicts for tally in counted],
            rejected=[tally.rejected for tally in counted],
            refused=[tally.refused and tally.refused.value for tally in counted],
            now=now,
            window=MIN_WINDOW,
            stale_after=STALE_AFTER_INTERVALS,
        )


def parameters_of(tallies: Sequence[CameraTally], now: datetime) -> dict[str, Any]:
    """The parameters of REPORTED, CONTACT and LATE."""
    latest = [tally.latest for tally in tallies]
    late = [(tally.camera_id, hour) for tally in tallies for hour in sorted(tally.dirty_hours or ())]
    return {
        "cameras": [tally.camera_id for tally in tallies],
        "observed": [tally.observed_generation for tally in tallies],
        "latest_at": [event and event.timestamp for event in latest],
        "latest_occupancy": [event and event.occupancy for event in latest],
        "latest_confidence": [event and event.confidence for event in latest],
        "dirty_from": [tally.dirty_from_at for tally in tallies],
        "dirty_until": [tally.dirty_until_at for tally in tallies],
        "accepted": [tally.storable for tally in tallies],
        "newest": [tally.newest for tally in tallies],
        "late_cameras": [camera_id for camera_id, _ in late],
        "late_hours": [hour for _, hour in late],
        "now": now,
        "ahead": now + AHEAD_TOLERANCE,
    }


def execute(statement: str, **parameters: Any) -> psycopg.Cursor[Any]:
    """Run a statement without Django's cursor, which would write the arrays into its text."""
    with connection.wrap_database_errors:
        return bare_cursor().execute(statement, parameters, binary=True)


def bare_cursor() -> psycopg.Cursor[Any]:
    """psycopg's own cursor on Django's connection. Callers wrap its errors: `connection.wrap_database_errors`."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)
