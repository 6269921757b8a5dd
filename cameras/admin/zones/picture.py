"""The zones of a camera as a picture, for people who may see and not change them."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from cameras.admin.json_text import preformatted
from cameras.admin.zones.editor import TEXTS

WIDTH = 1600
USUAL_FRAMES = ((640, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
# A frame of 100,000 by 1 is allowed, and nobody could see it.
MOST_OBLONG = 5
# Of zones without a colour of their own, in their order; the editor gives them the same.
COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#dc2626", "#0891b2", "#ca8a04", "#db2777")


def zone_picture(zone_config: dict[str, Any], *, with_json: bool = True) -> SafeString:
    """The stored zones as SVG, with their names next to it, and their JSON below unless it is not wanted."""
    across, down, aspect = _extent(zone_config)
    scale = WIDTH / across, WIDTH / aspect / down
    context = {
        "width": WIDTH,
        "height": round(WIDTH / aspect),
        "zones": [
            _shown(feature, scale, COLOURS[place % len(COLOURS)])
            for place, feature in enumerate(zone_config.get("features", []))
        ],
        "json": preformatted(zone_config) if with_json else "",
    }
    return render_to_string("admin/cameras/zone_picture.html", context)


def _extent(zone_config: dict[str, Any]) -> tuple[float, float, float]:
    """How far the picture goes across and down in its own units, and its aspect."""
    frame = tuple(zone_config.get("frame", {}).values())
    if zone_config.get("units") == "pixels":
        places = [place for feature in zone_config["features"] for ring in _rings(feature) for place in ring]
        right, bottom = (max([1, *column]) for column in zip(*places, strict=True)) if places else (1, 1)
        fitting = (usual for usual in USUAL_FRAMES if usual[0] >= right and usual[1] >= bottom)
        across, down = frame or next(fitting, (right, bottom))
        aspect = across / down
    else:
        across, down = 1, 1
        aspect = frame[0] / frame[1] if frame else 16 / 9
    return across, down, min(max(aspect, 1 / MOST_OBLONG), MOST_OBLONG)


def _rings(feature: dict[str, Any]) -> list[list[list[float]]]:
    geometry = feature["geometry"]
    rings: list[list[list[float]]] = geometry["coordinates"]
    return rings if geometry["type"] == "Polygon" else [geometry["coordinates"]]


def _shown(feature: dict[str, Any], scale: tuple[float, float], colour: str) -> dict[str, Any]:
    properties = feature["properties"]
    paths = (" L".join(f"{x * scale[0]:.1f} {y * scale[1]:.1f}" for x, y in ring) for ring in _rings(feature))
    return {
        "name": properties["name"],
        "kind": properties["kind"],
        "kind_in_words": TEXTS[properties["kind"]],
        "colour": properties.get("color", colour),
        "capacity": properties.get("capacity"),
        "path": " ".join(f"M{path}" for path in paths),
    }
