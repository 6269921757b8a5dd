"""Storing changes of status once, each at its own deadline, with the alerts about them.

The stored status of a camera is locked, compared and set in the transaction that stores its transitions and
alerts: another process that does the same at the same time finds it done.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from cameras.facts import Interruptions, receiving_until
from cameras.interruptions import read_interruptions
from cameras.models import Camera, FleetVitals, KnownStatus, StatusDirty
from cameras.observed import facts_of
from cameras.status import Status
from telemetry.alerts import incidents, wording
from telemetry.alerts.models import Alert, Flapping, Kind, Transition
from telemetry.alerts.timeline import Known, StatusChange, changes_between, first_known

CHUNK = 200
# So that the next look at the whole fleet is not late.
MARKED_AT_ONCE = 1_000
KEPT = timedelta(days=400)
SILENT = (Status.STALE, Status.OFFLINE)
WORKING = (Status.HEALTHY, Status.DEGRADED)
NOT_RUNNING = (Status.STOPPED, Status.STOPPING, Status.ORPHANED)
BEGINS = {Status.OFFLINE: Kind.OFFLINE, Status.ORPHANED: Kind.ORPHANED}
ENDS = {Status.OFFLINE: Kind.RECOVERED, Status.ORPHANED: Kind.ORPHAN_GONE}


class _CameraChanges(NamedTuple):
    """A camera, its stored status, and what has changed since, each change with what to notify of."""

    camera: Camera
    known: KnownStatus
    changes: list[StatusChange]
    kinds: list[list[Kind]]
    failing_since: datetime | None


def record_transitions(now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> int:
    """Store every change of status up to `now`, but none after ingest's last tick; returns how many."""
    # What is marked from here on is looked at next time.
    StatusDirty.objects.filter(marked_at__lte=now).delete()
    interruptions = read_interruptions(now, up_to_last_tick=True)
    recorded = _record_all(changed_cameras(now, interruptions), now, interruptions, stopping)
    _end_flapping(now)
    _forget_deleted(now)
    if not stopping():
        FleetVitals.objects.update(statuses_at=receiving_until(now, interruptions))
    return recorded


def record_marked(now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> int:
    """Store what has changed of the cameras that a sample, a report or a placement has marked; returns how many.

    Of very many the rest is left to the next call. One query where none is marked.
    """
    marked = StatusDirty.objects.filter(marked_at__lte=now)
    camera_ids = sorted(marked.order_by("marked_at").values_list("pk", flat=True)[:MARKED_AT_ONCE])
    if not camera_ids:
        return 0
    # Before the cameras are read: who marks one again from here on is seen next time.
    marked.filter(pk__in=camera_ids).delete()
    return _record_all(camera_ids, now, read_interruptions(now, up_to_last_tick=True), stopping)


def _record_all(
    camera_ids: Sequence[UUID], now: datetime, interruptions: Interruptions, stopping: Callable[[], bool]
) -> int:
    recorded = 0
    for chunk in _chunks(camera_ids):
        if stopping():
            break
        with transaction.atomic():
            recorded += _record(chunk, now, interruptions)
    return recorded


def changed_cameras(now: datetime, interruptions: Interruptions) -> list[UUID]:
    """The cameras whose status is not the stored one, or that had contact since they fell silent."""
    known = F("known_status__status")
    contact_since = Q(known_status__status__in=SILENT, vitals__last_contact__gt=F("known_status__since_at"))
    cameras = Camera.objects.with_status(now, interruptions)
    changed = cameras.filter(Q(known_status=None) | ~Q(derived_status=known) | contact_since)
    return list(changed.order_by("pk").values_list("pk", flat=True))


def _record(camera_ids: Sequence[UUID], now: datetime, interruptions: Interruptions) -> int:
    found = list(_compare(camera_ids, now, interruptions))
    transitions = [
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
        for camera, changes in ((each.camera, each.changes) for each in found)
        for change in changes
    ]
    Transition.objects.bulk_create(transitions)
    KnownStatus.objects.bulk_update(
        [
            KnownStatus(
                camera_id=each.camera.pk,
                status=each.changes[-1].to_status,
                since_at=each.changes[-1].at,
                failing_since=each.failing_since,
                changed_at=Now(),
            )
            for each in found
            if each.changes
        ],
        ["status", "since_at", "failing_since", "changed_at"],
    )
    incidents.follow(_alerts(found, now), now)
    return len(transitions)


def _compare(camera_ids: Sequence[UUID], now: datetime, interruptions: Interruptions) -> Iterator[_CameraChanges]:
    """Lock the stored statuses, then read the cameras: what is compared cannot change any more."""
    new = Camera.objects.filter(pk__in=camera_ids, known_status=None)
    KnownStatus.objects.bulk_create(
        [
            KnownStatus(camera=camera, status=known.status, since_at=known.since_at)
            for camera in new.order_by("pk").only("desired_state", "desired_state_at")
            if (known := first_known(camera.desired_state, camera.desired_state_at))
        ],
        ignore_conflicts=True,
    )
    locked = KnownStatus.objects.select_for_update(no_key=True).filter(pk__in=camera_ids).order_by("pk")
    stored = {row.pk: row for row in locked}
    cameras = Camera.objects.filter(pk__in=list(stored)).select_related("vitals").order_by("pk")
    for camera in cameras.without_long_values():
        row, vitals = stored[camera.pk], getattr(camera, "vitals", None)
        known = Known(Status(row.status), row.since_at)
        changes = changes_between(known, facts_of(camera, vitals), now, interruptions)
        yield _CameraChanges(camera, row, changes, *_kinds(changes, row.failing_since))


# --- Who is notified of what ----------------------------------------------------------------------------------


def _kinds(
    changes: Sequence[StatusChange], failing_since: datetime | None
) -> tuple[list[list[Kind]], datetime | None]:
    """What to notify of for each change; and since when the camera is known to fail afterwards.

    One that fails works again when samples come, or ends with its stop: not while it starts anew or is silent.
    """
    kinds = []
    for change in changes:
        found = [kind for kind in (ENDS.get(change.from_status), BEGINS.get(change.to_status)) if kind]
        if change.to_status == Status.FAILING and failing_since is None:
            failing_since = change.at
            found.append(Kind.FAILING)
        elif failing_since and change.to_status in (*WORKING, *NOT_RUNNING):
            failing_since = None
            found.append(Kind.WORKING)
        kinds.append(found)
    return kinds, failing_since


def _alerts(found: Sequence[_CameraChanges], now: datetime) -> list[Alert]:
    worth_it = [each for each in found if any(each.kinds)]
    flapping = _flapping([each.camera.pk for each in worth_it], now)
    beginnings = _beginnings([each.known for each in worth_it])
    alerts: list[Alert] = []
    for each in worth_it:
        camera = each.camera
        if camera.pk not in flapping:
            alerts += _alerts_of(each, beginnings, now)
        elif flapping[camera.pk]:  # one alert in the place of all that are held back from now on
            last = each.changes[-1]
            alerts.append(wording.of_camera(Kind.FLAPPING, camera, last.to_status, last.at, now))
    return alerts


def _alerts_of(
    each: _CameraChanges, beginnings: Mapping[tuple[UUID, Kind], Transition], now: datetime
) -> Iterator[Alert]:
    for change, kinds in zip(each.changes, each.kinds, strict=True):
        for kind in kinds:
            alert = wording.of_status_change(kind, each.camera, change, now)
            if beginning := beginnings.get((each.camera.pk, kind)):
                # Of a camera that was moved since, those are notified of the end who were of the beginning.
                alert.site_id = beginning.site_id
            yield alert


def _beginnings(known: Sequence[KnownStatus]) -> dict[tuple[UUID, Kind], Transition]:
    """The transitions that made cameras offline, orphaned or failing, by the kind of the end of that."""
    began = {(row.pk, row.since_at, row.status): ENDS[Status(row.status)] for row in known if row.status in ENDS}
    began |= {
        (row.pk, row.failing_since, Status.FAILING.value): Kind.WORKING for row in known if row.failing_since
    }
    if not began:
        return {}
    rows = Transition.objects.filter(
        camera_id__in={camera_id for camera_id, _, _ in began},
        at__in={at for _, at, _ in began},
        to_status__in=(*ENDS, Status.FAILING),
    )
    return {
        (row.camera_id, kind): row for row in rows if (kind := began.get((row.camera_id, row.at, row.to_status)))
    }


def _flapping(camera_ids: Sequence[UUID], now: datetime) -> dict[UUID, bool]:
    """Those of the cameras that flap, and whether that begins now."""
    known = set(Flapping.objects.filter(pk__in=camera_ids).values_list("pk", flat=True))
    changes = Counter(
        _changes_since(now - _window()).filter(camera_id__in=camera_ids).values_list("camera_id", flat=True)
    )
    begins = {
        camera_id
        for camera_id, count in changes.items()
        if count > settings.ALERT_FLAP_CHANGES and camera_id not in known
    }
    Flapping.objects.bulk_create([Flapping(camera_id=camera_id, since_at=now) for camera_id in sorted(begins)])
    return dict.fromkeys(known, False) | dict.fromkeys(begins, True)


def _end_flapping(now: datetime) -> None:
    """Notify of cameras that have not changed for a whole window: their alerts are no longer held back."""
    changed = _changes_since(now - _window()).filter(camera_id=OuterRef("camera_id"))
    for camera_id in Flapping.objects.exclude(Exists(changed)).values_list("pk", flat=True):
        with transaction.atomic():
            if not Flapping.objects.filter(pk=camera_id).delete()[0]:
                continue
            camera = Camera.objects.select_related("known_status").filter(pk=camera_id).first()
            known: Any = getattr(camera, "known_status", None)
            if camera and known:
                incidents.follow([wording.of_camera(Kind.STEADY, camera, known.status, known.since_at, now)], now)


def _changes_since(start: datetime) -> Any:
    """Changes between working and silent or failing: one blip is two."""
    broken = (*SILENT, Status.FAILING)
    fell = Q(from_status__in=WORKING, to_status__in=broken)
    rose = Q(from_status__in=broken, to_status__in=WORKING)
    return Transition.objects.filter(fell | rose, at__gte=start)


def _window() -> timedelta:
    return timedelta(seconds=settings.ALERT_FLAP_WINDOW_SECONDS)


# --- Housekeeping -----------------------------------------------------------------------------------------


def forget_old(now: datetime) -> int:
    """Remove transitions of long ago, a chunk at a time; returns how many."""
    # The first by key are the first that were noticed: asking all rows when they were would read the whole table.
    first = Transition.objects.order_by("pk").values_list("pk", "detected_at")
    removed = 0
    while ids := [pk for pk, detected_at in first[:CHUNK] if detected_at < now - KEPT]:
        Transition.objects.filter(pk__in=ids).delete()
        removed += len(ids)
    return removed


def _forget_deleted(now: datetime) -> None:
    """Remove what is left of deleted cameras."""
    gone = ~Exists(Camera.objects.filter(pk=OuterRef("camera_id")))
    deleted = KnownStatus.objects.filter(gone).order_by("pk")
    if deleted.exists():
        with transaction.atomic():
            known = list(deleted.select_for_update(no_key=True))
            _notify_of_deleted(known, now)
            KnownStatus.objects.filter(pk__in=[row.pk for row in known]).delete()
    Flapping.objects.filter(gone).delete()


def _notify_of_deleted(known: Sequence[KnownStatus], now: datetime) -> None:
    """A deleted camera is offline, orphaned or failing no more. For one that flaps nothing is sent."""
    held_back = set(Flapping.objects.filter(pk__in=[row.pk for row in known]).values_list("pk", flat=True))
    alerts = []
    for (camera_id, kind), row in _beginnings(known).items():
        if camera_id not in held_back:
            camera = Camera(pk=camera_id, name=row.camera_name, site_id=row.site_id)
            alerts.append(wording.of_camera(kind, camera, "deleted", now, now))
    incidents.follow(alerts, now)


def _chunks(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    rest = iter(ids)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
