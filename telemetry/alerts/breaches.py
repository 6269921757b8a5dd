"""Zones with more people than their capacity, for longer than a hold time: each such breach is stored once, with
an alert at its beginning and another at its end.

A sample says how many are in a zone until the next one, or until the camera is silent: then it is unknown, and a
breach neither begins nor ends (`capacity_rule`). For every zone the position is stored, the last sample
that was read; each call continues from there, so that what began and ended in between is found too. Where samples
arrive a little late, those after them are read once more; an alert that was sent stays as it is.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction

from cameras.facts import AHEAD_TOLERANCE, STALE_AFTER_INTERVALS
from cameras.models import Camera
from telemetry.alerts import incidents, wording
from telemetry.alerts.capacity_rule import Began, Ended, Limit, Position, Sighting, follow
from telemetry.alerts.limited_zones import Zone, ZoneKey, zones_with_capacity
from telemetry.alerts.models import Breach, Kind, WatchedZone
from telemetry.history.spans import MICROSECOND
from telemetry.models import Sample

# How far back the beginning is searched for, in a zone that was not watched before.
SEARCHED_BACK = timedelta(days=1)
# How much older than the newest a sample may be that arrives late, as when a worker repeats what had failed.
LATE = timedelta(minutes=15)
# How many cameras are read in one transaction, and how many samples of each of their zones.
CHUNK = 50
SAMPLES_AT_ONCE = 5_000
# Whose samples so far back are asked for together.
PRESENT = timedelta(minutes=2)

K = TypeVar("K")


class _Newest(NamedTuple):
    """Of all zones of a camera together: the newest sample that was read, and the newest arrival."""

    seen_at: datetime
    received_at: datetime


def watch_capacity(now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> int:
    """Begin and end breaches; returns how many.

    Of a zone with very many new samples, the rest is left to the next call.
    """
    zones = zones_with_capacity()
    limited = {(camera_id, zone.id) for camera_id, found in zones.items() for zone in found}
    watched = _forget_unwatched(limited, now)
    camera_ids = sorted(zones)
    changed = 0
    for start in range(0, len(camera_ids), CHUNK):
        if stopping():
            break
        changed += _watch_cameras({pk: zones[pk] for pk in camera_ids[start : start + CHUNK]}, watched, now)
    # What nobody watches any more is over: the camera is stopped or gone, or the zone or its capacity is.
    over = [breach for key, breach in _open(Breach.objects.all()).items() if key not in limited]
    return changed + sum(_end(breach, now, now) for breach in over)


def _forget_unwatched(limited: Collection[ZoneKey], now: datetime) -> set[ZoneKey]:
    """Remove positions in zones that have no capacity now, or by a clock that was far ahead; returns the rest."""
    kept: set[ZoneKey] = set()
    gone: list[ZoneKey] = []
    for camera_id, zone_id, seen_at in WatchedZone.objects.values_list("camera_id", "zone", "seen_at"):
        key = (camera_id, zone_id)
        if key in limited and seen_at <= now + AHEAD_TOLERANCE:
            kept.add(key)
        else:
            gone.append(key)
    for start in range(0, len(gone), CHUNK):
        WatchedZone.objects.filter(pk__in=gone[start : start + CHUNK]).delete()
    return kept


# --- Some cameras -----------------------------------------------------------------------------------------


@transaction.atomic
def _watch_cameras(zones_of: Mapping[UUID, Sequence[Zone]], watched: Collection[ZoneKey], now: datetime) -> int:
    """Read the new samples of some cameras' zones; returns how many breaches began or ended.

    Another process that does so at the same time waits, and continues where this one ends.
    """
    cameras = Camera.objects.without_long_values().in_bulk(list(zones_of))
    zones = {(pk, zone.id): zone for pk in zones_of if pk in cameras for zone in zones_of[pk]}
    _begin_to_watch({key: zone for key, zone in zones.items() if key not in watched}, now)
    stored = _locked_positions(zones, list(cameras))
    # Not before they are locked, or what somebody else has just begun is missed.
    breaches = _open(Breach.objects.filter(camera_id__in=list(cameras)))
    late = _oldest_late_samples(stored, now)
    positions = {
        key: _before_late_sample(key, position, late.get(key), zones[key], breaches.get(key))
        for key, position in stored.items()
    }
    sightings = _next_samples(positions, now)
    moved: dict[ZoneKey, Position] = {}
    changed = 0
    for key, position in positions.items():
        camera, zone, breach = cameras[key[0]], zones[key], breaches.get(key)
        moved[key], events = follow(
            position,
            sightings.get(key, []),
            _limit_of(camera, zone),
            in_breach=breach is not None,
            now=now,
            at_most=SAMPLES_AT_ONCE,
        )
        changed += _record(events, camera, zone, breach, now)
    _store({key: position for key, position in moved.items() if position != stored[key]})
    return changed


def _begin_to_watch(zones: Mapping[ZoneKey, Zone], now: datetime) -> None:
    WatchedZone.objects.bulk_create(
        [
            WatchedZone(
                camera_id=camera_id,
                zone=zone.id,
                seen_at=_starting_point(camera_id, zone, now + AHEAD_TOLERANCE),
            )
            for (camera_id, _), zone in zones.items()
        ],
        ignore_conflicts=True,
    )


def _locked_positions(zones: Collection[ZoneKey], camera_ids: list[UUID]) -> dict[ZoneKey, Position]:
    rows = WatchedZone.objects.filter(camera_id__in=camera_ids).order_by("pk").select_for_update(no_key=True)
    positions = {row.pk: Position(row.seen_at, row.above_since, row.received_at) for row in rows}
    return {key: position for key, position in positions.items() if key in zones}


def _store(positions: Mapping[ZoneKey, Position]) -> None:
    # An upsert of rows that are all there, as bulk_update writes a CASE a row and column.
    WatchedZone.objects.bulk_create(
        [
            WatchedZone(camera_id=camera_id, zone=zone_id, **position._asdict())
            for (camera_id, zone_id), position in positions.items()
        ],
        update_conflicts=True,
        unique_fields=["camera_id", "zone"],
        update_fields=list(Position._fields),
    )


# --- Samples ----------------------------------------------------------------------------------------------


def _oldest_late_samples(positions: Mapping[ZoneKey, Position], now: datetime) -> dict[ZoneKey, datetime]:
    """The oldest sample of each zone, of those that arrived since the zones of its camera were read."""
    newest = _newest_by_camera(positions)
    oldest: dict[ZoneKey, datetime] = {}
    for group in _asked_together({pk: min(newest[pk]) for pk in newest}, now):
        seen_at = [newest[pk].seen_at for pk in group]
        samples = (
            Sample.objects.filter(camera_id__in=group, received_at__gt=min(newest[pk].received_at for pk in group))
            .between(min(seen_at) - LATE, max(seen_at))
            .values_list("camera_id", "zone", "timestamp", "received_at")
        )
        for camera_id, zone_id, at, received_at in samples:
            of_camera, key = newest[camera_id], (camera_id, zone_id)
            is_late = of_camera.seen_at - LATE <= at < of_camera.seen_at
            if is_late and received_at > of_camera.received_at:
                oldest[key] = min(at, oldest.get(key, at))
    return oldest


def _newest_by_camera(positions: Mapping[ZoneKey, Position]) -> dict[UUID, _Newest]:
    newest: dict[UUID, _Newest] = {}
    for (camera_id, _), position in positions.items():
        if position.received_at:
            before = newest.get(camera_id, _Newest(position.seen_at, position.received_at))
            newest[camera_id] = _Newest(
                max(position.seen_at, before.seen_at), max(position.received_at, before.received_at)
            )
    return newest


def _before_late_sample(
    key: ZoneKey, position: Position, late_at: datetime | None, zone: Zone, breach: Breach | None
) -> Position:
    """The position from which a sample that has arrived late is found; the same where there is none."""
    if not late_at or late_at >= position.seen_at:
        return position
    if breach:
        seen_at = max(breach.began_at, late_at - MICROSECOND)
    else:
        seen_at = min(position.seen_at, _starting_point(key[0], zone, late_at))
    return Position(seen_at, above_since=None, received_at=position.received_at)


def _next_samples(positions: Mapping[ZoneKey, Position], now: datetime) -> dict[ZoneKey, list[Sighting]]:
    """The next samples of each zone, oldest first; SAMPLES_AT_ONCE + 1 at most of one that is far behind.

    The one that was seen last comes again: only now it may be known until when it was valid.
    """
    found: dict[ZoneKey, list[Sighting]] = {}
    for group in _asked_together({key: position.seen_at for key, position in positions.items()}, now):
        samples = (
            Sample.objects.filter(
                camera_id__in={camera_id for camera_id, _ in group}, zone__in={zone_id for _, zone_id in group}
            )
            .between(min(positions[key].seen_at for key in group), now + AHEAD_TOLERANCE)
            .order_by("timestamp")
            .values_list("camera_id", "zone", "timestamp", "occupancy", "received_at")
        )
        most = None if len(group) > 1 else SAMPLES_AT_ONCE + 1
        for camera_id, zone_id, *values in samples[:most]:
            key, sighting = (camera_id, zone_id), Sighting(*values)
            if key in positions and sighting.at >= positions[key].seen_at:
                found.setdefault(key, []).append(sighting)
    return found


def _asked_together(moments: Mapping[K, datetime], now: datetime) -> list[list[K]]:
    """Groups whose samples are read in one query: all that are up to date, and each of the others alone.

    One that is far behind would have the samples of all others read from there.
    """
    present = [key for key, moment in moments.items() if moment >= now - PRESENT]
    behind = [[key] for key, moment in moments.items() if moment < now - PRESENT]
    return [present, *behind] if present else behind


def _starting_point(camera_id: UUID, zone: Zone, before: datetime) -> datetime:
    """From where to read, to know how a zone was at a moment: never from before the end of its last breach."""
    last = Breach.objects.filter(camera_id=camera_id, zone=zone.id).order_by("-began_at").first()
    if last and not last.ended_at:
        return last.began_at
    samples = Sample.objects.of_camera(camera_id).of_zone(zone.id)
    within = samples.between(before - SEARCHED_BACK, before).filter(occupancy__lte=zone.capacity)
    last_within = within.order_by("-timestamp").values_list("timestamp", flat=True).first()
    ended_at = last.ended_at if last else None
    return max(moment for moment in (before - SEARCHED_BACK, last_within, ended_at) if moment)


# --- Breaches ---------------------------------------------------------------------------------------------


def _open(breaches: Any) -> dict[ZoneKey, Breach]:
    return {(breach.camera_id, breach.zone): breach for breach in breaches.filter(ended_at=None)}


def _limit_of(camera: Camera, zone: Zone) -> Limit:
    return Limit(
        zone.capacity,
        hold=timedelta(seconds=settings.ALERT_CAPACITY_HOLD_SECONDS),
        stale_after=timedelta(seconds=STALE_AFTER_INTERVALS * camera.expected_interval_seconds),
    )


def _record(
    events: Sequence[Began | Ended], camera: Camera, zone: Zone, breach: Breach | None, now: datetime
) -> int:
    """Store what began and ended, in turns and first of all the `breach` that is open; returns how many."""
    changed = 0
    for event in events:
        if isinstance(event, Began):
            breach = _begin(camera, zone, event, now)
            changed += 1
        elif breach:
            changed += _end(breach, event.at, now)
    return changed


def _begin(camera: Camera, zone: Zone, began: Began, now: datetime) -> Breach:
    """The watched zone is locked: nobody else begins one."""
    breach = Breach.objects.create(
        camera_id=camera.pk,
        camera_name=camera.name,
        site_id=camera.site_id,
        zone=zone.id,
        zone_name=zone.name,
        began_at=began.at,
    )
    seen = {"capacity": zone.capacity, "occupancy": began.occupancy}
    incidents.follow([wording.of_breach(Kind.CROWDED, breach, seen, began.at, now)], now)
    return breach


def _end(breach: Breach, ended_at: datetime, now: datetime) -> bool:
    with transaction.atomic():
        ended = Breach.objects.filter(pk=breach.pk, ended_at=None).update(ended_at=ended_at)
        if ended:
            incidents.follow([wording.of_breach(Kind.CROWD_GONE, breach, {}, ended_at, now)], now)
    return bool(ended)
