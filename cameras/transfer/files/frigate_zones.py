"""Zones in Frigate's notations: `x,y,x,y` as a text or a list, in parts of the picture or, before 0.14, in pixels.

Pure: must not import Django or models.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cameras.transfer.files.rows import Fault, shown_key

# Frigate's editor rounds to three places and lets a point fall just outside.
OUTSIDE = 0.01
PLACES = 6
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

Point = tuple[float, float]


class Frame(NamedTuple):
    width: int
    height: int


class Zones(NamedTuple):
    """A `zone_config` that the rule for zones has yet to see."""

    zone_config: dict[str, Any]
    faults: list[Fault]
    remarks: list[str]


def frame_of(detect: Any) -> Frame | None:
    """The size of the picture by a section `detect`, where it names both sides."""
    match detect:
        case {"width": int(width), "height": int(height)} if width > 1 and height > 1:
            return Frame(width, height)
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


def read(section: Any, frame: Frame | None) -> Zones:
    """The zones of a section `zones`, for a picture of the size `frame` where that is known."""
    outlines, faults, remarks = _read_outlines(section)
    in_pixels = [outline for outline in outlines if outline.is_in_pixels()]
    if frame and not all(outline.lies_within(frame) for outline in in_pixels):
        remarks.append(f"Zones lie outside the {frame.width} by {frame.height} pixels of detect: kept in pixels.")
        frame = None
    units = "pixels" if in_pixels and not frame else "normalised"
    if frame:
        outlines = [outline.in_parts_of(frame) if outline.is_in_pixels() else outline for outline in outlines]
    elif len(in_pixels) < len(outlines):
        faults += _needing_a_frame(in_pixels)
    zone_config: dict[str, Any] = {
        "type": "FeatureCollection",
        "units": units,
        "features": [_feature(outline, units) for outline in outlines],
    }
    if frame:
        zone_config["frame"] = frame._asdict()
    return Zones(zone_config, faults, remarks)


def _read_outlines(section: Any) -> tuple[list[Outline], list[Fault], list[str]]:
    """The zones with readable coordinates, what is wrong with the others, and what was left out."""
    outlines: list[Outline] = []
    faults: list[Fault] = []
    remarks: list[str] = []
    if section is None:
        return outlines, faults, remarks
    if not isinstance(section, dict):
        return outlines, [Fault("zones", "Must be a section with a zone under each name.")], remarks
    for key, zone in section.items():
        path = f"zones.{key}" if _ID.fullmatch(key) else f"zones.{shown_key(key)}"
        if not isinstance(zone, dict):
            faults.append(Fault(path, "Is no section with the settings of a zone."))
        elif str(zone.get("enabled")).lower() in ("false", "no", "off"):
            remarks.append(f"Zone {shown_key(key)} is switched off in Frigate and was left out.")
        else:
            try:
                points = _points(zone.get("coordinates"))
                outlines.append(Outline(key, str(zone.get("friendly_name") or key), points))
            except ValueError as error:
                faults.append(Fault(f"{path}.coordinates", str(error)))
    return outlines, faults, remarks


def _needing_a_frame(outlines: list[Outline]) -> list[Fault]:
    """Beside zones in parts of the picture, those in pixels say nothing without the picture's size."""
    detail = "Is in pixels: the width and height under detect that it was drawn for are needed."
    return [Fault(f"zones.{key}.coordinates", detail) for key in sorted(outline.key for outline in outlines)]


def _points(coordinates: Any) -> list[Point]:
    """The points of a text, of a list of texts or numbers, or of a list of pairs. Raises ValueError."""
    if coordinates is None:
        raise ValueError("Is required.")
    numbers: list[float] = []
    for part in _parts(coordinates):
        text = part.strip() if isinstance(part, str) else "" if isinstance(part, bool) else str(part)
        if not _NUMBER.fullmatch(text):
            raise ValueError("Must be numbers with commas between: x,y,x,y,….")
        numbers.append(float(text))
    if len(numbers) % 2:
        raise ValueError(f"Has {len(numbers)} numbers: an x has no y.")
    if len(numbers) < 6:
        raise ValueError(f"Has {len(numbers) // 2} points; a zone needs at least three.")
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


def write(zone_config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int] | None]:
    """The section `zones` with what Frigate can hold of them, and the section `detect` where one is needed."""
    frame = zone_config.get("frame")
    pixels = zone_config["units"] == "pixels"
    sides = (frame["width"], frame["height"]) if pixels and frame else (1, 1)
    zones = {}
    for feature in zone_config["features"]:
        if feature["geometry"]["type"] != "Polygon" or feature["properties"].get("kind") == "exclusion":
            continue
        ring = feature["geometry"]["coordinates"][0][:-1]
        numbers = [_text(value / side) for point in ring for value, side in zip(point, sides, strict=True)]
        name = feature["properties"]["name"]
        named = {"friendly_name": name} if name != feature["id"] else {}
        zones[feature["id"]] = {**named, "coordinates": ",".join(numbers)}
    return zones, dict(frame) if frame else None


def _text(value: float) -> str:
    return f"{value:.{PLACES}f}".rstrip("0").rstrip(".") or "0"
