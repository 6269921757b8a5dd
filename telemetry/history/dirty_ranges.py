"""Marks of what rollups do not hold yet: set by ingest in its transaction, taken over here by `maintain`.

A mark is moved into RollupWork and committed before anything is computed, so that nobody waits for a calculation:
a sample that is committed later has set a new mark, and one that was committed before is seen by whoever computes.
Readers ask `dirty_spans`, and compute those from samples. Must not import doors or ingest.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from cameras.models import CameraVitals
from telemetry.history.spans import HOUR, MICROSECOND, MINUTE, Span, merged, widened
from telemetry.models import DirtyHour, RollupWork

# The minute that is being filled is left alone: one pass over it is enough.
SETTLED_AFTER = timedelta(minutes=2)
# Samples that come until the mark is taken away are covered too, or a busy camera would keep its mark.
SLACK = timedelta(minutes=1)
CLAIMED_AT_ONCE = 500

Marks = Mapping[UUID, Collection[Span]]


def dirty_spans(holds: Mapping[UUID, timedelta]) -> dict[UUID, list[Span]]:
    """For each camera, the stretches in which its rollups may differ from its samples, in whole minutes.

    `holds` tells for how long a sample of a camera counts: a new one changes what follows it for so long.
    """
    spans: dict[UUID, list[Span]] = {camera_id: [] for camera_id in holds}
    wanted = list(holds)
    vitals = CameraVitals.objects.filter(pk__in=wanted, dirty_from_at__isnull=False)
    for camera_id, *mark in vitals.values_list("pk", "dirty_from_at", "dirty_until_at"):
        spans[camera_id].append(_span_of(mark))
    for camera_id, start in DirtyHour.objects.filter(camera_id__in=wanted).values_list("camera_id", "start_at"):
        spans[camera_id].append(Span(start, start + HOUR))
    work = RollupWork.objects.filter(camera_id__in=wanted)
    for camera_id, start, end in work.values_list("camera_id", "start_at", "end_at"):
        spans[camera_id].append(Span(start, end))
    return {
        camera_id: merged(touched(span, holds[camera_id]) for span in found) for camera_id, found in spans.items()
    }


def touched(span: Span, hold: timedelta) -> Span:
    """The whole minutes in which samples of a span, each held for so long, can change anything."""
    return widened(Span(span.start, span.end + hold), MINUTE)


def claim_marks(now: datetime) -> int:
    """Move a bounded number of marks into RollupWork; returns how many it dealt with, 0 where none could be taken.

    Those of a camera that is just being written to may stay for now. Waits for no lock, and holds those of the
    vitals for one statement only, as ingest waits behind them. One process does this at a time.
    """
    return _claim_vitals(now) + _claim_hours()


def is_pending(before: datetime) -> bool:
    """Whether rollups of what is older than a moment have still to be computed."""
    return (
        RollupWork.objects.filter(start_at__lt=before).exists()
        or DirtyHour.objects.filter(start_at__lt=before).exists()
        or CameraVitals.objects.filter(dirty_from_at__lt=before).exists()
    )


def count_pending() -> int:
    """How many marks there are, of all kinds."""
    vitals = CameraVitals.objects.filter(dirty_from_at__isnull=False)
    return vitals.count() + DirtyHour.objects.count() + RollupWork.objects.count()


def _claim_vitals(now: datetime) -> int:
    settled = CameraVitals.objects.filter(dirty_from_at__lt=now - SETTLED_AFTER).order_by("pk")
    marks = settled.values_list("pk", "dirty_from_at", "dirty_until_at")[:CLAIMED_AT_ONCE]
    spans = {pk: _span_of(mark) for pk, *mark in marks}
    if not spans:
        return 0  # and SQLite's one lock is left to ingest
    add_work((pk, Span(span.start, span.end + SLACK)) for pk, span in spans.items())
    # A mark that has grown beyond its work meanwhile stays, and is claimed again.
    work = RollupWork.objects.filter(
        camera_id=OuterRef("pk"), start_at__lte=OuterRef("dirty_from_at"), end_at__gt=OuterRef("dirty_until_at")
    )
    covered = CameraVitals.objects.filter(Exists(work), pk__in=list(spans)).order_by("pk")
    with transaction.atomic():
        locked = covered.select_for_update(no_key=True, skip_locked=True)
        taken = CameraVitals.objects.filter(pk__in=locked.values("pk")).update(
            dirty_from_at=None, dirty_until_at=None
        )
    # One camera that stays must not end the taking over of all that come after it.
    return len(spans) if taken else 0


def _span_of(mark: Any) -> Span:
    """The half-open span of the vitals' mark, which names the oldest and the newest sample."""
    oldest, newest = mark
    return Span(oldest, newest + MICROSECOND)


def _claim_hours() -> int:
    if not DirtyHour.objects.exists():
        return 0
    with transaction.atomic():
        locked = DirtyHour.objects.order_by("camera_id", "start_at").select_for_update(skip_locked=True)
        hours = [(row.camera_id, row.start_at) for row in locked[:CLAIMED_AT_ONCE]]
        DirtyHour.objects.filter(pk__in=hours).delete()
        add_work((camera_id, Span(start, start + HOUR)) for camera_id, start in hours)
        return len(hours)


def add_work(marks: Iterable[tuple[UUID, Span]]) -> None:
    """Add to what is there, which a crash may have left; of two that begin alike the longer one stays."""
    ends = {(camera_id, span.start): span.end for camera_id, span in marks}
    if not ends:
        return
    cameras, starts = zip(*ends, strict=True)
    # More than those that begin alike, but both columns as one condition take PostgreSQL a tenth of a second.
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
