"""The zone editor in the hands of a test."""

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from cameras.models import Camera

SQUARE = {
    "type": "Feature",
    "id": "door",
    "properties": {"name": "Door", "color": "#1565c0", "capacity": 4},
    "geometry": {"type": "Polygon", "coordinates": [[[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]]},
}
LINE_IN_PIXELS = {"type": "LineString", "coordinates": [[192, 108], [1920, 540]]}


def collection(*features: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **members}


class Editor:
    """The editor on a camera's page; places are fractions of the picture."""

    def __init__(self, page: Page, camera: Camera) -> None:
        self.page, self.camera = page, camera
        page.goto(f"/admin/cameras/camera/{camera.pk}/change/#zones")
        self.find()

    def find(self) -> None:
        self.picture = self.page.get_by_role("application")
        self.verdict = self.page.locator("[data-ze=verdict]")
        expect(self.verdict).to_contain_text("zones", ignore_case=True)
        self.picture.scroll_into_view_if_needed()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def spot(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator(".ze-border").bounding_box()
        assert box
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def click(self, *places: tuple[float, float]) -> None:
        for place in places:
            self.page.mouse.click(*self.spot(*place))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.spot(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.spot(*end), steps=3)
        self.page.mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def shape(self, name: str) -> Locator:
        return self.picture.get_by_role("button", name=f"{name},")

    def point(self, number: int) -> Locator:
        return self.picture.get_by_role("button", name=f"Point {number} of")

    def typed(self) -> list[dict[str, Any]]:
        """The features that the form would send."""
        return json.loads(self.page.locator("#id_zone_config").input_value())["features"]

    def ring(self, zone: int = 0) -> list[list[float]]:
        """The points of a zone as they stand in the textarea, a ring without its closing point."""
        geometry = self.typed()[zone]["geometry"]
        return geometry["coordinates"][0][:-1] if geometry["type"] == "Polygon" else geometry["coordinates"]

    def save(self) -> dict[str, Any]:
        expect(self.verdict).to_contain_text("Valid")
        self.page.get_by_role("button", name="Save and continue editing").click()
        expect(self.page.get_by_text("was changed successfully")).to_be_visible()
        self.page.reload()
        self.find()
        return Camera.objects.get(pk=self.camera.pk).zone_config


def near(places: list[list[float]]) -> Any:
    return [pytest.approx(place, abs=0.01) for place in places]
