"""Which events come from workers that were replaced, or contend: judged under the lock of the vitals."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cameras.facts import MIN_WINDOW, STALE_AFTER_INTERVALS
from cameras.models import CameraVitals
from cameras.observed import mark_dirty
from telemetry.ingest.fencing import (
    COLUMNS,
    Holder,
    Sender,
    is_fenced,
    is_too_far_ahead,
    observe_generation,
)
from telemetry.ingest.locked_vitals import LockedVitals
from telemetry.ingest.receipts import Outcome, Receipt
from telemetry.ingest.wire import Event

CAMERA_COLUMNS = ("generation", "expected_interval_seconds")
_vitals = LockedVitals(CAMERA_COLUMNS, COLUMNS)


def name_senders(events: Iterable[Event]) -> bool:
    """Whether any of the events says who sends it."""
    return any(event.epoch is not None or event.worker for event in events)


def judge(events: Mapping[int, Event], now: datetime) -> dict[int, Receipt]:
    """Receipts of the events that are refused for who sends them, by their places; the others may be stored.

    Within a transaction, whose other statements have to follow. Cameras that do not exist are left alone.
    """
    refused: dict[int, Receipt] = {}
    rows = _locked({event.camera_id for event in events.values()})
    before = {camera_id: astuple(holder) for camera_id, (_, _, holder) in rows.items()}
    for place, event in events.items():
        if event.camera_id not in rows:
            continue
        generation, window, holder = rows[event.camera_id]
        if is_too_far_ahead(event.epoch, now) and (event.epoch or 0) > holder.epoch:
            refused[place] = Receipt(Outcome.EPOCH_AHEAD)
        elif is_fenced(holder, Sender(event.epoch, event.worker), window, now):
            refused[place] = Receipt(Outcome.FENCED, "stopped", generation, holder.epoch)
        elif event.epoch is not None:
            observe_generation(holder, event.generation, event.epoch)
    changed = {pk: holder for pk, (_, _, holder) in rows.items() if astuple(holder) != before[pk]}
    if changed:
        CameraVitals.objects.bulk_create(
            [CameraVitals(camera_id=pk, **_columns_of(holder)) for pk, holder in changed.items()],
            update_conflicts=True,
            unique_fields=["camera"],
            update_fields=list(COLUMNS),
        )
        mark_dirty([pk for pk, holder in changed.items() if now in (holder.contended_at, holder.epoch_at)], now)
    return refused


def _columns_of(holder: Holder) -> dict[str, Any]:
    return dict(zip(COLUMNS, astuple(holder), strict=True))


def _locked(camera_ids: Iterable[UUID]) -> dict[UUID, tuple[int, timedelta, Holder]]:
    """The generation, the window and the holder of each camera that exists; its vitals are locked."""
    return {
        pk: (generation, max(MIN_WINDOW, timedelta(seconds=STALE_AFTER_INTERVALS * interval)), Holder(*holder))
        for pk, generation, interval, *holder in _vitals.read(camera_ids)
    }
