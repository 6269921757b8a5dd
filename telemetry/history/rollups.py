"""Rollups: a minute and an hour of each camera and zone, computed anew from samples wherever a mark says so.

Minutes come from samples and hours from minutes, so that both always agree. Where a camera's expected interval
changes, what was computed stays as it was. Before `KeptFrom.raw` nothing is computed any more: marks there are
dropped, and late samples change nothing. Must not import doors or ingest.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from cameras.models import Camera
from telemetry.history import portable_rollups, postgresql_rollups
from telemetry.history.dirty_ranges import CLAIMED_AT_ONCE, add_work, claim_marks, touched
from telemetry.history.spans import DAY, HOUR, Span, floor_to, merged
from telemetry.history.summaries import Seed, Sources, Stretch, hold_of
from telemetry.models import HourRollup, KeptFrom, RollupWork

# What one transaction computes: so many marks, and so much time of all cameras together.
CHUNK_MARKS = 500
CHUNK_TIME = 2 * DAY


def compute_rollups(
    now: datetime,
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], object] = lambda count: None,
) -> int:
    """Take over all settled marks and compute what they ask for; returns how many minutes were written.

    `stopping` is asked before each chunk, `progress` is told the minutes of each. What is left is gone on with by
    the next call.
    """
    claimed, written = CLAIMED_AT_ONCE, 0
    while claimed >= CLAIMED_AT_ONCE and not stopping():
        claimed = claim_marks(now)
    while not stopping() and (work := list(RollupWork.objects.order_by("camera_id", "start_at")[:CHUNK_MARKS])):
        with transaction.atomic():
            count = _compute(work)
        written += count
        progress(count)
    return written


def database_rollups() -> Any:
    """How the database computes and reads rollups."""
    return postgresql_rollups if connection.vendor == "postgresql" else portable_rollups


def kept_from() -> KeptFrom:
    """Where history begins."""
    return KeptFrom.objects.first() or KeptFrom()


def seeds_of(stretches: Sequence[Stretch], raw_from: datetime | None) -> list[Seed]:
    """The last samples before raw history begins that may still count in the stretches, as hours remember them."""
    reaching = [stretch for stretch in stretches if raw_from and stretch.span.start - stretch.hold < raw_from]
    if not reaching:
        return []
    earliest = min(stretch.span.start - stretch.hold for stretch in reaching)
    rows = (
        HourRollup.objects.filter(camera_id__in={stretch.camera_id for stretch in reaching}, last_at__gte=earliest)
        .between(floor_to(earliest, HOUR), raw_from)
        .oldest_first()
        .values_list("camera_id", "zone", "last_at", "last")
    )
    newest = {(camera_id, zone): Seed(camera_id, zone, at, last) for camera_id, zone, at, last in rows}
    return list(newest.values())


def _compute(work: Sequence[RollupWork]) -> int:
    """Compute what marks ask for, of a long one its first day, and let them go."""
    raw_from = kept_from().raw
    cameras = Camera.objects.filter(pk__in={mark.camera_id for mark in work})
    intervals = dict(cameras.values_list("pk", "expected_interval_seconds"))
    wanted: dict[UUID, list[Span]] = {}
    done: list[RollupWork] = []
    rest: list[tuple[UUID, Span]] = []
    room = CHUNK_TIME
    for mark in work:
        if not room > timedelta():
            break
        done.append(mark)
        if mark.camera_id not in intervals:
            continue  # of a deleted camera, whose history is purged
        span = touched(Span(mark.start_at, mark.end_at), hold_of(intervals[mark.camera_id]))
        span = Span(max(span.start, raw_from or span.start), span.end)
        tomorrow = floor_to(span.start, DAY) + DAY
        if mark.end_at > tomorrow:
            rest.append((mark.camera_id, Span(tomorrow, mark.end_at)))
            span = Span(span.start, tomorrow)
        if span.start < span.end:
            wanted.setdefault(mark.camera_id, []).append(span)
            room -= span.end - span.start
    stretches = [
        Stretch(camera_id, span, hold_of(intervals[camera_id]))
        for camera_id, spans in wanted.items()
        for span in merged(spans)
    ]
    RollupWork.objects.filter(pk__in=[mark.pk for mark in done]).delete()
    add_work(rest)
    if not stretches:
        return 0
    sources = Sources(stretches=stretches, seeds=seeds_of(stretches, raw_from), raw_from=raw_from)
    return int(database_rollups().write(sources))
