"""The silences of a camera: when none of its zones is known."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import F, Max, Min, Window
from django.db.models.functions import Lead

from telemetry.history.dirty_ranges import dirty_spans
from telemetry.history.rollups import carried_samples, kept_from
from telemetry.history.series import MAX_POINTS, TooManyPoints, snapshot
from telemetry.history.spans import EPOCH, HOUR, MICROSECOND, MINUTE, Span, clipped, merged, without
from telemetry.history.summaries import RawPart
from telemetry.models import HourRollup, KeptFrom, MinuteRollup, Sample
from telemetry.querysets import RollupQuerySet


class Gap(msgspec.Struct):
    """A silence from `start`, in UTC; `end` is None while it lasts."""

    start: datetime
    end: datetime | None


def gaps_of(
    camera_id: UUID, validity: timedelta, start: datetime | None, end: datetime | None, now: datetime
) -> list[Gap]:
    """The silences of a range, cut at its ends, oldest first; without a start, from the first sample on.

    Exact to the microsecond as far back as there are samples, then to the minute, then to the hour; what lies
    before the oldest kept hours is left out. Raises TooManyPoints and TooSlow.
    """
    with snapshot():
        start = start or _oldest(camera_id)
        kept = kept_from()
        whole = Span(max(start or now, kept.hours or EPOCH), min(end or now, now))
        if whole.start >= whole.end:
            return []
        known = merged(clipped(_known(camera_id, validity, whole, kept), whole))
    silent = without(whole, known)
    if len(silent) > MAX_POINTS:
        raise TooManyPoints
    return [Gap(gap.start.astimezone(UTC), None if gap.end == now else gap.end.astimezone(UTC)) for gap in silent]


def _known(camera_id: UUID, validity: timedelta, whole: Span, kept: KeptFrom) -> list[Span]:
    """Spans that together cover every known moment of a range; they may reach beyond it."""
    dirty = dirty_spans({camera_id: validity})[camera_id]
    raw_from, minutes_from = kept.raw or whole.start, kept.minutes or whole.start
    known: list[Span] = []
    # Where samples were removed, rollups are all that is left.
    hours = HourRollup.objects.of_camera(camera_id).filter(known__gt=0)
    for before in clipped([whole], Span(whole.start, minutes_from)):
        known += _buckets(hours, before, HOUR)
    minutes = MinuteRollup.objects.of_camera(camera_id).filter(known__gt=0)
    for before in clipped([whole], Span(minutes_from, raw_from)):
        known += _buckets(minutes, before, MINUTE)
    # Elsewhere an hour that is known throughout, and not dirty, saves reading its samples.
    for kept_span in clipped([whole], Span(raw_from, whole.end)):
        throughout = [
            hour
            for hour in merged(_buckets(hours.filter(known=HOUR // MICROSECOND), kept_span, HOUR))
            for hour in without(hour, merged(dirty))
        ]
        known += throughout
        for rest in without(kept_span, merged(throughout)):
            known += _runs(camera_id, validity, rest, raw_from)
            known += [
                Span(sample.timestamp, sample.timestamp + validity)
                for sample in carried_samples([RawPart(camera_id, rest, validity)], kept.raw)
            ]
    return known


def _buckets(rollups: RollupQuerySet, span: Span, width: timedelta) -> list[Span]:
    starts = rollups.between(span.start - width, span.end).order_by("start_at").values_list("start_at", flat=True)
    return [Span(start, start + width) for start in starts.distinct()]


def _runs(camera_id: UUID, validity: timedelta, span: Span, raw_from: datetime) -> list[Span]:
    """The spans in which one sample after another is valid, without a silence between them."""
    samples = Sample.objects.of_camera(camera_id).between(max(span.start - validity, raw_from), span.end)
    ends = samples.aggregate(first=Min("timestamp"), last=Max("timestamp"))
    if ends["first"] is None:
        return []
    following = Window(Lead("timestamp"), order_by="timestamp")
    pauses = samples.annotate(following=following).filter(following__gt=F("timestamp") + validity)
    breaks = list(pauses.order_by("timestamp").values_list("timestamp", "following"))
    starts = [ends["first"], *(following for _, following in breaks)]
    stops = [*(timestamp for timestamp, _ in breaks), ends["last"]]
    return [Span(start, stop + validity) for start, stop in zip(starts, stops, strict=True)]


def _oldest(camera_id: UUID) -> datetime | None:
    sample = Sample.objects.of_camera(camera_id).aggregate(at=Min("timestamp"))["at"]
    hour = HourRollup.objects.of_camera(camera_id).aggregate(at=Min("start_at"))["at"]
    return min(filter(None, [sample, hour]), default=None)
