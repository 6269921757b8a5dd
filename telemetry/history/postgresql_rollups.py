"""Rollups on PostgreSQL: the rule of `summaries.summarise` over many cameras in one statement.

Same promises as `portable_rollups`. Runs in the caller's transaction.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection

from telemetry.history.spans import EPOCH, HOUR, MINUTE, Grid, Span, merged, widened
from telemetry.history.summaries import SiteSum, Sources, Summary

COLUMNS = "camera_id, zone, start_at, count, sum, min, max, first, last, last_at, integral, known"

# Common table expressions to stand in front of a statement that reads `summary`. Each part looks its samples up
# by key: OFFSET 0 keeps the planner from merging that look-up into the rest. `earliest` and `latest` bound all
# parts, so that the planner leaves out the partitions of other days. Nearly every sample is valid only within its
# own bucket, and only the others pay for generate_series.
SUMMARY = """
part AS (
    SELECT * FROM unnest(
        %(cameras)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(validities)s::interval[]
    ) WITH ORDINALITY AS part (camera_id, start_at, end_at, validity, number)
), sample AS (
    SELECT part.*, seen.zone, seen.timestamp, seen.occupancy
    FROM part CROSS JOIN LATERAL (
        SELECT zone, timestamp, occupancy FROM telemetry_sample
        WHERE camera_id = part.camera_id
            AND timestamp >= part.start_at - part.validity AND timestamp < part.end_at
            AND timestamp >= %(earliest)s::timestamptz AND timestamp < %(latest)s::timestamptz
            {only_zone}
        OFFSET 0
    ) AS seen
    UNION ALL
    SELECT part.*, carried.zone, carried.timestamp, carried.occupancy
    FROM part JOIN unnest(
        %(carried_cameras)s::uuid[], %(carried_zones)s::text[],
        %(carried_timestamps)s::timestamptz[], %(carried_occupancies)s::integer[]
    ) AS carried (camera_id, zone, timestamp, occupancy) USING (camera_id)
    WHERE true {only_zone}
), neighbour AS (
    SELECT *,
        lag(timestamp) OVER series AS previous_at,
        lead(timestamp) OVER series AS following_at
    FROM sample WINDOW series AS (PARTITION BY number, zone ORDER BY timestamp)
), valid AS (
    SELECT number, camera_id, zone, occupancy, timestamp, previous_at, following_at, start_at,
        timestamp >= start_at AS counted,
        greatest(timestamp, start_at) AS valid_from,
        least(following_at, timestamp + validity, end_at) AS valid_until,
        date_bin(%(width)s, greatest(timestamp, start_at), %(epoch)s) AS bin
    FROM neighbour
), piece AS (
    SELECT number, camera_id, zone, occupancy, timestamp, start_at, bin, counted,
        counted AND (previous_at IS NULL OR previous_at < greatest(bin, start_at)) AS is_first,
        counted AND (following_at IS NULL OR following_at >= bin + %(width)s) AS is_last,
        valid_from, least(valid_until, bin + %(width)s) AS valid_until
    FROM valid WHERE valid_until > valid_from
    UNION ALL
    SELECT number, camera_id, zone, occupancy, timestamp, start_at, following.bin, false, false, false,
        following.bin, least(valid_until, following.bin + %(width)s)
    FROM valid CROSS JOIN LATERAL
        generate_series(valid.bin + %(width)s, valid_until - interval '1 microsecond', %(width)s)
        AS following (bin)
    WHERE valid_until > valid.bin + %(width)s
), measured AS (
    SELECT *, (extract(epoch FROM valid_until - valid_from) * 1000000)::bigint AS microseconds FROM piece
), summary AS (
    SELECT camera_id, zone, greatest(bin, start_at) AS start_at,
        (count(*) FILTER (WHERE counted))::integer AS count,
        sum(occupancy) FILTER (WHERE counted) AS sum,
        min(occupancy) FILTER (WHERE counted) AS min,
        max(occupancy) FILTER (WHERE counted) AS max,
        max(occupancy) FILTER (WHERE is_first) AS first,
        max(occupancy) FILTER (WHERE is_last) AS last,
        max(timestamp) FILTER (WHERE counted) AS last_at,
        sum(occupancy * microseconds)::bigint AS integral,
        sum(microseconds)::bigint AS known
    FROM measured GROUP BY number, camera_id, zone, bin, start_at
)
"""
ONLY_ZONE = "AND zone = %(zone)s"

FORGET = """
DELETE FROM {table} AS old
USING unnest(%(cameras)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS span (camera_id, start_at, end_at)
WHERE old.camera_id = span.camera_id AND old.start_at >= span.start_at AND old.start_at < span.end_at
    AND old.start_at >= %(earliest)s::timestamptz AND old.start_at < %(latest)s::timestamptz
"""
WRITE_MINUTES = f"WITH {SUMMARY.format(only_zone='')} INSERT INTO telemetry_minuterollup ({COLUMNS}) TABLE summary"

# Several rows as one; `start_at` gives their order.
FOLDED = """
    sum(count)::bigint AS count, sum(sum) AS sum, min(min) AS min, max(max) AS max,
    (array_agg(first ORDER BY start_at) FILTER (WHERE count > 0))[1] AS first,
    (array_agg(last ORDER BY start_at DESC) FILTER (WHERE count > 0))[1] AS last,
    max(last_at) AS last_at, sum(integral) AS integral, sum(known) AS known
"""
ROWS = """
    SELECT row.* FROM unnest(
        %({kind}_cameras)s::uuid[], %({kind}_starts)s::timestamptz[], %({kind}_ends)s::timestamptz[]
    ) AS span (camera_id, start_at, end_at)
    CROSS JOIN LATERAL (
        SELECT {columns} FROM {table}
        WHERE camera_id = span.camera_id AND start_at >= span.start_at AND start_at < span.end_at
            AND start_at >= %({kind}_earliest)s::timestamptz AND start_at < %({kind}_latest)s::timestamptz
            {only_zone}
        OFFSET 0
    ) AS row
"""
WRITE_HOURS = f"""
INSERT INTO telemetry_hourrollup ({COLUMNS})
SELECT camera_id, zone, date_bin('1 hour', start_at, %(epoch)s) AS start_at, {FOLDED}
FROM ({ROWS.format(kind="minute", table="telemetry_minuterollup", columns=COLUMNS, only_zone="")}) AS minute
GROUP BY camera_id, zone, date_bin('1 hour', start_at, %(epoch)s)
"""


def _sources(columns: str) -> str:
    hours = ROWS.format(kind="hour", table="telemetry_hourrollup", columns=columns, only_zone=ONLY_ZONE)
    minutes = ROWS.format(kind="minute", table="telemetry_minuterollup", columns=columns, only_zone=ONLY_ZONE)
    return f"{hours} UNION ALL {minutes} UNION ALL SELECT {columns} FROM summary"


READ = f"""
WITH {SUMMARY.format(only_zone=ONLY_ZONE)}
SELECT camera_id, zone, {{bucket}} AS bucket, {FOLDED}
FROM ({_sources(COLUMNS)}) AS source
GROUP BY camera_id, zone, bucket ORDER BY camera_id, bucket LIMIT %(limit)s
"""
# Every minute comes from one source, so there is nothing to fold.
READ_MINUTES = f"""
WITH {SUMMARY.format(only_zone=ONLY_ZONE)}
SELECT {COLUMNS} FROM ({_sources(COLUMNS)}) AS source ORDER BY camera_id, start_at LIMIT %(limit)s
"""
READ_SUMS = f"""
WITH {SUMMARY.format(only_zone=ONLY_ZONE)}
SELECT bucket, sum(integral / known)::float8, count(*), sum(known) FROM (
    SELECT {{bucket}} AS bucket, sum(integral)::float8 AS integral, sum(known)::bigint AS known
    FROM ({_sources("camera_id, start_at, integral, known")}) AS source
    GROUP BY camera_id, bucket
) AS camera
WHERE known > 0 GROUP BY bucket ORDER BY bucket LIMIT %(limit)s
"""


def write(sources: Sources) -> int:
    """Compute the minutes of `sources.raw_parts` and their hours anew; returns how many minutes were written."""
    minutes = [(part.camera_id, part.span) for part in sources.raw_parts]
    hours = []
    for camera_id, spans in groupby(sorted(minutes), key=itemgetter(0)):
        hours += [(camera_id, hour) for hour in merged(widened(span, HOUR) for _, span in spans)]
    with connection.cursor() as cursor:
        # Memory to sort a day of samples; and no compilation, which would take longer than running the statement.
        cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
        cursor.execute(FORGET.format(table="telemetry_minuterollup"), _spans("", minutes))
        cursor.execute(WRITE_MINUTES, _of_samples(sources, MINUTE))
        written = cursor.rowcount
        cursor.execute(FORGET.format(table="telemetry_hourrollup"), _spans("", hours))
        cursor.execute(WRITE_HOURS, {**_spans("minute_", hours), "epoch": EPOCH})
    return written


def read(sources: Sources, zone: str, grid: Grid, limit: int) -> list[Summary]:
    """What is known of each camera in each bucket, by camera, oldest first; at most `limit` of them."""
    statement = READ_MINUTES if grid.width == MINUTE else READ
    # PostgreSQL's sums of bigint are numeric, which psycopg reads as Decimal; their values are whole numbers.
    return [
        Summary._make(int(value) if isinstance(value, Decimal) else value for value in row)
        for row in _read(statement, sources, zone, grid, limit)
    ]


def read_sums(sources: Sources, zone: str, grid: Grid, limit: int) -> list[SiteSum]:
    """The averages of all cameras added up, bucket by bucket; at most `limit` of them."""
    return [SiteSum._make([*row[:3], int(row[3])]) for row in _read(READ_SUMS, sources, zone, grid, limit)]


def _read(statement: str, sources: Sources, zone: str, grid: Grid, limit: int) -> list[tuple[Any, ...]]:
    if grid.width:
        bucket = "greatest(date_bin(%(bucket_width)s, start_at, %(origin)s), %(grid_start)s::timestamptz)"
    else:
        bucket = "(%(edges)s::timestamptz[])[width_bucket(start_at, %(edges)s::timestamptz[])]"
    given = {
        **_of_samples(sources, grid.part),
        **_spans("hour_", sources.hours),
        **_spans("minute_", sources.minutes),
        "bucket_width": grid.width,
        "origin": grid.origin,
        "grid_start": grid.start,
        "edges": list(grid.edges),
        "zone": zone,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement.format(bucket=bucket), given)
        return cursor.fetchall()


def _of_samples(sources: Sources, width: timedelta) -> dict[str, Any]:
    raw_parts, carried = sources.raw_parts, sources.carried
    bounds = _bounds([Span(span.start - validity, span.end) for _, span, validity in raw_parts])
    return {
        **_spans("", [(part.camera_id, part.span) for part in raw_parts]),
        "validities": [part.validity for part in raw_parts],
        "earliest": max(bounds.start, sources.raw_from or bounds.start),
        "latest": bounds.end,
        "carried_cameras": [sample.camera_id for sample in carried],
        "carried_zones": [sample.zone for sample in carried],
        "carried_timestamps": [sample.timestamp for sample in carried],
        "carried_occupancies": [sample.occupancy for sample in carried],
        "width": width,
        "epoch": EPOCH,
    }


def _spans(prefix: str, spans: Sequence[tuple[UUID, Span]]) -> dict[str, Any]:
    bounds = _bounds([span for _, span in spans])
    return {
        f"{prefix}cameras": [camera_id for camera_id, _ in spans],
        f"{prefix}starts": [span.start for _, span in spans],
        f"{prefix}ends": [span.end for _, span in spans],
        f"{prefix}earliest": bounds.start,
        f"{prefix}latest": bounds.end,
    }


def _bounds(spans: Sequence[Span]) -> Span:
    """The smallest span that contains them all; an empty one if there are none."""
    if not spans:
        return Span(EPOCH, EPOCH)
    return Span(min(span.start for span in spans), max(span.end for span in spans))
