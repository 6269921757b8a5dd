"""Which zones have a capacity: read again only where a camera's spec has changed."""

from typing import Any, NamedTuple
from uuid import UUID

from cameras.models import Camera, DesiredState

# How many cameras' zones are read in one query: they are large.
CHUNK = 200

# A camera and the id of its zone.
ZoneKey = tuple[UUID, str]


class Zone(NamedTuple):
    id: str
    name: str
    capacity: int


class _Remembered(NamedTuple):
    generation: int
    zones: tuple[Zone, ...]


# Zones are large and change seldom; a change of them is a new generation.
_remembered: dict[UUID, _Remembered] = {}


def zones_with_capacity() -> dict[UUID, tuple[Zone, ...]]:
    """By camera, of those that should run."""
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING)
    generations = dict(running.values_list("pk", "generation"))
    changed = [
        camera_id
        for camera_id, generation in generations.items()
        if camera_id not in _remembered or _remembered[camera_id].generation != generation
    ]
    for start in range(0, len(changed), CHUNK):
        rows = Camera.objects.filter(pk__in=changed[start : start + CHUNK])
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
