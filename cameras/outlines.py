"""The outline of a zone: which points it may have, and which of them make a line or a valid polygon. Pure.

A valid polygon is that of OGC Simple Features (06-103r4, 6.1.11) as GEOS decides it. The draft of a zone collects
what is refused.
"""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import shapely

from cameras.redaction import redact_text

MAX_POINTS: Final = 500
MAX_COORDINATE: Final = 1_000_000
# By as much editors round past the border of the picture, and Frigate lets them.
OVERSHOOT: Final = 0.01
# A last point that is this near to the first one is it. (The difference of two numbers is not exact to the bit.)
NEAR: Final = 1.000001e-9

Point = tuple[float, float]

_GEOS_REASONS = {
    "Self-intersection": "its edges cross or overlap",
    "Ring Self-intersection": "its outline touches itself",
    "Hole lies outside shell": "a hole lies outside its outline",
    "Holes are nested": "a hole lies inside another hole",
    "Interior is disconnected": "its holes cut it into pieces",
}


@dataclass(frozen=True, slots=True)
class ZoneProblem:
    """One fault: `path` leads to it in the input ("" is all of it), `detail` tells a person what to do."""

    path: str
    detail: str


@dataclass(slots=True)
class ZoneDraft:
    """A Feature in the making, and how to tell what is wrong with it."""

    number: int
    faults: list[ZoneProblem]
    known: dict[str, Any] = field(default_factory=dict)  # its properties, and the id that was given
    id: str = ""
    id_path: str = ""
    stem: str = ""  # what an id is made from when none was given
    shape: str = ""
    path: str = ""  # of its coordinates
    raw: object = None  # its coordinates as sent
    lines: dict[str, list[Point]] = field(default_factory=dict)  # rings or line, by path

    def refuse(self, path: str, reason: str) -> None:
        title = self.known.get("name") or self.known.get("id")
        # People paste anything into a name, and a refusal is shown and logged.
        label = f'Zone {self.number} ("{redact_text(str(title))}")' if title else f"Zone {self.number}"
        self.faults.append(ZoneProblem(path, f"{label}: {reason}."))


# --- Reading ----------------------------------------------------------------------------------------------


def read_lines(zone: ZoneDraft) -> None:
    """Fill the zone's lines (RFC 7946, 3.1); leave them empty if anything in the coordinates is refused."""
    closes = zone.shape == "Polygon"
    rings = zone.raw if closes else [zone.raw]
    if not isinstance(rings, list) or not rings or not all(isinstance(ring, list) and ring for ring in rings):
        form = "rings, [[[x, y], ...], ...]" if closes else "points, [[x, y], ...]"
        return zone.refuse(zone.path, f"the coordinates of a {zone.shape} are a list of {form}")
    lines: dict[str, list[Point]] = {}
    count, faults_before = 0, len(zone.faults)
    for index, ring in enumerate(rings):
        path = f"{zone.path}[{index}]" if closes else zone.path
        line = lines[path] = _read_line(zone, path, ring)
        is_closed = closes and 1 < len(ring) == len(line) and _is_near(line[0], line[-1])
        count += len(ring) - is_closed
        if count > MAX_POINTS:
            zone.refuse(zone.path, f"it has more than {MAX_POINTS} points; draw it with fewer")
            break
    zone.lines = {} if len(zone.faults) > faults_before else lines


def _read_line(zone: ZoneDraft, path: str, ring: list[Any]) -> list[Point]:
    """Return the points, but for those that are refused."""
    line = []
    for place, sent in enumerate(ring[: MAX_POINTS + 2]):  # enough to see that there are too many
        point = _read_point(sent)
        if point:
            line.append(point)
        else:
            reason = f"point {place + 1} is not [x, y], two numbers from 0 to {MAX_COORDINATE:,}"
            zone.refuse(f"{path}[{place}]", reason)
    return line


def _read_point(sent: object) -> Point | None:
    """Return x and y; what follows is an altitude (RFC 7946, 3.1.1)."""
    if not isinstance(sent, list) or len(sent) not in (2, 3):
        return None
    if not all(type(number) in (int, float) for number in sent):
        return None
    x, y = sent[:2]
    if not (0 <= x <= MAX_COORDINATE and 0 <= y <= MAX_COORDINATE):
        return None
    return abs(x), abs(y)  # -0.0 passes as 0, and must not keep its sign


# --- Checking ---------------------------------------------------------------------------------------------


def check_lines(zone: ZoneDraft, units: str, frame: dict[str, int] | None) -> None:
    """Tidy the lines; refuse what lies outside the picture, is no line, or is no valid polygon."""
    closes = zone.shape == "Polygon"
    for path, line in zone.lines.items():
        _check_inside(zone, path, line, units, frame)
        line[:] = _tidied(line, closes=closes, is_clamped=units == "normalised")
        if len(set(line)) < 2 + closes:
            return zone.refuse(path, f"it needs at least {'three' if closes else 'two'} different points")
        hull = shapely.convex_hull(shapely.LineString(line))
        # Rounding lifts points off their common line, as (0.1, 0.3) (0.2, 0.6) (0.3, 0.9): still no area.
        if closes and hull.area <= 1e-12 * hull.length**2:
            return zone.refuse(path, "it has no area: its points lie on one line; move one")
    if closes and zone.lines:
        _check_polygon(zone)


def _check_inside(zone: ZoneDraft, path: str, line: list[Point], units: str, frame: dict[str, int] | None) -> None:
    """Refuse the first point that lies outside the picture."""
    width, height = frame.values() if frame else (MAX_COORDINATE, MAX_COORDINATE)
    beyond = 0.0
    if units == "normalised":
        width = height = 1
        beyond = OVERSHOOT
    for place, (x, y) in enumerate(line):
        if x > width + beyond or y > height + beyond:
            reason = f"point {place + 1} ({x}, {y}) is outside the {width} by {height} picture ({units})"
            return zone.refuse(f"{path}[{place}]", reason)


def _tidied(line: list[Point], *, closes: bool, is_clamped: bool) -> list[Point]:
    """Return the points without repetitions in a row: at most 1 where they are clamped, a ring closed."""
    points = [(min(x, 1), min(y, 1)) for x, y in line] if is_clamped else line
    tidied = [point for point, _ in groupby(points)]
    if closes:
        while len(tidied) > 1 and _is_near(tidied[0], tidied[-1]):
            tidied.pop()
        tidied.append(tidied[0])
    return tidied


def _check_polygon(zone: ZoneDraft) -> None:
    outline, *holes = zone.lines.values()
    reason, _, place = shapely.is_valid_reason(shapely.Polygon(outline, holes)).partition("[")
    if reason != "Valid Geometry":
        where = ", ".join(f"{float(number):.6g}" for number in place.rstrip("]").split())
        why = _GEOS_REASONS.get(reason, "it is no valid polygon")
        zone.refuse(zone.path, f"{why} at ({where}); redraw it there")


def _is_near(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) <= NEAR and abs(one[1] - other[1]) <= NEAR
