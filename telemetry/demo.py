"""The history of a demo: what its cameras' workers would have reported in the days before it was made.

Samples go through ingest as those of a worker do, and changes of status follow from the rule. So the charts of a
new installation show something; rollups come with the next maintenance, as for any late sample.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from cameras.facts import Interruptions
from cameras.models import Camera, DesiredState, KnownStatus
from cameras.observed import facts_of
from controlplane.access.principals import Principal, Role, grants_of
from controlplane.access.scope import Scope
from telemetry.alerts.models import Transition
from telemetry.alerts.timeline import Known, StatusChange, changes_between, first_known
from telemetry.history.spans import Span
from telemetry.ingest.accept import Submission, accept
from telemetry.ingest.batch import MAX_BATCH_ITEMS, read_batch
from telemetry.ingest.receipts import Outcome
from telemetry.simulation.worker import Worker

NAME = "command:demo"
EVERY = timedelta(minutes=5)
# The newest hours are finer, for the shortest ranges of a chart.
LATELY, EVERY_LATELY = timedelta(hours=6), timedelta(minutes=1)


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
    """Samples and changes of status of those cameras that run, from `began_at` to `now`.

    Returns how many samples it stored. For cameras that have none yet; nobody is notified of anything in it.
    """
    cameras = list(
        Camera.objects.filter(pk__in=list(camera_ids), desired_state=DesiredState.RUNNING)
        .select_related("site")
        .order_by("site__name", "name")
    )
    silences = {
        camera.pk: [
            Span(now - timedelta(hours=began), now - timedelta(hours=ended))
            for place, began, ended in OUTAGES
            if place == number
        ]
        for number, camera in enumerate(cameras)
    }
    samples = (seen for camera in cameras for seen in _seen(camera, silences[camera.pk], began_at, now))
    worker = Principal(NAME, NAME, grants_of(Role.WORKER, Scope(cameras=frozenset(silences))))
    stored = 0
    while part := list(islice(samples, MAX_BATCH_ITEMS)):
        events = read_batch(json.dumps(part).encode(), ndjson=False).events
        [receipts] = accept([Submission(worker, events)], now)
        stored += sum(receipt.outcome == Outcome.STORED for receipt in receipts)
    _write_statuses([(camera, _changes_of(camera, silences[camera.pk], began_at, now)) for camera in cameras], now)
    return stored


def _seen(camera: Camera, silences: Sequence[Span], began_at: datetime, now: datetime) -> Iterator[dict[str, Any]]:
    """What the worker of a camera saw, oldest first; the zones in the newest hours only."""
    zone = ZoneInfo(camera.site.timezone) if camera.site else ZoneInfo("UTC")
    zones = tuple(feature["id"] for feature in camera.zone_config["features"])
    worker = Worker(camera.pk, camera.generation, timezone=zone)
    at = began_at
    while at < now:
        lately = at >= now - LATELY
        worker.zones = zones if lately else ()
        if not any(silence.start <= at < silence.end for silence in silences):
            for seen in worker.observe(at):
                yield {"camera_id": str(seen.camera_id), **seen.sample}
        at += EVERY_LATELY if lately else EVERY


def _changes_of(camera: Camera, silences: Sequence[Span], began_at: datetime, now: datetime) -> list[StatusChange]:
    """How its status changed: looked at when it first reported, when each silence was over, and now."""
    facts = facts_of(camera, None)
    known = first_known(camera.desired_state, camera.desired_state_at)
    changes: list[StatusChange] = []
    contacts = [(began_at + timedelta(seconds=1), began_at + timedelta(seconds=1))]
    for silence in sorted(silences):
        if silence.start > began_at:
            contacts += [(silence.start, silence.end), (silence.end, silence.end)]
    for contact, at in [*contacts, (now, now)]:
        found = changes_between(
            known, facts._replace(last_contact=contact, last_sample_at=contact), at, Interruptions()
        )
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
        KnownStatus(camera=camera, status=changed[-1].to_status, since_at=changed[-1].at)
        for camera, changed in changes
        if changed
    )
