"""Zones with more people than their capacity, for longer than a hold time: stored once, told, and told again
when it is over.

What a zone holds is its newest sample, until the next one or until the camera is silent: then it is unknown, and a
breach neither begins nor ends. Must not import doors.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Min, Q, Window
from django.db.models.functions import Lead

from cameras.models import Camera, DesiredState
from cameras.status import STALE_AFTER_INTERVALS
from telemetry.alerts import outbox, wording
from telemetry.alerts.models import Breach, Kind
from telemetry.models import Sample
from telemetry.querysets import SampleQuerySet

# How far back the beginning is looked for, where nobody has looked for some time.
LOOKED_BACK = timedelta(days=1)


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
    """Begin and end breaches; returns how many."""
    zones = _zones_with_capacity()
    open_breaches = {(breach.camera_id, breach.zone): breach for breach in Breach.objects.filter(ended_at=None)}
    changed = 0
    cameras = Camera.objects.filter(pk__in=[*zones, *(camera_id for camera_id, _ in open_breaches)])
    for camera in cameras.select_related("vitals").defer("zone_config", "model_config", "sealed_connection"):
        if stopping():
            break
        changed += _watch(camera, zones.get(camera.pk, ()), open_breaches, now)
    # What nobody watches any more is over: the camera is stopped or gone, or the zone or its capacity is.
    watched = {(camera_id, zone.id) for camera_id, found in zones.items() for zone in found}
    return changed + sum(_end(open_breaches[key], now, now) for key in open_breaches.keys() - watched)


def _watch(
    camera: Camera, zones: Sequence[Zone], open_breaches: dict[tuple[UUID, str], Breach], now: datetime
) -> int:
    vitals: Any = getattr(camera, "vitals", None)
    stale_after = timedelta(seconds=STALE_AFTER_INTERVALS * camera.expected_interval_seconds)
    if not zones or not vitals or not vitals.last_contact or now >= vitals.last_contact + stale_after:
        return 0
    hold = timedelta(seconds=settings.ALERT_CAPACITY_HOLD_SECONDS)
    changed = 0
    for zone in zones:
        breach = open_breaches.get((camera.pk, zone.id))
        samples = Sample.objects.of_camera(camera.pk).of_zone(zone.id)
        since = breach.began_at if breach else now - LOOKED_BACK - hold - stale_after
        recent = samples.between(since, now)
        newest = recent.order_by("-timestamp").values_list("timestamp", "occupancy").first()
        if newest is None or now >= newest[0] + stale_after:
            continue
        within = Q(occupancy__lte=zone.capacity)
        if breach and newest[1] <= zone.capacity:
            last_above = recent.exclude(within).aggregate(last=Max("timestamp"))["last"]
            following = recent.filter(within, timestamp__gt=last_above or now)
            # None was ever above a capacity that somebody has raised: that is over now.
            ended_at = following.aggregate(first=Min("timestamp"))["first"] or now
            changed += _end(breach, ended_at, now)
        elif not breach and newest[1] > zone.capacity:
            last_within = recent.filter(within).aggregate(last=Max("timestamp"))["last"]
            above = recent.filter(timestamp__gt=last_within) if last_within else recent
            began_at = _unbroken_since(above, stale_after)
            if now - began_at >= hold:
                changed += _begin(camera, zone, newest[1], began_at, now)
    return changed


def _unbroken_since(above: SampleQuerySet, stale_after: timedelta) -> datetime:
    """The first of the samples that no silence divides from the newest; there is one at least."""
    following = Window(Lead("timestamp"), order_by="timestamp")
    silences = above.annotate(following=following).filter(following__gt=F("timestamp") + stale_after)
    heard_again = silences.order_by("-timestamp").values_list("following", flat=True).first()
    began_at: datetime = heard_again or above.aggregate(first=Min("timestamp"))["first"]
    return began_at


def _begin(camera: Camera, zone: Zone, occupancy: int, began_at: datetime, now: datetime) -> bool:
    with transaction.atomic():
        breach, begun = Breach.objects.get_or_create(
            camera_id=camera.pk,
            zone=zone.id,
            ended_at=None,
            defaults={
                "camera_name": camera.name,
                "site_id": camera.site_id,
                "zone_name": zone.name,
                "began_at": began_at,
            },
        )
        if begun:
            told = {"capacity": zone.capacity, "occupancy": occupancy}
            outbox.tell([wording.of_breach(Kind.CROWDED, breach, told, began_at, now)], now)
    return begun


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
