"""Zones: which GeoJSON is accepted as a camera's `zone_config`, and the one form in which it is stored.

This module owns every rule about a zone: geometry, id, properties, limits. It is pure: parsed JSON, however
hostile, goes in, plain dicts and lists come out.

GeoJSON is RFC 7946; a valid polygon is that of OGC Simple Features (06-103r4, 6.1.11) as GEOS decides it.
One thing is ours: a coordinate is a place in the picture, from its top left corner; `units` says in what.
"""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from itertools import chain, count, groupby
from typing import Any, Final

import shapely

from cameras.redaction import redact_text

MAX_ZONES: Final = 100
MAX_POINTS: Final = 500
MAX_ID: Final = 64
MAX_NAME: Final = 100
MAX_CAPACITY: Final = 1_000_000
MAX_COORDINATE: Final = 1_000_000
MAX_FRAME_SIDE: Final = 100_000
MAX_PROBLEMS: Final = 20
# By as much editors round past the border of the picture, and Frigate lets them.
OVERSHOOT: Final = 0.01
# A last point that is this near to the first one is it. (The difference of two numbers is not exact to the bit.)
NEAR: Final = 1.000001e-9

KINDS: Final = {"Polygon": ("area", "exclusion"), "LineString": ("line",)}  # the first is the default

_RULES = {
    "name": f"a name is a text of 1 to {MAX_NAME} characters without control characters",
    "id": f"an id is 1 to {MAX_ID} of A-Z a-z 0-9 _ - and starts with a letter or a digit",
    "color": "a color is #rgb or #rrggbb; an alpha after it is dropped",
    "capacity": f"a capacity is a whole number from 1 to {MAX_CAPACITY:,}",
}
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_ID - 1}}}")
_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
# Control characters, line separators, lone surrogates, and bidi controls, which let a name pose as another.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_GEOS_REASONS = {
    "Self-intersection": "its edges cross or overlap",
    "Ring Self-intersection": "its outline touches itself",
    "Hole lies outside shell": "a hole lies outside its outline",
    "Holes are nested": "a hole lies inside another hole",
    "Interior is disconnected": "its holes cut it into pieces",
}


@dataclass(frozen=True, slots=True)
class ZoneProblem:
    """One fault: `path` leads to it in the input ("" is all of it), `detail` says in words what to do."""

    path: str
    detail: str


class InvalidZones(ValueError):
    """The value is no acceptable `zone_config`; `problems` are its faults, the first MAX_PROBLEMS of them."""

    def __init__(self, problems: tuple[ZoneProblem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return " ".join(problem.detail for problem in self.problems)


@dataclass(slots=True)
class _Zone:
    """A Feature in the making, and where its faults are collected."""

    number: int
    faults: list[ZoneProblem]
    known: dict[str, Any] = field(default_factory=dict)  # its properties, and the id that was given
    id: str = ""
    id_path: str = ""
    stem: str = ""  # what an id is made from when none was given
    shape: str = ""
    path: str = ""  # of its coordinates
    raw: object = None  # its coordinates as sent
    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # rings or line, by path

    def refuse(self, path: str, reason: str) -> None:
        title = self.known.get("name") or self.known.get("id")
        # People paste anything into a name, and a refusal is shown and logged.
        label = f'Zone {self.number} ("{redact_text(str(title))}")' if title else f"Zone {self.number}"
        self.faults.append(ZoneProblem(path, f"{label}: {reason}."))


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
        _read_lines(zone)
    units = units or _units_of(zones, frame, faults)
    for zone in zones:
        _check_lines(zone, units, frame)
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


def _units_of(zones: list[_Zone], frame: dict[str, int] | None, faults: list[ZoneProblem]) -> str:
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


def _read_zones(value: object, faults: list[ZoneProblem]) -> list[_Zone]:
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
    zones: list[_Zone] = []
    number = 1
    for at, geometry_at, feature in members:
        made = _read_feature(feature, at, at + geometry_at, _Zone(number, faults))
        zones += made
        number += len(made) or 1
    if number > MAX_ZONES + 1:
        faults.insert(0, ZoneProblem("", f"A camera has {MAX_ZONES} zones at the most; send fewer."))
        return []
    return zones


def _read_feature(feature: object, at: str, geometry_at: str, zone: _Zone) -> list[_Zone]:
    """Return the zones of one Feature (RFC 7946, 3.2): several for a MultiPolygon, none if it is refused."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        zone.refuse(at[:-1], "it is not a GeoJSON Feature; wrap its geometry in one")
        return []
    properties = {} if feature.get("properties") is None else feature["properties"]
    if not isinstance(properties, dict):
        zone.refuse(f"{at}properties", "its properties are not an object")
        properties = {}
    zone.id_path = f"{at}properties.id" if feature.get("id") is None else f"{at}id"
    for member, rule in _RULES.items():
        path = zone.id_path if member == "id" else f"{at}properties.{member}"
        sent = feature["id"] if path == f"{at}id" else properties.get(member)
        accepted = _read_property(member, sent)
        if accepted is not None:
            zone.known[member] = accepted
        elif sent is not None:
            zone.refuse(path, rule)
    zone.shape, parts = _read_geometry(feature.get("geometry"), geometry_at, zone)
    kind, kinds = properties.get("kind"), KINDS.get(zone.shape, ())
    if parts and kind is not None and kind not in kinds:
        zone.refuse(f"{at}properties.kind", f"the kind of a {zone.shape} is {' or '.join(kinds)}")
    zone.stem = zone.known.get("id") or _slug(zone.known.get("name", ""))
    zones = []
    for part, (path, raw) in enumerate(parts.items()):
        known = {**zone.known, "kind": kind or kinds[0]}
        if part and "name" in known:
            known["name"] = f"{known['name'][: MAX_NAME - 4]} {part + 1}"  # 4: room for " 100"
        own_id = "" if part else known.get("id", "")
        zones.append(replace(zone, number=zone.number + part, known=known, id=own_id, path=path, raw=raw))
    return zones


def _read_property(member: str, value: object) -> str | int | None:
    """Return the value as it is stored, or None if it breaks the rule."""
    match member, value:
        case "name", str() if 1 <= len(name := value.strip()) <= MAX_NAME and not _UNPRINTABLE.search(name):
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


def _read_geometry(geometry: object, at: str, zone: _Zone) -> tuple[str, dict[str, object]]:
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


def _assign_ids(zones: list[_Zone]) -> None:
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


def _read_lines(zone: _Zone) -> None:
    """Fill the zone's lines (RFC 7946, 3.1); leave them empty if anything in the coordinates is refused."""
    closes = zone.shape == "Polygon"
    rings = zone.raw if closes else [zone.raw]
    if not isinstance(rings, list) or not rings or not all(isinstance(ring, list) and ring for ring in rings):
        form = "rings, [[[x, y], ...], ...]" if closes else "points, [[x, y], ...]"
        return zone.refuse(zone.path, f"the coordinates of a {zone.shape} are a list of {form}")
    zone.lines, points, faults_before = {}, 0, len(zone.faults)
    for index, ring in enumerate(rings):
        path = f"{zone.path}[{index}]" if closes else zone.path
        line = zone.lines[path] = []
        for place, point in enumerate(ring[: MAX_POINTS + 2]):  # enough to see that there are too many
            numbers: list[Any] = point if isinstance(point, list) and len(point) in (2, 3) else [None]
            pair = numbers[:2]  # what follows is an altitude (RFC 7946, 3.1.1)
            if all(type(number) in (int, float) for number in numbers) and all(
                0 <= number <= MAX_COORDINATE for number in pair
            ):
                line.append((abs(pair[0]), abs(pair[1])))  # -0.0 passes as 0, and must not keep its sign
            else:
                reason = f"point {place + 1} is not [x, y], two numbers from 0 to {MAX_COORDINATE:,}"
                zone.refuse(f"{path}[{place}]", reason)
        points += len(ring) - (closes and 1 < len(ring) == len(line) and _is_near(line[0], line[-1]))
        if points > MAX_POINTS:
            zone.refuse(zone.path, f"it has more than {MAX_POINTS} points; draw it with fewer")
            break
    if len(zone.faults) > faults_before:
        zone.lines = {}


def _check_lines(zone: _Zone, units: str, frame: dict[str, int] | None) -> None:
    """Tidy the lines; refuse what lies outside the picture, is no line, or is no valid polygon."""
    width, height = frame.values() if frame else (MAX_COORDINATE, MAX_COORDINATE)
    beyond = 0.0
    if units == "normalised":
        width = height = 1
        beyond = OVERSHOOT
    closes = zone.shape == "Polygon"
    for path, line in zone.lines.items():
        for place, (x, y) in enumerate(line):
            if x > width + beyond or y > height + beyond:
                reason = f"point {place + 1} ({x}, {y}) is outside the {width} by {height} picture ({units})"
                zone.refuse(f"{path}[{place}]", reason)
                break
        if units == "normalised":
            line[:] = [(min(x, 1), min(y, 1)) for x, y in line]
        line[:] = [point for point, _ in groupby(line)]
        if closes:
            while len(line) > 1 and _is_near(line[0], line[-1]):
                line.pop()
            line.append(line[0])
        if len(set(line)) < 2 + closes:
            return zone.refuse(path, f"it needs at least {'three' if closes else 'two'} different points")
        hull = shapely.convex_hull(shapely.LineString(line))
        # Rounding lifts points off their common line, as (0.1, 0.3) (0.2, 0.6) (0.3, 0.9): still no area.
        if closes and hull.area <= 1e-12 * hull.length**2:
            return zone.refuse(path, "it has no area: its points lie on one line; move one")
    if closes and zone.lines:
        outline, *holes = zone.lines.values()
        reason, _, place = shapely.is_valid_reason(shapely.Polygon(outline, holes)).partition("[")
        if reason != "Valid Geometry":
            where = ", ".join(f"{float(number):.6g}" for number in place.rstrip("]").split())
            why = _GEOS_REASONS.get(reason, "it is no valid polygon")
            zone.refuse(zone.path, f"{why} at ({where}); redraw it there")


def _is_near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) <= NEAR and abs(one[1] - other[1]) <= NEAR


def _feature(zone: _Zone) -> dict[str, object]:
    lines = [[list(point) for point in line] for line in zone.lines.values()]
    geometry = {"type": zone.shape, "coordinates": lines if zone.shape == "Polygon" else lines[0]}
    properties = {"name": zone.id} | {member: known for member, known in zone.known.items() if member != "id"}
    return {"type": "Feature", "id": zone.id, "properties": properties, "geometry": geometry}


EMPTY: Final = canonical_zones({})  # to compare with; a fresh one comes from canonical_zones({})
