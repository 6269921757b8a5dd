"""Rollups: a row for each minute and hour of a camera's zone, computed anew wherever a dirty range says so.

Minutes come from samples and hours from minutes, so that both always agree. When a camera's expected interval
changes, rollups computed before stay as they are. Rollups from before `KeptFrom.raw` are final: their samples are
gone, so dirty ranges there are dropped, and late samples change nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from cameras.models import Camera, DeletedCamera
from telemetry.history import portable_rollups, postgresql_rollups
from telemetry.history.dirty_ranges import CLAIMED_AT_ONCE, add_work, affected, claim_dirty_ranges
from telemetry.history.spans import DAY, HOUR, Span, floor_to, merged
from telemetry.history.summaries import CarriedSample, RawPart, Sources, validity_of
from telemetry.models import HourRollup, KeptFrom, RollupWork

# What one transaction computes at most: so many dirty ranges, and so much time of all cameras together.
CHUNK_RANGES = 500
CHUNK_TIME = 2 * DAY


def compute_rollups(
    now: datetime,
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], object] = lambda count: None,
) -> int:
    """Compute the rollups of all settled dirty ranges; returns how many minutes were written.

    `stopping` is asked before each chunk, `progress` gets the minutes of each. The next call does what is left.
    """
    claimed, written = CLAIMED_AT_ONCE, 0
    while claimed >= CLAIMED_AT_ONCE and not stopping():
        claimed = claim_dirty_ranges(now)
    # Claiming is committed before anything is computed, so that nobody waits for a calculation: a sample that is
    # committed later sets a dirty range of its own, and one that was committed before is seen by the calculation.
    while not stopping() and (work := list(RollupWork.objects.order_by("camera_id", "start_at")[:CHUNK_RANGES])):
        with transaction.atomic():
            count = _compute(work)
        written += count
        progress(count)
    return written


def database_rollups() -> Any:
    """The module that computes and reads rollups on the database in use."""
    return postgresql_rollups if connection.vendor == "postgresql" else portable_rollups


def kept_from() -> KeptFrom:
    """Where history begins."""
    return KeptFrom.objects.first() or KeptFrom()


def carried_samples(raw_parts: Sequence[RawPart], raw_from: datetime | None) -> list[CarriedSample]:
    """The last samples before `raw_from` that may still be valid in the parts; hours keep them as `last`."""
    reaching = [part for part in raw_parts if raw_from and part.span.start - part.validity < raw_from]
    if not reaching:
        return []
    earliest = min(part.span.start - part.validity for part in reaching)
    rows = (
        HourRollup.objects.filter(camera_id__in={part.camera_id for part in reaching}, last_at__gte=earliest)
        .between(floor_to(earliest, HOUR), raw_from)
        .oldest_first()
        .values_list("camera_id", "zone", "last_at", "last")
    )
    newest = {(camera_id, zone): CarriedSample(camera_id, zone, at, last) for camera_id, zone, at, last in rows}
    return list(newest.values())


def _intervals_of(camera_ids: set[UUID]) -> dict[UUID, int]:
    """The expected intervals of cameras, those in the bin too: when one is restored, its rollups must be there."""
    deleted = DeletedCamera.objects.filter(pk__in=camera_ids)
    cameras = Camera.objects.filter(pk__in=camera_ids)
    return dict(deleted.values_list("pk", "configuration__expected_interval_seconds")) | dict(
        cameras.values_list("pk", "expected_interval_seconds")
    )


def _compute(work: Sequence[RollupWork]) -> int:
    """Compute the first of the work, at most one day of each and CHUNK_TIME of all, and remove what was done."""
    raw_from = kept_from().raw
    intervals = _intervals_of({item.camera_id for item in work})
    wanted: dict[UUID, list[Span]] = {}
    done: list[RollupWork] = []
    rest: list[tuple[UUID, Span]] = []
    room = CHUNK_TIME
    for item in work:
        if not room > timedelta():
            break
        done.append(item)
        if item.camera_id not in intervals:
            continue  # the camera was erased, and its history is purged
        span = affected(Span(item.start_at, item.end_at), validity_of(intervals[item.camera_id]))
        span = Span(max(span.start, raw_from or span.start), span.end)
        tomorrow = floor_to(span.start, DAY) + DAY
        if item.end_at > tomorrow:
            rest.append((item.camera_id, Span(tomorrow, item.end_at)))
            span = Span(span.start, tomorrow)
        if span.start < span.end:
            wanted.setdefault(item.camera_id, []).append(span)
            room -= span.end - span.start
    raw_parts = [
        RawPart(camera_id, span, validity_of(intervals[camera_id]))
        for camera_id, spans in wanted.items()
        for span in merged(spans)
    ]
    RollupWork.objects.filter(pk__in=[item.pk for item in done]).delete()
    add_work(rest)
    if not raw_parts:
        return 0
    sources = Sources(raw_parts=raw_parts, carried=carried_samples(raw_parts, raw_from), raw_from=raw_from)
    return int(database_rollups().write(sources))
