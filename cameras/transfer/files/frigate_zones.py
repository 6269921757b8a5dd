"""Zones in Frigate's notations: `x,y,x,y` as a text or a list, in parts of the picture or, before 0.14, in pixels.

Frigate runs with outlines that are none, and without a zone as well: no zone is a reason to refuse a camera.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cameras import geometry
from cameras.transfer.files.rows import shown_key
from cameras.transfer.files.zone_mending import mended

# Frigate's editor rounds to three places and lets a point fall just outside.
OUTSIDE = 0.01
PLACES = 6
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
NEEDS_A_FRAME = "it is in pixels, and width and height under detect that it was drawn for are missing."

Point = tuple[float, float]


class Frame(NamedTuple):
    width: int
    height: int


class Zones(NamedTuple):
    """A `zone_config` that can be stored, and what was mended or left out for it."""

    zone_config: dict[str, Any]
    remarks: list[str]


class WrittenZones(NamedTuple):
    """The section `zones`, the section `detect` where one is needed, and the ids of zones that were left out."""

    zones: dict[str, Any]
    detect: dict[str, int] | None
    left_out: list[str]


def frame_of(section: Any) -> Frame | None:
    """The size of the picture by a section with `width` and `height`, where it names both sides."""
    given = [str(section.get(name)) for name in ("width", "height")] if isinstance(section, dict) else []
    sides = [int(side) for side in given if re.fullmatch(r"[0-9]{1,6}", side)]
    if len(sides) == 2 and all(1 < side <= geometry.MAX_FRAME_SIDE for side in sides):
        return Frame(*sides)
    return None


class Outline(NamedTuple):
    """A zone as it stands in the file."""

    key: str
    name: str
    points: list[Point]

    def is_in_pixels(self) -> bool:
        return any(max(point) > 1 + OUTSIDE for point in self.points)

    def in_parts_of(self, frame: Frame) -> "Outline":
        """The same in parts of a picture of this size."""
        return self._replace(points=[(x / frame.width, y / frame.height) for x, y in self.points])

    def lies_within(self, frame: Frame) -> bool:
        return all(x <= frame.width + 1 and y <= frame.height + 1 for x, y in self.points)


class Picture(NamedTuple):
    """Outlines in the same units, the size of their picture where that is known, and what was left out for it."""

    outlines: list[Outline]
    units: str
    frame: Frame | None
    remarks: list[str]


def read(section: Any, frame: Frame | None) -> Zones:
    """The zones of a section `zones`, for a picture of the size `frame` where that is known."""
    outlines, remarks = _read_outlines(section)
    picture = _in_one_unit(outlines, frame)
    zone_config: dict[str, Any] = {
        "type": "FeatureCollection",
        "units": picture.units,
        "features": [_feature(outline, picture.units) for outline in picture.outlines],
    }
    if picture.frame:
        zone_config["frame"] = picture.frame._asdict()
    zone_config, mending = mended(zone_config)
    return Zones(zone_config, [*remarks, *picture.remarks, *mending])


def _in_one_unit(outlines: list[Outline], frame: Frame | None) -> Picture:
    """In parts of the picture where that is possible; those in pixels need its size for it."""
    in_pixels = [outline for outline in outlines if outline.is_in_pixels()]
    if frame and all(outline.lies_within(frame) for outline in in_pixels):
        parts = [outline.in_parts_of(frame) if outline.is_in_pixels() else outline for outline in outlines]
        return Picture(parts, "normalised", frame, [])
    remarks = []
    if frame:
        remarks.append(f"Zones lie outside the {frame.width} by {frame.height} pixels of detect: kept in pixels.")
    if in_pixels and len(in_pixels) == len(outlines):
        return Picture(outlines, "pixels", None, remarks)
    remarks += [_left_out(outline.key, NEEDS_A_FRAME) for outline in in_pixels]
    rest = [outline for outline in outlines if not outline.is_in_pixels()]
    return Picture(rest, "normalised", None, remarks)


def _read_outlines(section: Any) -> tuple[list[Outline], list[str]]:
    """The zones with readable coordinates, and which others were left out."""
    outlines: list[Outline] = []
    remarks: list[str] = []
    if section is None:
        return outlines, remarks
    if not isinstance(section, dict):
        return outlines, ["The zones were left out: they must be a section with a zone under each name."]
    for key, zone in section.items():
        if not isinstance(zone, dict):
            remarks.append(_left_out(key, "it is no section with the settings of a zone."))
        elif str(zone.get("enabled")).lower() in ("false", "no", "off"):
            remarks.append(f"Zone {shown_key(key)} is switched off in Frigate and was left out.")
        else:
            try:
                points = _points(zone.get("coordinates"))
                outlines.append(Outline(key, str(zone.get("friendly_name") or key), points))
            except ValueError as error:
                remarks.append(_left_out(key, str(error)))
    return outlines, remarks


def _left_out(key: str, why: str) -> str:
    return f"Zone {shown_key(key)} was left out: {why}"


def _points(coordinates: Any) -> list[Point]:
    """The points of a text, of a list of texts or numbers, or of a list of pairs. Raises ValueError."""
    if coordinates is None:
        raise ValueError("it has no coordinates.")
    numbers: list[float] = []
    for part in _parts(coordinates):
        text = part.strip() if isinstance(part, str) else "" if isinstance(part, bool) else str(part)
        number = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not math.isfinite(number):  # 1e999 too
            raise ValueError("its coordinates must be numbers with commas between: x,y,x,y,….")
        numbers.append(number)
    if len(numbers) % 2:
        raise ValueError(f"it has {len(numbers)} numbers: an x has no y.")
    if len(numbers) < 6:
        raise ValueError(f"it has {len(numbers) // 2} points; a zone needs at least three.")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _parts(coordinates: Any) -> list[Any]:
    if isinstance(coordinates, str):
        return coordinates.strip().removesuffix(",").split(",")
    if isinstance(coordinates, list):
        return [
            part for entry in coordinates for part in (_parts(entry) if isinstance(entry, str | list) else [entry])
        ]
    return [coordinates]


def _feature(outline: Outline, units: str) -> dict[str, Any]:
    ring = [[_near(x, units), _near(y, units)] for x, y in outline.points]
    identity = {"id": outline.key} if _ID.fullmatch(outline.key) else {}
    return {
        "type": "Feature",
        **identity,
        "properties": {"name": outline.name},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def _near(value: float, units: str) -> float:
    if units == "pixels":
        return max(value, 0.0) if value > -1 else value
    value = round(value, PLACES)
    return min(max(value, 0.0), 1.0) if -OUTSIDE <= value <= 1 + OUTSIDE else value


def write(zone_config: Mapping[str, Any]) -> WrittenZones:
    """The zones as Frigate can hold them: the areas, without their holes.

    It takes whole pixels only, and takes a zone's for parts of the picture unless one of them is above 1.
    """
    frame = zone_config.get("frame")
    in_pixels = zone_config["units"] == "pixels" and not frame
    sides = (frame["width"], frame["height"]) if zone_config["units"] == "pixels" and frame else (1, 1)
    zones, left_out = {}, []
    for feature in zone_config["features"]:
        if feature["geometry"]["type"] != "Polygon" or feature["properties"].get("kind") == "exclusion":
            continue
        outline = feature["geometry"]["coordinates"][0]
        ring = [_rounded(point, sides, 0 if in_pixels else PLACES) for point in outline]
        if not _is_outline(ring) or (in_pixels and max(map(max, ring)) <= 1):
            left_out.append(feature["id"])
        else:
            zones[feature["id"]] = _zone(feature, ring)
    return WrittenZones(zones, dict(frame) if frame else None, left_out)


def _rounded(point: list[float], sides: tuple[int, int], places: int) -> list[float]:
    return [round(value / side, places) for value, side in zip(point, sides, strict=True)]


def _zone(feature: Mapping[str, Any], ring: list[list[float]]) -> dict[str, Any]:
    name = feature["properties"]["name"]
    named = {"friendly_name": name} if name != feature["id"] else {}
    numbers = [_text(value) for point in ring[:-1] for value in point]
    return {**named, "coordinates": ",".join(numbers)}


def _is_outline(ring: list[list[float]]) -> bool:
    """Whether rounding has left an outline."""
    try:
        geometry.canonical_zones({"type": "Polygon", "coordinates": [ring], "units": "pixels"})
    except geometry.InvalidZones:
        return False
    return True


def _text(value: float) -> str:
    return f"{value:.{PLACES}f}".rstrip("0").rstrip(".") or "0"
