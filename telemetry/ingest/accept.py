"""Accepting events: checked against the registry, stored once, and counted in the vitals.

The one place where telemetry enters the database. The caller decides how many requests share a transaction.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction
from prometheus_client import Counter as CounterMetric

from cameras.facts import AHEAD_TOLERANCE
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope
from telemetry.ingest import portable_writer, postgresql_copy, postgresql_writer
from telemetry.ingest.receipts import Outcome, Receipt
from telemetry.ingest.scopes import is_outside, sites_of
from telemetry.ingest.senders import judge, name_senders
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


E = TypeVar("E")


class Submission(NamedTuple, Generic[E]):
    """The events or reports of one request, and who sent them."""

    principal: Principal
    events: Sequence[E]


class _Group:
    """The events of several requests: which may be stored, what they mean for vitals, which are refused.

    Where `names_senders`, the vitals are locked here, for the transaction that has to be under way.
    """

    def __init__(self, submissions: Sequence[Submission[Event]], now: datetime, *, names_senders: bool) -> None:
        self.storable: list[Event] = []
        self.tallies: dict[int, CameraTally] = {}  # by the integer of the camera's id, which is quick to hash
        self.faults: dict[int, Outcome] = {}  # by the event's place in the group
        horizon, recent_from = now + AHEAD_TOLERANCE, now - RECENT
        scoped = [(principal.scope_for(MAY_REPORT), events) for principal, events in submissions]
        sites = sites_of(
            [(scope, [event.camera_id for event in events]) for scope, events in scoped if scope.sites]
        )
        self.refused = self._refused_senders(scoped, sites, now) if names_senders else {}
        place = 0
        for scope, events in scoped:
            is_bound = not scope.is_whole
            for event in events:
                if is_bound and is_outside(scope, event.camera_id, sites):
                    self.faults[place] = Outcome.FORBIDDEN
                elif place not in self.refused:
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

    def _refused_senders(
        self,
        scoped: Sequence[tuple[Scope, Sequence[Event]]],
        sites: dict[UUID, UUID | None],
        now: datetime,
    ) -> dict[int, Receipt]:
        flat = [(scope, event) for scope, events in scoped for event in events]
        return judge(
            {
                place: event
                for place, (scope, event) in enumerate(flat)
                if scope.is_whole or not is_outside(scope, event.camera_id, sites)
            },
            now,
        )


def accept(submissions: Sequence[Submission[Event]], now: datetime) -> list[list[Receipt]]:
    """Store the events; a receipt for each, in order, once it is committed.

    Raises `problems.DATABASE_AWAY` if the database is away. The caller may send the same events again: what was
    stored nevertheless is then a duplicate.
    """
    if name_senders(event for _, events in submissions for event in events):

        def in_one_transaction() -> list[list[Receipt]]:
            with transaction.atomic():
                return _accept(submissions, now, names_senders=True)

        receipts = retried(in_one_transaction)
    else:
        receipts = _accept(submissions, now, names_senders=False)
    count_outcomes(receipts)
    return receipts


def _accept(
    submissions: Sequence[Submission[Event]], now: datetime, *, names_senders: bool
) -> list[list[Receipt]]:
    group = _Group(submissions, now, names_senders=names_senders)
    writer = postgresql_writer if connection.vendor == "postgresql" else portable_writer
    # In the order of the cameras, in which every writer takes its locks.
    tallies = sorted(group.tallies.values(), key=lambda tally: tally.camera_id.int)
    store = postgresql_copy.store if _is_large(group) else writer.store
    stored = retried(lambda: store(group.storable, tallies, now)) if tallies else Stored({}, None)
    is_all_stored = (
        stored.fresh is None
        and not group.faults
        and not group.refused
        and len(stored.cameras) == len(group.tallies)
    )
    if is_all_stored:
        receipt_of = {key: Receipt(Outcome.STORED, *camera) for key, camera in stored.cameras.items()}
        return [[receipt_of[event.camera_id.int] for event in events] for _, events in submissions]
    receipts = _receipts_one_by_one(submissions, group, stored, writer.stored_values)
    if counted := [tally for tally in tallies if tally.camera_id.int in stored.cameras]:
        retried(lambda: writer.count(counted, now))
    return receipts


def count_outcomes(receipts: list[list[Receipt]]) -> None:
    """Count what became of events, for the metrics."""
    for outcome, count in Counter(receipt.outcome for request in receipts for receipt in request).items():
        EVENTS.labels(outcome.value).inc(count)


def _receipts_one_by_one(
    submissions: Sequence[Submission[Event]],
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
        if refused := group.refused.get(place):
            return refused
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


def _is_large(group: _Group) -> bool:
    return connection.vendor == "postgresql" and len(group.storable) > postgresql_copy.LARGE_EVENTS


def retried(write: Callable[[], T]) -> T:
    """Write, again where other processes were in the way. Raises OperationalError when they are for long."""
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
