"""Zones that another program runs with, although they are no valid outlines: mended, or left out with a remark."""

from collections.abc import Iterator
from typing import Any

import shapely

from cameras import geometry, outlines
from cameras.transfer.files.rows import shown_key


def mended(zone_config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The zones that the rules of `geometry` let through, and what was done to the others.

    Of an outline that crosses or leaves the picture the largest part that lies within it is taken.
    """
    features: list[dict[str, Any]] = []
    remarks: list[str] = []
    ids: set[str] = set()
    for feature in zone_config["features"]:
        shown = shown_key(feature.get("id") or feature["properties"].get("name") or "")
        if len(features) == geometry.MAX_ZONES:
            remarks.append(f"Zone {shown} was left out: a camera has {geometry.MAX_ZONES} zones at the most.")
            continue
        usable, remark = _usable(feature, zone_config)
        if remark:
            remarks.append(f"Zone {shown} {remark}")
        if usable is None:
            continue
        if usable.get("id", "").lower() in ids:  # ids differ by more than their case; it gets one of its name
            usable = {name: value for name, value in usable.items() if name != "id"}
        ids.add(usable.get("id", "").lower())
        features.append(usable)
    return {**zone_config, "features": features}, remarks


def _usable(feature: dict[str, Any], zone_config: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The feature as it can be stored, or None, and what to say of it."""
    problem = _problem(feature, zone_config)
    remark = ""
    if problem and problem.path.endswith("properties.name"):
        feature = {**feature, "properties": {}}
        remark = "has a name that cannot be stored: it is called by its id."
        problem = _problem(feature, zone_config)
    if problem:
        ring = _largest_part(feature["geometry"]["coordinates"][0], zone_config["units"])
        if ring is None:
            return None, "was left out: it encloses no area of the picture."
        feature = {**feature, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        remark = "is no simple outline, though Frigate runs with it: its largest part was taken."
        problem = _problem(feature, zone_config)
    return (None, f"was left out: {problem.detail}") if problem else (feature, remark)


def _problem(feature: dict[str, Any], zone_config: dict[str, Any]) -> outlines.ZoneProblem | None:
    try:
        geometry.canonical_zones({**zone_config, "features": [feature]})
    except geometry.InvalidZones as error:
        return error.problems[0]
    return None


def _largest_part(ring: list[list[float]], units: str) -> list[list[float]] | None:
    """The outer ring of the largest area that the ring encloses within the picture."""
    side = outlines.MAX_COORDINATE if units == "pixels" else 1
    within = shapely.intersection(shapely.make_valid(shapely.Polygon(ring)), shapely.box(0, 0, side, side))
    largest = max(_polygons(within), key=shapely.area, default=None)
    if largest is None or not shapely.area(largest):
        return None
    return [[float(x), float(y)] for x, y in shapely.get_coordinates(shapely.get_exterior_ring(largest))]


def _polygons(shape: Any) -> Iterator[Any]:
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            yield part
        elif part.geom_type.startswith(("Multi", "GeometryCollection")):
            yield from _polygons(part)
