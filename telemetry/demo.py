"""The history of a demo: what its cameras' workers would have reported in the days before it was made.

Samples go through ingest as those of a worker do, and changes of status follow from the rule. So the charts of a
new installation show something; rollups come with the next maintenance, as for any late sample.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from cameras.facts import Facts, Interruptions
from cameras.models import Camera, DesiredState, KnownStatus
from cameras.observed import facts_of
from cameras.placements import Placed, clean_placement, place
from cameras.status import Status
from controlplane.access.principals import Principal, Role, grants_of
from controlplane.access.scope import Scope
from telemetry.alerts.models import Transition
from telemetry.alerts.timeline import Known, StatusChange, changes_between, first_known
from telemetry.history.spans import Span
from telemetry.ingest.accept import Submission, accept
from telemetry.ingest.accept_reports import accept_reports
from telemetry.ingest.batch import MAX_BATCH_ITEMS, read_batch
from telemetry.ingest.receipts import Outcome
from telemetry.ingest.report_wire import read_single_report
from telemetry.simulation.behaviour import WORKS, Kind, behaviour_of
from telemetry.simulation.worker import Worker

NAME = "command:demo"
EVERY = timedelta(minutes=5)
# The newest hours are finer, for the shortest ranges of a chart.
LATELY, EVERY_LATELY = timedelta(hours=6), timedelta(minutes=1)


# How long ago a worker that is played last had contact and was well: stale, offline, failing for a while.
LAST_CONTACT_AGO = {
    Kind.LATE: timedelta(seconds=45),
    Kind.SILENT: timedelta(hours=2),
    Kind.FAILED: timedelta(minutes=20),
}


class Outage(NamedTuple):
    """A time in which one of the cameras was silent, by its place among those that run; hours before now."""

    camera: int
    began_hours_ago: float
    ended_hours_ago: float


OUTAGES = (
    Outage(0, 11, 9.3),
    Outage(0, 100, 98),
    Outage(4, 30, 27.5),
    Outage(9, 77, 76.2),
    Outage(15, 52, 51.6),
    Outage(15, 4.5, 4.2),
)


def write_history(camera_ids: Iterable[UUID], began_at: datetime, now: datetime) -> int:
    """Samples, reports, placements and changes of status of those cameras that run or ran, up to `now`.

    Returns how many samples it stored. For cameras that have none yet; nobody is notified of anything in it.
    """
    found = Camera.objects.filter(pk__in=list(camera_ids)).select_related("site").order_by("site__name", "name")
    cameras = [camera for camera in found if camera.desired_state == DesiredState.RUNNING or _ran(camera)]
    workers = [_worker_of(camera) for camera in cameras]
    silences = {camera.pk: _silences(number, camera, now) for number, camera in enumerate(filter(_ran, cameras))}
    reporter = Principal(NAME, NAME, grants_of(Role.WORKER, Scope(cameras=frozenset(camera_ids))))
    stored = 0
    for camera, worker in zip(cameras, workers, strict=True):
        if _ran(camera):
            samples = _seen(camera, worker, silences[camera.pk], began_at, now)
            contact_at = now - LAST_CONTACT_AGO.get(worker.behaviour.kind, timedelta())
            stored += _store(samples, reporter, contact_at)
    running = [camera.pk for camera in cameras if camera.desired_state == DesiredState.RUNNING]
    _place([worker for worker in workers if worker.camera_id in running], now)
    for worker in workers:
        _report(worker, reporter, now)
    rows = Camera.objects.filter(pk__in=[camera.pk for camera in cameras]).select_related("vitals")
    changes = [(camera, _changes_of(camera, silences.get(camera.pk), began_at, now)) for camera in rows]
    _write_statuses(changes, now)
    return stored


def _ran(camera: Camera) -> bool:
    """Whether it was started with the demo: it runs since, or it was stopped lately."""
    return (camera.desired_state == DesiredState.RUNNING) == (camera.desired_state_at == camera.created_at)


def _worker_of(camera: Camera) -> Worker:
    zone = ZoneInfo(camera.site.timezone) if camera.site else ZoneInfo("UTC")
    behaviour = behaviour_of(camera.model_config)
    return Worker(camera.pk, camera.generation, timezone=zone, behaviour=behaviour)


def _silences(number: int, camera: Camera, now: datetime) -> list[Span]:
    """When there was no contact; what its worker plays goes on until now."""
    silences = [
        Span(now - timedelta(hours=began), now - timedelta(hours=ended))
        for place, began, ended in OUTAGES
        if place == number
    ]
    contact_ago = LAST_CONTACT_AGO.get(behaviour_of(camera.model_config).kind)
    return [*silences, *([Span(now - contact_ago, now)] if contact_ago else [])]


def _seen(
    camera: Camera, worker: Worker, silences: Sequence[Span], began_at: datetime, now: datetime
) -> Iterator[dict[str, Any]]:
    """What the worker of a camera saw, oldest first; the zones in the newest hours only."""
    zones = tuple(feature["id"] for feature in camera.zone_config["features"])
    # It has contact where it does not play, whatever it plays now.
    seeing = replace(worker, behaviour=worker.behaviour if worker.behaviour.sees else WORKS)
    at = began_at
    while at < now:
        lately = at >= now - LATELY
        seeing.zones = zones if lately else ()
        if not any(silence.start <= at < silence.end for silence in silences):
            for seen in seeing.observe(at):
                yield {"camera_id": str(seen.camera_id), **seen.sample}
        at += EVERY_LATELY if lately else EVERY


def _store(samples: Iterator[dict[str, Any]], reporter: Principal, contact_at: datetime) -> int:
    stored = 0
    while part := list(islice(samples, MAX_BATCH_ITEMS)):
        events = read_batch(json.dumps(part).encode(), ndjson=False).events
        [receipts] = accept([Submission(reporter, events)], contact_at)
        stored += sum(receipt.outcome == Outcome.STORED for receipt in receipts)
    return stored


def _place(workers: Sequence[Worker], now: datetime) -> None:
    """Claim them as their orchestrator would have, and give them their epochs."""
    scope = Scope(cameras=frozenset(worker.camera_id for worker in workers))
    orchestrator = Principal(NAME, NAME, grants_of(Role.ORCHESTRATOR, scope)).author("command")
    wanted = [clean_placement(None, worker.claim(after=0)) for worker in workers]
    for worker, placed in zip(workers, place(wanted, by=orchestrator, now=now), strict=True):
        if isinstance(placed, Placed):
            worker.epoch = placed.epoch


def _report(worker: Worker, reporter: Principal, now: datetime) -> None:
    """What it says of itself: when it last had contact, and where it goes on to say so, now."""
    kind, name = worker.behaviour.kind, worker.name
    contact_at = now - LAST_CONTACT_AGO.get(kind, timedelta())
    moments = [contact_at, now] if kind is Kind.FAILED else [contact_at]
    names = [name, f"{name}-b", name] if kind is Kind.CONTENDED else [name]
    for at in moments:
        for said_by in names:
            if report := worker.report(at):
                body = json.dumps(report | {"worker": said_by}).encode()
                read, _ = read_single_report(worker.camera_id, body)
                accept_reports([Submission(reporter, [read])], at)


def _changes_of(
    camera: Camera, silences: Sequence[Span] | None, began_at: datetime, now: datetime
) -> list[StatusChange]:
    """How its status changed: looked at when it first reported, when each silence was over, and now."""
    facts = facts_of(camera, camera.vitals)
    known = first_known(DesiredState.STOPPED if silences is None else DesiredState.RUNNING, camera.created_at)
    looks: list[tuple[Facts, datetime]] = []
    if silences is not None:
        ran = facts_of(camera, None)._replace(
            desired_state=DesiredState.RUNNING, desired_state_at=camera.created_at, generation_at=None
        )
        contacts = [(began_at + timedelta(seconds=1), began_at + timedelta(seconds=1))]
        for silence in sorted(silences):
            if silence.start > began_at:
                contacts += [(silence.start, silence.end), (silence.end, silence.end)]
        looks = [
            (ran._replace(last_contact=contact, last_sample_at=contact), at)
            for contact, at in contacts
            if at < now  # a silence that goes on is seen in what is stored
        ]
    changes: list[StatusChange] = []
    for seen, at in [*looks, (facts, now)]:
        found = changes_between(known, seen, at, Interruptions())
        if found:
            known = Known(found[-1].to_status, found[-1].at)
            changes += found
    return changes


def _write_statuses(changes: Sequence[tuple[Camera, Sequence[StatusChange]]], now: datetime) -> None:
    Transition.objects.bulk_create(
        Transition(
            camera_id=camera.pk,
            camera_name=camera.name,
            site_id=camera.site_id,
            at=change.at,
            from_status=change.from_status,
            to_status=change.to_status,
            reason=change.reason.partition(":")[0],
            detected_at=now,
        )
        for camera, changed in changes
        for change in changed
    )
    KnownStatus.objects.bulk_create(
        KnownStatus(
            camera=camera,
            status=changed[-1].to_status,
            since_at=changed[-1].at,
            failing_since=changed[-1].at if changed[-1].to_status == Status.FAILING else None,
        )
        for camera, changed in changes
        if changed
    )
