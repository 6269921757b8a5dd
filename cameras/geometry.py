"""Zones: which GeoJSON is accepted as a camera's `zone_config`, and the one form in which it is stored.

This module and `outlines`, which knows points, own every rule about a zone: geometry, id, properties, limits.
They are pure: parsed JSON, however hostile, goes in, plain dicts and lists come out.

GeoJSON is RFC 7946; a valid polygon is that of OGC Simple Features (06-103r4, 6.1.11) as GEOS decides it.
One thing is ours: a coordinate is a place in the picture, from its top left corner; `units` says in what.
"""

import re
import unicodedata
from dataclasses import replace
from itertools import chain, count
from typing import Any, Final

from cameras import names
from cameras.outlines import OVERSHOOT, ZoneDraft, ZoneProblem, check_lines, read_lines

MAX_ZONES: Final = 100
MAX_ID: Final = 64
MAX_NAME: Final = 100
MAX_CAPACITY: Final = 1_000_000
MAX_FRAME_SIDE: Final = 100_000
MAX_PROBLEMS: Final = 20

KINDS: Final = {"Polygon": ("area", "exclusion"), "LineString": ("line",)}  # the first is the default

_RULES = {
    "name": f"a name is a text of 1 to {MAX_NAME} characters, not all invisible, without control characters",
    "id": f"an id is 1 to {MAX_ID} of A-Z a-z 0-9 _ - and starts with a letter or a digit",
    "color": "a color is #rgb or #rrggbb; an alpha after it is dropped",
    "capacity": f"a capacity is a whole number from 1 to {MAX_CAPACITY:,}",
}
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_ID - 1}}}")
_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
# Control characters, line separators, lone surrogates, and bidi controls, which let a name pose as another.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class InvalidZones(ValueError):
    """The value is no acceptable `zone_config`; `problems` are its faults, the first MAX_PROBLEMS of them."""

    def __init__(self, problems: tuple[ZoneProblem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return " ".join(problem.detail for problem in self.problems)


def canonical_zones(value: object) -> dict[str, object]:
    """Return the one stored form of a `zone_config`: a FeatureCollection of Polygons and LineStrings.

    The result shares nothing with `value` and is a fixed point of this function. Numbers stay as sent, rings
    come out closed, a point repeated in a row comes out once, unknown members are dropped (RFC 7946, 6.1).
    Raises InvalidZones, and nothing else whatever JSON `value` is: nothing recurses, limits come before work.
    """
    faults: list[ZoneProblem] = []
    units, frame = _read_picture(value if isinstance(value, dict) else {}, faults)
    zones = _read_zones(value, faults)
    _assign_ids(zones)
    for zone in zones:
        read_lines(zone)
    units = units or _units_of(zones, frame, faults)
    for zone in zones:
        check_lines(zone, units, frame)
    if faults:
        raise InvalidZones(tuple(faults[:MAX_PROBLEMS]))
    framed = {"frame": frame} if frame else {}
    return {"type": "FeatureCollection", "units": units, **framed, "features": [*map(_feature, zones)]}


def _read_picture(value: Any, faults: list[ZoneProblem]) -> tuple[str | None, dict[str, int] | None]:
    """Return the units and the frame, None for each that is missing or refused."""
    units, frame = value.get("units"), value.get("frame")
    if units not in (None, "pixels", "normalised", "normalized"):
        faults.append(ZoneProblem("units", 'Units are "normalised" (0 to 1 from the top left) or "pixels".'))
        units = "pixels"  # so that points are not refused as well
    if frame is not None:
        sides = frame if isinstance(frame, dict) else {}
        frame = {"width": sides.get("width"), "height": sides.get("height")}
        if not all(type(side) is int and 1 <= side <= MAX_FRAME_SIDE for side in frame.values()):
            faults.append(ZoneProblem("frame", f"Frame width and height are whole, 1 to {MAX_FRAME_SIDE:,}."))
            frame = None
    return "normalised" if units == "normalized" else units, frame


def _units_of(zones: list[ZoneDraft], frame: dict[str, int] | None, faults: list[ZoneProblem]) -> str:
    """Return the units where none are given: pixels if a point lies beyond 1, which takes a frame."""
    lines = [line for zone in zones for line in zone.lines.values()]
    if all(max(point) <= 1 + OVERSHOOT for line in lines for point in line):
        return "normalised"
    if frame is None:
        detail = 'Coordinates above 1 need "units" beside the zones: "pixels", and the "frame" {"width", "height"}'
        faults.append(
            ZoneProblem("units", f"{detail} that they were drawn on. Or divide them: 1 is the whole side.")
        )
    return "pixels"


def _read_zones(value: object, faults: list[ZoneProblem]) -> list[ZoneDraft]:
    """Return the zones with their coordinates still unread; none if there are too many."""
    members: list[tuple[str, str, object]] = []  # path to a Feature, from there to its geometry, Feature
    match value:
        case {"type": "FeatureCollection", "features": list(features)}:
            members = [(f"features[{i}].", "geometry.", f) for i, f in enumerate(features[: MAX_ZONES + 1])]
        case {"type": "FeatureCollection"}:
            faults.append(ZoneProblem("features", "A FeatureCollection has a list of features, [] for none."))
        case {"type": "Feature"}:
            members = [("", "geometry.", value)]
        case {"type": str()}:
            members = [("", "", {"type": "Feature", "geometry": value})]
        case _ if value != {}:
            accepted = "a Polygon, MultiPolygon, LineString, Feature or FeatureCollection"
            faults.append(ZoneProblem("", f"Zones are {{}} (none) or GeoJSON: {accepted}."))
    zones: list[ZoneDraft] = []
    number = 1
    for at, geometry_at, feature in members:
        made = _read_feature(feature, at, at + geometry_at, ZoneDraft(number, faults))
        zones += made
        number += len(made) or 1
    if number > MAX_ZONES + 1:
        faults.insert(0, ZoneProblem("", f"A camera has {MAX_ZONES} zones at the most; send fewer."))
        return []
    return zones


def _read_feature(feature: object, at: str, geometry_at: str, zone: ZoneDraft) -> list[ZoneDraft]:
    """Return the zones of one Feature (RFC 7946, 3.2): several for a MultiPolygon, none if it is refused."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        zone.refuse(at[:-1], "it is not a GeoJSON Feature; wrap its geometry in one")
        return []
    properties = {} if feature.get("properties") is None else feature["properties"]
    if not isinstance(properties, dict):
        zone.refuse(f"{at}properties", "its properties are not an object")
        properties = {}
    _read_properties(feature, properties, at, zone)
    zone.shape, parts = _read_geometry(feature.get("geometry"), geometry_at, zone)
    kind, kinds = properties.get("kind"), KINDS.get(zone.shape, ())
    if parts and kind is not None and kind not in kinds:
        zone.refuse(f"{at}properties.kind", f"the kind of a {zone.shape} is {' or '.join(kinds)}")
    zone.stem = zone.known.get("id") or _slug(zone.known.get("name", ""))
    return [_part_of(zone, part, kind or kinds[0], path, raw) for part, (path, raw) in enumerate(parts.items())]


def _read_properties(feature: dict[str, Any], properties: dict[str, Any], at: str, zone: ZoneDraft) -> None:
    """Fill in what is known of the zone. An id stands in the Feature, or else in its properties."""
    zone.id_path = f"{at}properties.id" if feature.get("id") is None else f"{at}id"
    for member, rule in _RULES.items():
        path = zone.id_path if member == "id" else f"{at}properties.{member}"
        sent = feature["id"] if path == f"{at}id" else properties.get(member)
        accepted = _read_property(member, sent)
        if accepted is not None:
            zone.known[member] = accepted
        elif sent is not None:
            zone.refuse(path, rule)


def _part_of(zone: ZoneDraft, part: int, kind: str, path: str, raw: object) -> ZoneDraft:
    """Return one zone of a Feature; from the second on with a number in its name, and an id still to be given."""
    known = {**zone.known, "kind": kind}
    if part and "name" in known:
        known["name"] = f"{known['name'][: MAX_NAME - 4]} {part + 1}"  # 4: room for " 100"
    own_id = "" if part else known.get("id", "")
    return replace(zone, number=zone.number + part, known=known, id=own_id, path=path, raw=raw)


def _read_property(member: str, value: object) -> str | int | None:
    """Return the value as it is stored, or None if it breaks the rule."""
    match member, value:
        case "name", str() if _is_name(name := value.strip()):
            return name
        case "id", str() if _ID.fullmatch(value):
            return value
        case "id", int() if type(value) is int and 0 <= value < 10**MAX_ID:
            return str(value)
        case "color", str() if _COLOR.fullmatch(value):
            return value[: 4 if len(value) < 7 else 7].lower()
        case "capacity", int() if type(value) is int and 1 <= value <= MAX_CAPACITY:
            return value
    return None


def _is_name(text: str) -> bool:
    return len(text) <= MAX_NAME and names.is_visible(text) and not _UNPRINTABLE.search(text)


def _read_geometry(geometry: object, at: str, zone: ZoneDraft) -> tuple[str, dict[str, object]]:
    """Return the shape of the zones to make, and by path their raw coordinates; none if it is refused."""
    match geometry:
        case {"type": "Polygon" | "LineString" as shape, "coordinates": coordinates}:
            return shape, {f"{at}coordinates": coordinates}
        case {"type": "MultiPolygon", "coordinates": [_, *_] as polygons}:
            some = enumerate(polygons[: MAX_ZONES + 1])
            return "Polygon", {f"{at}coordinates[{index}]": rings for index, rings in some}
        case {"type": "Point" | "MultiPoint" | "MultiLineString" | "GeometryCollection" as refused}:
            zone.refuse(at[:-1], f"a {refused} is not accepted; send several LineStrings or Polygons")
        case _:
            zone.refuse(at[:-1], "its geometry is no Polygon, MultiPolygon or LineString with coordinates")
    return "", {}


def _assign_ids(zones: list[ZoneDraft]) -> None:
    """Give each zone an id of its own: as given, else from its name, else from its number."""
    given = [zone.id.lower() for zone in zones if zone.id]
    taken = set(given)
    for zone in sorted(zones, key=lambda zone: not zone.stem):  # so that no number takes the id of a name
        if given.count(zone.id.lower()) > 1:
            zone.refuse(zone.id_path, f'another zone has the id "{zone.id}" too; case is ignored')
        numbers = count(2 if zone.stem else zone.number)
        numbered = (f"{zone.stem[: MAX_ID - 4] or 'zone'}-{number}" for number in numbers)
        candidates = chain([zone.stem] if zone.stem else [], numbered)
        zone.id = zone.id or next(slug for slug in candidates if slug.lower() not in taken)
        taken.add(zone.id.lower())


def _slug(name: str) -> str:
    """Return what Django's slugify makes of a name: "" if nothing of it is ASCII."""
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text)).strip("-_")[:MAX_ID]


def _feature(zone: ZoneDraft) -> dict[str, object]:
    lines = [[list(point) for point in line] for line in zone.lines.values()]
    geometry = {"type": zone.shape, "coordinates": lines if zone.shape == "Polygon" else lines[0]}
    properties = {"name": zone.id} | {member: known for member, known in zone.known.items() if member != "id"}
    return {"type": "Feature", "id": zone.id, "properties": properties, "geometry": geometry}


EMPTY: Final = canonical_zones({})  # to compare with; a fresh one comes from canonical_zones({})
