"""The zones of a camera as a picture: shapes at their places, whatever the units; names that cannot harm."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders

from cameras.admin.zones.picture import COLOURS, zone_picture
from cameras.geometry import canonical_zones


def zones(*shapes: dict[str, Any], **picture: Any) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "properties": {"name": f"Zone {number}"} | shape.pop("properties", {}),
            "geometry": shape,
        }
        for number, shape in enumerate(shapes, 1)
    ]
    return canonical_zones({"type": "FeatureCollection", "features": features, **picture})


def polygon(*rings: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings), "properties": properties}


def line(*places: Any) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": list(places)}


@pytest.mark.parametrize(
    ("config", "box", "path"),
    [
        (zones(line([0, 0.5], [1, 1])), "1600 900", "M0.0 450.0 L1600.0 900.0"),
        (zones(line([0, 0], [1, 1]), frame={"width": 4, "height": 3}), "1600 1200", "M0.0 0.0 L1600.0 1200.0"),
        (zones(line([0, 0], [1, 1]), frame={"width": 9, "height": 1}), "1600 320", "M0.0 0.0 L1600.0 320.0"),
        (
            zones(line([0, 0], [400, 300]), frame={"width": 800, "height": 600}),
            "1600 1200",
            "M0.0 0.0 L800.0 600.0",
        ),
        (
            zones(line([0, 0], [1000, 360]), units="pixels"),
            "1600 900",
            "M0.0 0.0 L1250.0 450.0",
        ),  # fits 1280 by 720
        (
            zones(line([0, 0], [5000, 2500]), units="pixels"),
            "1600 800",
            "M0.0 0.0 L1600.0 800.0",
        ),  # fits no usual frame
        (
            zones(polygon([[0, 0], [1, 0], [1, 1]], [[0.5, 0.25], [0.75, 0.25], [0.75, 0.5]])),
            "1600 900",
            "M0.0 0.0 L1600.0 0.0 L1600.0 900.0 L0.0 0.0 M800.0 225.0 L1200.0 225.0 L1200.0 450.0 L800.0 225.0",
        ),
    ],
)
def test_shapes_stand_at_their_places(config: dict[str, Any], box: str, path: str) -> None:
    picture = zone_picture(config)

    assert f'viewBox="0 0 {box}"' in picture
    assert f'd="{path}"' in picture


def test_names_kinds_capacities_and_colours_are_shown() -> None:
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    hall = polygon(square, name="<script>alert(1)</script>", color="#16a34a", capacity=12)
    hedge = polygon(square, kind="exclusion")

    picture = zone_picture(zones(hall, hedge))

    assert "<script" not in picture
    assert (
        picture.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    )  # as a title, beside the picture, in the JSON
    assert [part[:7] for part in picture.split('color="')[1:]] == [
        "#16a34a",
        "#ea580c",
    ] * 2  # in the picture, beside it
    assert "Area, capacity 12" in picture
    assert "Exclusion" in picture


@pytest.mark.parametrize("units", ["normalised", "pixels"])
def test_where_there_are_no_zones_it_says_what_that_means(units: str) -> None:
    picture = zone_picture(zones(units=units))

    assert "the whole picture counts" in picture
    assert "<svg" not in picture


def test_zones_without_a_colour_have_the_same_in_the_picture_and_in_the_editor() -> None:
    script = Path(finders.find("cameras/zone_editor/drawing.js")).read_text()

    declared = re.search(r"const COLOURS = \[(.*?)\]", script)

    assert declared
    assert tuple(re.findall(r'"(.*?)"', declared[1])) == COLOURS
