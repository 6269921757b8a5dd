"""Zones with more people than their capacity, for longer than a hold time: stored once, told, and told again
when it is over.

A sample tells what a zone holds until the next one, or until the camera is silent: then it is unknown, and a
breach neither begins nor ends. Of every zone it is stored up to which sample one has looked, and each call goes on
from there, so that what began and ended in between is found too. Where samples arrive a little late, those after
them are looked at once more; what was told stays told. Must not import doors.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction

from cameras.models import Camera, DesiredState
from cameras.status import AHEAD_TOLERANCE, STALE_AFTER_INTERVALS
from telemetry.alerts import outbox, wording
from telemetry.alerts.models import Breach, Kind, WatchedZone
from telemetry.history.spans import MICROSECOND
from telemetry.models import Sample

# How far back the beginning is looked for, in a zone that was not watched before.
LOOKED_BACK = timedelta(days=1)
# How much older than the newest a sample may be that arrives late, as when a worker repeats what had failed.
LATE = timedelta(minutes=15)
# How many cameras are looked at in one transaction, and how many samples of each of their zones.
CHUNK = 50
SAMPLES_AT_ONCE = 5_000
# Whose samples so far back are asked for together.
PRESENT = timedelta(minutes=2)

# A camera and the id of its zone.
Key = tuple[UUID, str]
K = TypeVar("K")


class Row(NamedTuple):
    """A sample."""

    at: datetime
    occupancy: int
    received_at: datetime


class Zone(NamedTuple):
    id: str
    name: str
    capacity: int


class _Remembered(NamedTuple):
    generation: int
    zones: tuple[Zone, ...]


# Zones are large and change seldom; a change of them is a new generation.
_remembered: dict[UUID, _Remembered] = {}


def watch_capacity(now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> int:
    """Begin and end breaches; returns how many.

    Of a zone with very many new samples, the rest is left to the next call.
    """
    zones = _zones_with_capacity()
    watched = {(camera_id, zone.id): zone for camera_id, found in zones.items() for zone in found}
    known = _forget_unwatched(watched, now)
    camera_ids = sorted(zones)
    changed = 0
    for start in range(0, len(camera_ids), CHUNK):
        if stopping():
            break
        changed += _watch({pk: zones[pk] for pk in camera_ids[start : start + CHUNK]}, known, now)
    # What nobody watches any more is over: the camera is stopped or gone, or the zone or its capacity is.
    over = [breach for key, breach in _open(Breach.objects.all()).items() if key not in watched]
    return changed + sum(_end(breach, now, now) for breach in over)


def _forget_unwatched(watched: Mapping[Key, Zone], now: datetime) -> set[Key]:
    """Let go of what is not watched any more, or was by a clock that was far ahead; returns the rest."""
    known: set[Key] = set()
    gone: list[Key] = []
    for camera_id, zone, seen_at in WatchedZone.objects.values_list("camera_id", "zone", "seen_at"):
        is_watched = (camera_id, zone) in watched and seen_at <= now + AHEAD_TOLERANCE
        (known.add if is_watched else gone.append)((camera_id, zone))
    for start in range(0, len(gone), CHUNK):
        WatchedZone.objects.filter(pk__in=gone[start : start + CHUNK]).delete()
    return known


@transaction.atomic
def _watch(zones: Mapping[UUID, Sequence[Zone]], known: set[Key], now: datetime) -> int:
    """Look at the zones of some cameras. Whoever else does so at the same time waits, and goes on from here."""
    cameras = Camera.objects.defer("zone_config", "model_config", "sealed_connection").in_bulk(list(zones))
    watched = {(pk, zone.id): zone for pk in zones if pk in cameras for zone in zones[pk]}
    WatchedZone.objects.bulk_create(
        [
            WatchedZone(
                camera_id=camera_id,
                zone=zone.id,
                seen_at=_starting_point(camera_id, zone, now + AHEAD_TOLERANCE),
            )
            for (camera_id, _), zone in watched.items()
            if (camera_id, zone.id) not in known
        ],
        ignore_conflicts=True,
    )
    locked = WatchedZone.objects.filter(camera_id__in=list(cameras)).order_by("pk").select_for_update(no_key=True)
    looks = [look for look in locked if look.pk in watched]
    # Not before they are locked, or what somebody else has just begun is missed.
    open_breaches = _open(Breach.objects.filter(camera_id__in=list(cameras)))
    arrived = _arrived_since(looks, now)
    before = {look.pk: (look.seen_at, look.above_since, look.received_at) for look in looks}
    for look in looks:
        _go_back(look, arrived.get(look.pk), watched[look.pk], open_breaches.get(look.pk))
    samples = _samples_from(looks, now)
    changed = 0
    moved = []
    for look in looks:
        camera, breach = cameras[look.camera_id], open_breaches.get(look.pk)
        changed += _go_on(look, camera, watched[look.pk], breach, samples.get(look.pk, []), now)
        if (look.seen_at, look.above_since, look.received_at) != before[look.pk]:
            moved.append(look)
    # An upsert of rows that are all there, as bulk_update writes a CASE a row and column.
    WatchedZone.objects.bulk_create(
        moved,
        update_conflicts=True,
        unique_fields=["camera_id", "zone"],
        update_fields=["seen_at", "above_since", "received_at"],
    )
    return changed


def _arrived_since(looks: Sequence[WatchedZone], now: datetime) -> dict[Key, datetime]:
    """The oldest sample of each zone, of those that arrived since the zones of its camera were looked at."""
    since: dict[UUID, datetime] = {}
    newest: dict[UUID, datetime] = {}
    for look in looks:
        if look.received_at:
            since[look.camera_id] = max(look.received_at, since.get(look.camera_id, look.received_at))
            newest[look.camera_id] = max(look.seen_at, newest.get(look.camera_id, look.seen_at))
    oldest: dict[Key, datetime] = {}
    for together in _abreast({pk: min(newest[pk], since[pk]) for pk in since}, now):
        samples = (
            Sample.objects.filter(camera_id__in=together, received_at__gt=min(since[pk] for pk in together))
            .between(min(newest[pk] for pk in together) - LATE, max(newest[pk] for pk in together))
            .values_list("camera_id", "zone", "timestamp", "received_at")
        )
        for camera_id, zone, at, received_at in samples:
            if received_at > since[camera_id] and newest[camera_id] - LATE <= at < newest[camera_id]:
                oldest[camera_id, zone] = min(at, oldest.get((camera_id, zone), at))
    return oldest


def _samples_from(looks: Sequence[WatchedZone], now: datetime) -> dict[Key, list[Row]]:
    """The next samples of each zone, oldest first, a few at least and one more than are looked at at most.

    The one that was seen last comes again: only now it may be known how long it held.
    """
    by_key = {look.pk: look for look in looks}
    found: dict[Key, list[Row]] = {}
    for together in _abreast({look.pk: look.seen_at for look in looks}, now):
        samples = (
            Sample.objects.filter(
                camera_id__in={camera_id for camera_id, _ in together}, zone__in={zone for _, zone in together}
            )
            .between(min(by_key[key].seen_at for key in together), now + AHEAD_TOLERANCE)
            .order_by("timestamp")
            .values_list("camera_id", "zone", "timestamp", "occupancy", "received_at")
        )
        most = None if len(together) > 1 else SAMPLES_AT_ONCE + 1
        for camera_id, zone, *row in samples[:most]:
            look = by_key.get((camera_id, zone))
            if look and row[0] >= look.seen_at:
                found.setdefault(look.pk, []).append(Row(*row))
    return found


def _abreast(moments: Mapping[K, datetime], now: datetime) -> list[list[K]]:
    """Those that are asked for together, as all of them are at the present, and each of the others by itself."""
    present = [key for key, moment in moments.items() if moment >= now - PRESENT]
    return [*filter(None, [present]), *([key] for key, moment in moments.items() if moment < now - PRESENT)]


def _go_back(look: WatchedZone, arrived: datetime | None, zone: Zone, breach: Breach | None) -> None:
    """Before a sample that has arrived late, if there is one."""
    if not arrived or arrived >= look.seen_at:
        return
    look.above_since = None
    if breach:
        look.seen_at = max(breach.began_at, arrived - MICROSECOND)
    else:
        look.seen_at = min(look.seen_at, _starting_point(look.camera_id, zone, arrived))


def _go_on(
    look: WatchedZone, camera: Camera, zone: Zone, breach: Breach | None, rows: Sequence[Row], now: datetime
) -> int:
    """Look at the next samples of a zone, and move its `look` along; returns how many breaches began or ended."""
    stale_after = timedelta(seconds=STALE_AFTER_INTERVALS * camera.expected_interval_seconds)
    hold = timedelta(seconds=settings.ALERT_CAPACITY_HOLD_SECONDS)
    seen_before = look.seen_at
    changed = 0
    for (at, occupancy, received_at), following in zip(rows[:SAMPLES_AT_ONCE], [*rows[1:], None], strict=False):
        look.seen_at = at
        # What arrives while we look may have missed some of it: it counts as having arrived since.
        look.received_at = max(look.received_at or received_at, min(received_at, now))
        if occupancy <= zone.capacity:
            look.above_since = None
            if breach:
                # One that was seen before was above a capacity that somebody has raised: that is over now.
                changed += _end(breach, at if at > seen_before else now, now)
                breach = None
            continue
        look.above_since = look.above_since or at
        # The newest holds for as long as it has been here: the worker's clock may be another than ours.
        until = following[0] if following else at + (now - received_at)
        if not breach and min(until, at + stale_after) - look.above_since >= hold:
            breach = _begin(camera, zone, occupancy, look.above_since, now)
            changed += 1
        if not breach and following and following[0] > at + stale_after:
            look.above_since = None
    return changed


def _starting_point(camera_id: UUID, zone: Zone, before: datetime) -> datetime:
    """From where to look, to know how a zone was at a moment; what has been told by then does not come again."""
    last = Breach.objects.filter(camera_id=camera_id, zone=zone.id).order_by("-began_at").first()
    if last and not last.ended_at:
        return last.began_at
    samples = Sample.objects.of_camera(camera_id).of_zone(zone.id)
    within = samples.between(before - LOOKED_BACK, before).filter(occupancy__lte=zone.capacity)
    last_within = within.order_by("-timestamp").values_list("timestamp", flat=True).first()
    return max(filter(None, [before - LOOKED_BACK, last_within, last and last.ended_at]))


def _open(breaches: Any) -> dict[Key, Breach]:
    return {(breach.camera_id, breach.zone): breach for breach in breaches.filter(ended_at=None)}


def _begin(camera: Camera, zone: Zone, occupancy: int, began_at: datetime, now: datetime) -> Breach:
    """The watched zone is locked: nobody else begins one."""
    breach = Breach.objects.create(
        camera_id=camera.pk,
        camera_name=camera.name,
        site_id=camera.site_id,
        zone=zone.id,
        zone_name=zone.name,
        began_at=began_at,
    )
    told = {"capacity": zone.capacity, "occupancy": occupancy}
    outbox.tell([wording.of_breach(Kind.CROWDED, breach, told, began_at, now)], now)
    return breach


def _end(breach: Breach, ended_at: datetime, now: datetime) -> bool:
    with transaction.atomic():
        ended = Breach.objects.filter(pk=breach.pk, ended_at=None).update(ended_at=ended_at)
        if ended:
            outbox.tell([wording.of_breach(Kind.CROWD_GONE, breach, {}, ended_at, now)], now)
    return bool(ended)


def _zones_with_capacity() -> dict[UUID, tuple[Zone, ...]]:
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING)
    generations = dict(running.values_list("pk", "generation"))
    changed = [
        camera_id
        for camera_id, generation in generations.items()
        if camera_id not in _remembered or _remembered[camera_id].generation != generation
    ]
    for start in range(0, len(changed), 200):
        rows = Camera.objects.filter(pk__in=changed[start : start + 200])
        for camera_id, generation, config in rows.values_list("pk", "generation", "zone_config"):
            _remembered[camera_id] = _Remembered(generation, tuple(_zones_of(config)))
    for camera_id in _remembered.keys() - generations.keys():
        del _remembered[camera_id]
    return {camera_id: found.zones for camera_id, found in _remembered.items() if found.zones}


def _zones_of(config: dict[str, Any]) -> list[Zone]:
    return [
        Zone(feature["id"], feature["properties"]["name"], feature["properties"]["capacity"])
        for feature in config.get("features", ())
        if feature["properties"].get("capacity") is not None
    ]
