"""Writing a group of events through the ORM, on every database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, DateTimeField, F, Value, When
from django.db.models.functions import Coalesce, Greatest

from cameras.facts import AHEAD_TOLERANCE, MIN_WINDOW, STALE_AFTER_INTERVALS
from cameras.models import Camera, CameraVitals
from cameras.observed import mark_dirty
from telemetry.ingest.stored import KnownCamera, Stored
from telemetry.ingest.tally import CameraTally, SampleKey
from telemetry.ingest.wire import Event
from telemetry.models import DirtyHour, Sample

OBSERVED = [
    "accepted_count",
    "last_sample_at",
    "failed_at",
    "status_dirty_at",
    "observed_generation",
    "latest_timestamp",
    "latest_occupancy",
    "latest_confidence",
    "dirty_from_at",
    "dirty_until_at",
]
COUNTED = [
    "duplicate_count",
    "conflict_count",
    "rejected_count",
    "last_sample_at",
    "refused_at",
    "refused_since",
    "refused_code",
]


def store(events: Sequence[Event], tallies: Sequence[CameraTally], now: datetime) -> Stored:
    """Insert the events that are not stored yet; write vitals and dirty ranges. `tallies` are sorted by camera."""
    with transaction.atomic():
        cameras, stale_after = _cameras(tallies)
        known = [tally for tally in tallies if tally.camera_id.int in cameras]
        # From here on nobody else inserts samples of these cameras: what is read stays true until the commit.
        vitals = lock_vitals([tally.camera_id for tally in known])
        wanted = [event for event in events if event.camera_id.int in cameras]
        present = stored_values([event[:3] for event in wanted])
        first: dict[SampleKey, Event] = {}
        for event in wanted:
            if event[:3] not in present:
                first.setdefault(event[:3], event)
        _insert(first.values(), now)
        _write_contacts(list(vitals), now)
        _write_observations(first.values(), known, vitals, stale_after, now)
        _write_dirty_hours(known, now)
    return Stored(cameras, None if len(first) == len(wanted) else set(first))


def stored_values(keys: Sequence[SampleKey]) -> dict[SampleKey, tuple[int, float]]:
    """Occupancy and confidence of those of the keys that are stored."""
    wanted = set(keys)
    rows = Sample.objects.filter(
        camera_id__in={camera_id for camera_id, _, _ in wanted},
        timestamp__in={timestamp for _, timestamp, _ in wanted},
    ).values_list("camera_id", "timestamp", "zone", "occupancy", "confidence")
    return {key: (row[3], row[4]) for row in rows if (key := (row[0], row[1], row[2])) in wanted}


def count(tallies: Sequence[CameraTally], now: datetime) -> None:
    """Add what was not stored to the counters of the cameras, and note what was refused."""
    with transaction.atomic():
        for tally in tallies:
            if not (tally.duplicates or tally.refused):
                continue
            row = CameraVitals.objects.select_for_update(no_key=True).filter(pk=tally.camera_id).first()
            if row is None:
                continue
            row.duplicate_count += tally.duplicates
            row.conflict_count += tally.conflicts
            row.rejected_count += tally.rejected
            if tally.duplicates:
                row.last_sample_at = _later(row.last_sample_at, now)
            if tally.refused:
                window = _window_of(tally.camera_id)
                if row.refused_at is None or row.refused_at <= now - window or row.refused_code != tally.refused:
                    row.refused_since = now
                row.refused_at, row.refused_code = now, tally.refused.value
            row.save(update_fields=COUNTED)


def _window_of(camera_id: UUID) -> timedelta:
    interval = Camera.objects.values_list("expected_interval_seconds", flat=True).filter(pk=camera_id).first()
    return max(MIN_WINDOW, timedelta(seconds=STALE_AFTER_INTERVALS * (interval or 0)))


def _cameras(tallies: Sequence[CameraTally]) -> tuple[dict[int, KnownCamera], dict[UUID, timedelta]]:
    """The cameras that exist, and how long each may go without a sample."""
    rows = Camera.objects.filter(pk__in=[tally.camera_id for tally in tallies])
    cameras, stale_after = {}, {}
    for pk, desired_state, generation, interval in rows.values_list(
        "pk", "desired_state", "generation", "expected_interval_seconds"
    ):
        cameras[pk.int] = KnownCamera(desired_state, generation)
        stale_after[pk] = timedelta(seconds=STALE_AFTER_INTERVALS * interval)
    return cameras, stale_after


def lock_vitals(camera_ids: Sequence[UUID]) -> dict[UUID, CameraVitals]:
    """The vitals, locked in the order of the cameras, so that two processes cannot deadlock."""
    wanted = CameraVitals.objects.select_for_update(no_key=True).filter(pk__in=camera_ids)
    vitals = {row.pk: row for row in wanted.order_by("pk")}
    if len(vitals) < len(camera_ids):
        missing = [pk for pk in camera_ids if pk not in vitals]
        CameraVitals.objects.bulk_create([CameraVitals(pk=pk) for pk in missing], ignore_conflicts=True)
        vitals = {row.pk: row for row in wanted.order_by("pk")}
    return vitals


def _insert(events: Iterable[Event], now: datetime) -> None:
    Sample.objects.bulk_create(
        Sample(
            camera_id=event.camera_id,
            timestamp=event.timestamp,
            zone=event.zone,
            occupancy=event.occupancy,
            confidence=event.confidence,
            received_at=now,
        )
        for event in events
    )


def _write_contacts(camera_ids: Sequence[UUID], now: datetime) -> None:
    """Set the contact to now; it does not go back, except from one that a clock far ahead has left."""
    moment = Value(now, output_field=DateTimeField())
    CameraVitals.objects.filter(pk__in=camera_ids).update(
        last_contact=Case(
            When(last_contact__gt=now + AHEAD_TOLERANCE, then=moment),
            default=Greatest(Coalesce(F("last_contact"), moment), moment),
        )
    )


def _write_observations(
    fresh: Iterable[Event],
    tallies: Sequence[CameraTally],
    vitals: Mapping[UUID, CameraVitals],
    stale_after: Mapping[UUID, timedelta],
    now: datetime,
) -> None:
    """Write all of the vitals but the contact, and which statuses this changes. The vitals must be locked."""
    newest: dict[UUID, datetime] = {}
    for event in fresh:
        vitals[event.camera_id].accepted_count += 1
        newest[event.camera_id] = max(event.timestamp, newest.get(event.camera_id, event.timestamp))
    dirty = [pk for pk, timestamp in newest.items() if _note_sample(vitals[pk], timestamp, stale_after[pk], now)]
    for tally in tallies:
        row, latest = vitals[tally.camera_id], tally.latest
        if tally.observed_generation is not None:
            row.observed_generation = tally.observed_generation
        if latest and (row.latest_timestamp is None or latest.timestamp > row.latest_timestamp):
            row.latest_timestamp = latest.timestamp
            row.latest_occupancy, row.latest_confidence = latest.occupancy, latest.confidence
        if tally.dirty_from_at and tally.dirty_until_at:
            row.dirty_from_at = min(tally.dirty_from_at, row.dirty_from_at or tally.dirty_from_at)
            row.dirty_until_at = max(tally.dirty_until_at, row.dirty_until_at or tally.dirty_until_at)
    # All rows exist. An upsert takes a fifth of the time of bulk_update, which writes a CASE a row and column.
    CameraVitals.objects.bulk_create(
        vitals.values(), update_conflicts=True, unique_fields=["camera"], update_fields=OBSERVED
    )
    mark_dirty(dirty, now)


def _note_sample(row: CameraVitals, timestamp: datetime, stale_after: timedelta, now: datetime) -> bool:
    """Note a stored sample, the newest of its camera; returns whether that changes the status at once."""
    is_dirty = row.failed_at is not None or row.last_sample_at is None or row.last_sample_at < now - stale_after
    if row.failure_timestamp is None or timestamp > row.failure_timestamp:
        row.failed_at = None
    row.last_sample_at = _later(row.last_sample_at, now)
    if is_dirty:
        row.status_dirty_at = now
    return is_dirty


def _later(moment: datetime | None, now: datetime) -> datetime:
    """`now`, which does not go back, except from a moment that a clock far ahead has left."""
    return now if moment is None or moment > now + AHEAD_TOLERANCE else max(moment, now)


def _write_dirty_hours(tallies: Sequence[CameraTally], now: datetime) -> None:
    """Note the hours, long past, in which samples arrived."""
    hours = [
        DirtyHour(camera_id=tally.camera_id, start_at=hour, dirtied_at=now)
        for tally in tallies
        for hour in sorted(tally.dirty_hours or ())
    ]
    DirtyHour.objects.bulk_create(
        hours, update_conflicts=True, unique_fields=["camera_id", "start_at"], update_fields=["dirtied_at"]
    )
