"""Accepting telemetry: what is stored, what it does to the cameras' vitals, and what each worker is told.

One call is one transaction for any number of submissions. Must not import doors or cameras' actions.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction
from prometheus_client import Counter

from cameras.models import Camera
from controlplane.access.principals import Principal
from telemetry import portable_writer, postgresql_writer
from telemetry.receipts import Outcome, Receipt
from telemetry.vitals import CameraTally, Key
from telemetry.wire import Event

AHEAD_TOLERANCE = timedelta(seconds=60)
ATTEMPTS = 4
# Deadlock and serialization failure; a camera that was deleted between its look-up and the commit; a day whose
# partition is just being made.
RETRIED = {"40P01", "40001", "23503", "23514"}

# To one that is bound elsewhere, or of a camera that there is not, nothing is told of a camera.
_UNKNOWN = {Outcome.UNKNOWN_CAMERA, Outcome.FORBIDDEN}

EVENTS = Counter("controlplane_ingest_events_total", "Events of workers by what became of them.", ["outcome"])


class Submission(NamedTuple):
    """The events of one request, and who sent them."""

    principal: Principal
    events: Sequence[Event]


class KnownCamera(NamedTuple):
    site_id: UUID | None
    desired_state: str
    generation: int


def accept(submissions: Sequence[Submission], now: datetime) -> list[list[Receipt]]:
    """Store the events in one transaction; a receipt for each, in order, once it is committed.

    Raises django.db.OperationalError or InterfaceError where the database is away: nothing was stored then,
    or the same events sent again are told to be duplicates.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                receipts = _accept(submissions, now)
            break
        except (OperationalError, IntegrityError) as error:
            code = getattr(error.__cause__, "sqlstate", None)
            if code not in RETRIED or attempt == ATTEMPTS or connection.in_atomic_block:
                raise
    for outcome in Outcome:
        if count := sum(receipt.outcome is outcome for group in receipts for receipt in group):
            EVENTS.labels(outcome.value).inc(count)
    return receipts


def _accept(submissions: Sequence[Submission], now: datetime) -> list[list[Receipt]]:
    cameras = _look_up({event.camera_id for submission in submissions for event in submission.events})
    horizon = now + AHEAD_TOLERANCE
    tallies: dict[UUID, CameraTally] = {}
    first: dict[Key, Event] = {}  # of each key in this group, the event that may be stored
    faults: list[Outcome | None] = []
    for principal, events in submissions:
        for event in events:
            fault = _refused(principal, event, cameras)
            if fault is None:
                tally = tallies.setdefault(event.camera_id, CameraTally())
                tally.hear(event)
                if event.timestamp > horizon:
                    fault = Outcome.IN_FUTURE
                else:
                    first.setdefault(event[:3], event)
                    tally.see(event)
            faults.append(fault)
    writer = postgresql_writer if connection.vendor == "postgresql" else portable_writer
    fresh: set[Key] = writer.store(sorted(first.values()), tallies, now) if tallies else set()
    # What was not stored now is compared with what was; what comes twice in this group, with its first.
    values = {key: (event.occupancy, event.confidence) for key, event in first.items()}
    if len(fresh) < len(first):
        values |= writer.stored_values([key for key in first if key not in fresh])
    told = iter(faults)
    receipts = []
    for _, events in submissions:
        group = []
        for event in events:
            outcome = next(told) or _stored_as(event, fresh, values)
            if outcome in _UNKNOWN:
                group.append(Receipt(outcome))
                continue
            tallies[event.camera_id].count(outcome)
            _, desired_state, generation = cameras[event.camera_id]
            group.append(Receipt(outcome, desired_state, generation))
        receipts.append(group)
    if tallies:
        writer.count(tallies)
    return receipts


def _look_up(camera_ids: Iterable[UUID]) -> dict[UUID, KnownCamera]:
    rows = Camera.objects.filter(pk__in=list(camera_ids)).values_list(
        "pk", "site_id", "desired_state", "generation"
    )
    return {row[0]: KnownCamera(*row[1:]) for row in rows}


def _refused(principal: Principal, event: Event, cameras: dict[UUID, KnownCamera]) -> Outcome | None:
    """Why this principal's event does not even count as a contact, or None."""
    if principal.camera_id and event.camera_id != principal.camera_id:
        return Outcome.FORBIDDEN
    camera = cameras.get(event.camera_id)
    if camera is None:
        return Outcome.UNKNOWN_CAMERA
    if principal.site_id and camera.site_id != principal.site_id:
        return Outcome.FORBIDDEN
    return None


def _stored_as(event: Event, fresh: set[Key], values: dict[Key, tuple[int, float]]) -> Outcome:
    key = event[:3]
    if key in fresh:
        fresh.discard(key)  # the next one with this key is a repetition
        return Outcome.STORED
    same = values[key] == (event.occupancy, event.confidence)
    return Outcome.DUPLICATE if same else Outcome.CONFLICT
