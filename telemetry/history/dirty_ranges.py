"""Dirty ranges: spans of a camera whose rollups are not computed yet, or not any more.

Ingest notes them in the transaction that stores the samples: recent ones in CameraVitals, older ones as DirtyHour.
A camera that goes to the bin takes its recent one along.
`maintain` claims them: it moves them into RollupWork, and computes those. Readers ask `dirty_spans`, and compute
these from samples.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from cameras.models import CameraVitals, DeletedCamera
from telemetry.history.spans import HOUR, MICROSECOND, MINUTE, Span, merged, widened
from telemetry.models import DirtyHour, RollupWork

# A minute that still receives samples would have to be computed again.
SETTLED_AFTER = timedelta(minutes=2)
# A busy camera's range grows while it is being claimed. Work that reaches further covers that growth; without it
# the range of such a camera would never be cleared.
SLACK = timedelta(minutes=1)
CLAIMED_AT_ONCE = 500


def dirty_spans(validities: Mapping[UUID, timedelta]) -> dict[UUID, list[Span]]:
    """For each camera, the spans in which its rollups may differ from its samples, in whole minutes.

    `validities` says how long a sample of each camera is valid: for that long it changes what follows it.
    """
    spans: dict[UUID, list[Span]] = {camera_id: [] for camera_id in validities}
    wanted = list(validities)
    vitals = CameraVitals.objects.filter(pk__in=wanted, dirty_from_at__isnull=False)
    for camera_id, *dirty_range in vitals.values_list("pk", "dirty_from_at", "dirty_until_at"):
        spans[camera_id].append(_span_of(dirty_range))
    for camera_id, start in DirtyHour.objects.filter(camera_id__in=wanted).values_list("camera_id", "start_at"):
        spans[camera_id].append(Span(start, start + HOUR))
    work = RollupWork.objects.filter(camera_id__in=wanted)
    for camera_id, start, end in work.values_list("camera_id", "start_at", "end_at"):
        spans[camera_id].append(Span(start, end))
    return {
        camera_id: merged(affected(span, validities[camera_id]) for span in found)
        for camera_id, found in spans.items()
    }


def affected(span: Span, validity: timedelta) -> Span:
    """The whole minutes whose rollups depend on samples in a span, each valid for at most `validity`."""
    return widened(Span(span.start, span.end + validity), MINUTE)


def claim_dirty_ranges(now: datetime) -> int:
    """Move some of the settled dirty ranges into RollupWork; returns how many it read, 0 if none moved.

    Ranges of a camera that is being written to may stay for the next call. Waits for no lock. Only one process may
    call this at a time.
    """
    return _claim_vitals(now) + _claim_deleted() + _claim_hours()


def is_pending(before: datetime) -> bool:
    """Whether any rollups from before a moment have still to be computed."""
    return (
        RollupWork.objects.filter(start_at__lt=before).exists()
        or DirtyHour.objects.filter(start_at__lt=before).exists()
        or CameraVitals.objects.filter(dirty_from_at__lt=before).exists()
        or DeletedCamera.objects.filter(dirty_from_at__lt=before).exists()
    )


def count_pending() -> int:
    """How many dirty ranges there are, claimed or not."""
    vitals = CameraVitals.objects.filter(dirty_from_at__isnull=False)
    deleted = DeletedCamera.objects.filter(dirty_from_at__isnull=False)
    return vitals.count() + deleted.count() + DirtyHour.objects.count() + RollupWork.objects.count()


def _claim_vitals(now: datetime) -> int:
    settled = CameraVitals.objects.filter(dirty_from_at__lt=now - SETTLED_AFTER).order_by("pk")
    ranges = settled.values_list("pk", "dirty_from_at", "dirty_until_at")[:CLAIMED_AT_ONCE]
    spans = {pk: _span_of(dirty_range) for pk, *dirty_range in ranges}
    if not spans:
        return 0  # without a transaction, which on SQLite would take the one write lock from ingest
    # The work is written before the vitals are locked, because ingest waits for their locks, which so last for one
    # statement only. A range that has grown beyond its work by then stays, and is claimed again.
    add_work((pk, Span(span.start, span.end + SLACK)) for pk, span in spans.items())
    work = RollupWork.objects.filter(
        camera_id=OuterRef("pk"), start_at__lte=OuterRef("dirty_from_at"), end_at__gt=OuterRef("dirty_until_at")
    )
    covered = CameraVitals.objects.filter(Exists(work), pk__in=list(spans)).order_by("pk")
    with transaction.atomic():
        locked = covered.select_for_update(no_key=True, skip_locked=True)
        taken = CameraVitals.objects.filter(pk__in=locked.values("pk")).update(
            dirty_from_at=None, dirty_until_at=None
        )
    # Ranges that stay count too: the caller goes on while portions are full, and a busy camera must not end that.
    return len(spans) if taken else 0


def _span_of(dirty_range: Any) -> Span:
    """The half-open span of the vitals' dirty range, which names its oldest and its newest sample."""
    oldest, newest = dirty_range
    return Span(oldest, newest + MICROSECOND)


def _claim_deleted() -> int:
    """Those of cameras in the bin, which may be restored after their samples are gone."""
    dirty = DeletedCamera.objects.filter(dirty_from_at__isnull=False).order_by("pk")
    if not dirty.exists():
        return 0
    with transaction.atomic():
        locked = dirty.select_for_update(skip_locked=True).values_list("pk", "dirty_from_at", "dirty_until_at")
        spans = {pk: _span_of(dirty_range) for pk, *dirty_range in locked[:CLAIMED_AT_ONCE]}
        add_work(spans.items())
        DeletedCamera.objects.filter(pk__in=list(spans)).update(dirty_from_at=None, dirty_until_at=None)
    return len(spans)


def _claim_hours() -> int:
    if not DirtyHour.objects.exists():
        return 0
    with transaction.atomic():
        locked = DirtyHour.objects.order_by("camera_id", "start_at").select_for_update(skip_locked=True)
        hours = [(row.camera_id, row.start_at) for row in locked[:CLAIMED_AT_ONCE]]
        DirtyHour.objects.filter(pk__in=hours).delete()
        add_work((camera_id, Span(start, start + HOUR)) for camera_id, start in hours)
        return len(hours)


def add_work(spans: Iterable[tuple[UUID, Span]]) -> None:
    """Add spans to RollupWork. If a camera already has work from the same start, the longer of the two stays."""
    ends = {(camera_id, span.start): span.end for camera_id, span in spans}
    if not ends:
        return
    cameras, starts = zip(*ends, strict=True)
    # This finds more rows than needed, but a condition on pairs of columns takes PostgreSQL a tenth of a second.
    known = RollupWork.objects.filter(camera_id__in=set(cameras), start_at__in=set(starts))
    for camera_id, start, end in known.values_list("camera_id", "start_at", "end_at"):
        if (camera_id, start) in ends:
            ends[camera_id, start] = max(end, ends[camera_id, start])
    RollupWork.objects.bulk_create(
        [RollupWork(camera_id=camera_id, start_at=start, end_at=end) for (camera_id, start), end in ends.items()],
        update_conflicts=True,
        unique_fields=["camera_id", "start_at"],
        update_fields=["end_at"],
    )
