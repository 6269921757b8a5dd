"""Writing a group of events through the ORM, on every database: bulk_create and an F-expression update.

Runs in the caller's transaction. Must not import doors or ingest.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Case, DateTimeField, F, Value, When
from django.db.models.functions import Coalesce, Greatest

from cameras.models import CameraVitals
from cameras.status import AHEAD_TOLERANCE
from telemetry.models import Sample
from telemetry.vitals import CameraTally, Key
from telemetry.wire import Event


def store(events: Sequence[Event], tallies: Mapping[UUID, CameraTally], now: datetime) -> set[Key]:
    """Insert the events that are not stored yet, and write each camera's contact; returns the keys inserted.

    The vitals are locked first, in the order of their keys: then nobody else inserts samples of these cameras,
    so that what is read is what there is, and two processes cannot deadlock.
    """
    vitals = _lock(tallies)
    known = stored_values([(event.camera_id, event.timestamp, event.zone) for event in events])
    fresh = [event for event in events if (event.camera_id, event.timestamp, event.zone) not in known]
    Sample.objects.bulk_create(
        [
            Sample(
                camera_id=event.camera_id,
                timestamp=event.timestamp,
                zone=event.zone,
                occupancy=event.occupancy,
                confidence=event.confidence,
                received_at=now,
            )
            for event in fresh
        ]
    )
    _hear(tallies, now)
    for event in fresh:
        vitals[event.camera_id].accepted_count += 1
    for camera_id, tally in tallies.items():
        row = vitals[camera_id]
        if tally.observed_generation is not None:
            row.observed_generation = tally.observed_generation
        latest = tally.latest
        if latest and (row.latest_timestamp is None or latest.timestamp > row.latest_timestamp):
            row.latest_timestamp = latest.timestamp
            row.latest_occupancy, row.latest_confidence = latest.occupancy, latest.confidence
    observed = (
        "accepted_count",
        "observed_generation",
        "latest_timestamp",
        "latest_occupancy",
        "latest_confidence",
    )
    CameraVitals.objects.bulk_update(vitals.values(), observed, batch_size=100)
    return {(event.camera_id, event.timestamp, event.zone) for event in fresh}


def stored_values(keys: Sequence[Key]) -> dict[Key, tuple[int, float]]:
    """Occupancy and confidence of those of the keys that are stored."""
    wanted = set(keys)
    rows = Sample.objects.filter(
        camera_id__in={camera_id for camera_id, _, _ in wanted},
        timestamp__in={timestamp for _, timestamp, _ in wanted},
    ).values_list("camera_id", "timestamp", "zone", "occupancy", "confidence")
    return {key: (row[3], row[4]) for row in rows if (key := (row[0], row[1], row[2])) in wanted}


def count(tallies: Mapping[UUID, CameraTally]) -> None:
    """Add what was not stored to the counters of the cameras, whose vitals are locked."""
    for camera_id, tally in tallies.items():
        if tally.duplicates or tally.conflicts or tally.rejected:
            CameraVitals.objects.filter(pk=camera_id).update(
                duplicate_count=F("duplicate_count") + tally.duplicates,
                conflict_count=F("conflict_count") + tally.conflicts,
                rejected_count=F("rejected_count") + tally.rejected,
            )


def _lock(camera_ids: Mapping[UUID, CameraTally]) -> dict[UUID, CameraVitals]:
    wanted = CameraVitals.objects.select_for_update(no_key=True).filter(pk__in=list(camera_ids))
    vitals = {row.pk: row for row in wanted.order_by("pk")}
    if len(vitals) < len(camera_ids):
        missing = sorted(camera_ids.keys() - vitals.keys())
        CameraVitals.objects.bulk_create([CameraVitals(pk=pk) for pk in missing], ignore_conflicts=True)
        vitals = {row.pk: row for row in wanted.order_by("pk")}
    return vitals


def _hear(camera_ids: Mapping[UUID, CameraTally], now: datetime) -> None:
    """Set the contact to now; it does not go back, except where it came from a clock that was far ahead."""
    moment = Value(now, output_field=DateTimeField())
    CameraVitals.objects.filter(pk__in=list(camera_ids)).update(
        last_contact=Case(
            When(last_contact__gt=now + AHEAD_TOLERANCE, then=moment),
            default=Greatest(Coalesce(F("last_contact"), moment), moment),
        )
    )
