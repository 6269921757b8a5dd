"""Accepting events: checked against the registry, stored once, and counted in the vitals.

The one place where telemetry enters the database. The caller decides how many requests share a transaction.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection
from prometheus_client import Counter as CounterMetric

from cameras.models import Camera
from cameras.status import AHEAD_TOLERANCE
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope
from telemetry.ingest import portable_writer, postgresql_copy, postgresql_writer
from telemetry.ingest.receipts import Outcome, Receipt
from telemetry.ingest.stored import Stored
from telemetry.ingest.tally import RECENT, CameraTally, SampleKey
from telemetry.ingest.wire import Event

MAY_REPORT = "telemetry.report_sample"
ATTEMPTS = 4
# While a partition is made, a CHECK on DEFAULT refuses samples of its day for a moment.
BEING_MADE = "23514"
PAUSE_SECONDS = 0.05
# A deadlock, a serialization failure, a camera that was deleted meanwhile; a vitals row or a dirty hour that
# another process made first.
RETRIED = {"40P01", "40001", "23503", "23505", BEING_MADE}

# These receipts say nothing of a camera: it does not exist, or the token is not bound to it.
_UNKNOWN = Receipt(Outcome.UNKNOWN_CAMERA)
_FORBIDDEN = Receipt(Outcome.FORBIDDEN)

EVENTS = CounterMetric(
    "controlplane_ingest_events_total", "Events of workers by what became of them.", ["outcome"]
)

T = TypeVar("T")


class Submission(NamedTuple):
    """The events of one request, and who sent them."""

    principal: Principal
    events: Sequence[Event]


class _Group:
    """The events of several requests: which may be stored, what they mean for vitals, which are refused."""

    def __init__(self, submissions: Sequence[Submission], now: datetime) -> None:
        self.storable: list[Event] = []
        self.tallies: dict[int, CameraTally] = {}  # by the integer of the camera's id, which is quick to hash
        self.faults: dict[int, Outcome] = {}  # by the event's place in the group
        horizon, recent_from = now + AHEAD_TOLERANCE, now - RECENT
        scoped = [(principal.scope_for(MAY_REPORT), events) for principal, events in submissions]
        sites = _sites_of(scoped)
        place = 0
        for scope, events in scoped:
            is_bound = not scope.is_whole
            for event in events:
                if is_bound and _is_outside(scope, event.camera_id, sites):
                    self.faults[place] = Outcome.FORBIDDEN
                else:
                    tally = self.tallies.get(event.camera_id.int)
                    if tally is None:
                        tally = self.tallies[event.camera_id.int] = CameraTally(event.camera_id)
                    tally.add_contact(event)
                    if event.timestamp > horizon:
                        self.faults[place] = Outcome.IN_FUTURE
                    else:
                        tally.add_sample(event, recent_from)
                        self.storable.append(event)
                place += 1


def accept(submissions: Sequence[Submission], now: datetime) -> list[list[Receipt]]:
    """Store the events; a receipt for each, in order, once it is committed.

    Raises `problems.DATABASE_AWAY` if the database is away. The caller may send the same events again: what was
    stored nevertheless is then a duplicate.
    """
    group = _Group(submissions, now)
    writer = postgresql_writer if connection.vendor == "postgresql" else portable_writer
    # In the order of the cameras, in which every writer takes its locks.
    tallies = sorted(group.tallies.values(), key=lambda tally: tally.camera_id.int)
    store = postgresql_copy.store if _is_large(group) else writer.store
    stored = _retried(lambda: store(group.storable, tallies, now)) if tallies else Stored({}, None)
    is_all_stored = stored.fresh is None and not group.faults and len(stored.cameras) == len(group.tallies)
    if is_all_stored:
        EVENTS.labels(Outcome.STORED.value).inc(len(group.storable))
        receipt_of = {key: Receipt(Outcome.STORED, *camera) for key, camera in stored.cameras.items()}
        return [[receipt_of[event.camera_id.int] for event in events] for _, events in submissions]
    receipts = _receipts_one_by_one(submissions, group, stored, writer.stored_values)
    if counted := [tally for tally in tallies if tally.camera_id.int in stored.cameras]:
        _retried(lambda: writer.count(counted))
    _count(receipts)
    return receipts


def _count(receipts: list[list[Receipt]]) -> None:
    for outcome, count in Counter(receipt.outcome for request in receipts for receipt in request).items():
        EVENTS.labels(outcome.value).inc(count)


def _receipts_one_by_one(
    submissions: Sequence[Submission],
    group: _Group,
    stored: Stored,
    stored_values: Callable[[list[SampleKey]], dict[SampleKey, tuple[int, float]]],
) -> list[list[Receipt]]:
    """The receipts if some events were not stored now; counts those events in the tallies.

    An event that was not stored is compared with the stored one, or with the first of its key in this group.
    """
    first: dict[SampleKey, Event] = {}
    for event in group.storable:
        if event.camera_id.int in stored.cameras:
            first.setdefault(event[:3], event)
    fresh = set(first) if stored.fresh is None else stored.fresh
    values = {key: (event.occupancy, event.confidence) for key, event in first.items()}
    if missed := [key for key in first if key not in fresh]:
        values |= stored_values(missed)

    def receipt_of(place: int, event: Event) -> Receipt:
        fault = group.faults.get(place)
        if fault is Outcome.FORBIDDEN:
            return _FORBIDDEN
        camera = stored.cameras.get(event.camera_id.int)
        if camera is None:
            return _UNKNOWN
        outcome = fault or _stored_as(event, fresh, values)
        if outcome is not Outcome.STORED:
            group.tallies[event.camera_id.int].count(outcome)
        return Receipt(outcome, *camera)

    places = iter(range(sum(len(events) for _, events in submissions)))
    return [[receipt_of(next(places), event) for event in events] for _, events in submissions]


def _stored_as(event: Event, fresh: set[SampleKey], values: dict[SampleKey, tuple[int, float]]) -> Outcome:
    key = event[:3]
    if key in fresh:
        fresh.discard(key)  # the next one with this key is a repetition
        return Outcome.STORED
    # None: it was stored, and retention has removed it just now.
    same = values.get(key) in (None, (event.occupancy, event.confidence))
    return Outcome.DUPLICATE if same else Outcome.CONFLICT


def _sites_of(scoped: Sequence[tuple[Scope, Sequence[Event]]]) -> dict[UUID, UUID | None]:
    """The sites of the cameras that principals who are bound to sites speak of."""
    asked = {event.camera_id for scope, events in scoped if scope.sites for event in events}
    return dict(Camera.objects.filter(pk__in=asked).values_list("pk", "site_id")) if asked else {}


def _is_outside(scope: Scope, camera_id: UUID, sites: dict[UUID, UUID | None]) -> bool:
    if scope.covers(camera_id, sites.get(camera_id)):
        return False
    # To who is bound to sites, a camera that there is not is unknown, as it is to everybody.
    return camera_id in sites or not scope.sites


def _is_large(group: _Group) -> bool:
    return connection.vendor == "postgresql" and len(group.storable) > postgresql_copy.LARGE_EVENTS


def _retried(write: Callable[[], T]) -> T:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return write()
        except (OperationalError, IntegrityError) as error:
            code = getattr(error.__cause__, "sqlstate", None)
            if code not in RETRIED or connection.in_atomic_block:
                raise
            if attempt == ATTEMPTS:
                raise OperationalError(f"still {code} after {ATTEMPTS} attempts") from error
            time.sleep(PAUSE_SECONDS * attempt if code == BEING_MADE else 0)
    raise AssertionError("unreachable")
