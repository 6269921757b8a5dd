"""What the zone editor must not lose: the focus, the choice, places, a draft, units, and zones of many points."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cameras.models import Camera
from tests.browser.zone_drawing import LINE_IN_PIXELS, SQUARE, Editor, collection, near
from tests.cameras.admin.zones.test_editor import most_zones
from tests.factories import make_camera

pytestmark = pytest.mark.django_db(transaction=True)


def test_by_keyboard_undo_and_redo_can_be_repeated_whatever_they_take_away(administrator: Page) -> None:
    editor = Editor(administrator, make_camera())
    editor.button("Area").focus()
    editor.press("Enter", "Space", "Shift+ArrowRight", "Space", "Shift+ArrowDown", "Space", "Enter")
    expect(editor.shape("Area 1")).to_be_focused()
    editor.press("Enter", "Shift+ArrowUp")
    triangle = editor.ring()

    editor.press("Control+z", "Control+z")
    assert editor.typed() == []
    expect(editor.picture).to_be_focused()
    editor.press("Control+Shift+Z", "Control+Shift+Z")
    assert editor.ring() == triangle

    editor.button("Undo").focus()
    editor.press("Enter", "Enter")
    expect(editor.button("Undo")).to_be_disabled()
    expect(editor.picture).to_be_focused()
    editor.press("Control+Shift+Z", "Control+Shift+Z")
    assert editor.ring() == triangle

    editor.shape("Area 1").focus()
    editor.press("Enter")
    editor.point(3).focus()
    editor.press("+")
    administrator.get_by_text("Points: 4").click()
    editor.button("Delete point 4").focus()
    editor.press("Enter")
    assert editor.ring() == triangle
    expect(editor.picture).to_be_focused()
    editor.press("Control+z")
    assert len(editor.ring()) == 4


def test_the_chosen_zone_stays_chosen_when_an_undo_moves_it_in_the_list(administrator: Page) -> None:
    gate = SQUARE | {"id": "gate", "properties": {"name": "Gate"}}
    editor = Editor(administrator, make_camera(zone_config=collection(SQUARE, gate)))
    editor.shape("Door").focus()
    editor.press("Delete")
    administrator.locator(".ze-item", has_text="Gate").click()
    name = administrator.get_by_label("Zone", exact=True)

    for keys, zones in (("Control+z", 2), ("Control+Shift+Z", 1), ("Control+z", 2)):
        editor.press(keys)
        assert len(editor.typed()) == zones
        expect(name).to_have_value("Gate")
        expect(editor.shape("Gate")).to_have_attribute("aria-pressed", "true")

    administrator.locator(".ze-item", has_text="Door").click()
    editor.press("Control+Shift+Z")
    expect(name).to_be_hidden()


def test_arrows_in_the_table_of_points_move_a_point_a_little_and_never_out_of_the_picture(
    administrator: Page,
) -> None:
    fine = [[0.09, 0.123456789], [0.8, 0.9985], [0.2, 0.8]]
    zone = SQUARE | {"geometry": {"type": "Polygon", "coordinates": [fine]}}
    camera = make_camera(zone_config=collection(zone))
    editor = Editor(administrator, camera)
    administrator.locator(".ze-item").click()
    administrator.get_by_text("Points: 3").click()
    x, y = administrator.get_by_label("x of point 1"), administrator.get_by_label("y of point 2")

    x.focus()
    editor.press("ArrowUp")
    expect(x).to_have_value("0.091")
    assert editor.ring() == [[0.091, fine[0][1]], *fine[1:]]
    editor.press("Shift+ArrowDown")
    assert editor.ring()[0] == [0.081, fine[0][1]]
    y.focus()
    editor.press("ArrowUp", "ArrowUp", "ArrowUp")
    assert editor.ring()[1] == [0.8, 1]
    y.fill("0.98765432")
    editor.press("Enter")
    assert editor.ring()[1] == [0.8, 0.98765432]
    assert administrator.locator(".ze-points input:invalid").count() == 0
    expect(editor.verdict).to_have_text("Valid. Zones: 1")


def test_arrows_move_points_in_pixels_by_whole_ones(administrator: Page) -> None:
    inside = {"units": "pixels", "frame": {"width": 1920, "height": 1080}}
    line = SQUARE | {"geometry": {"type": "LineString", "coordinates": [[2, 7], [1915, 900]]}}
    editor = Editor(administrator, make_camera("Pixels", zone_config=collection(line, **inside)))
    administrator.locator(".ze-item").click()
    administrator.get_by_text("Points: 2").click()
    administrator.get_by_label("x of point 2").focus()
    editor.press("ArrowUp")
    assert editor.ring() == [[2, 7], [1916, 900]]
    editor.press("Shift+ArrowUp")
    assert editor.ring() == [[2, 7], [1920, 900]]


def test_saving_in_the_middle_of_drawing_keeps_what_is_drawn(administrator: Page) -> None:
    camera = make_camera()
    editor = Editor(administrator, camera)
    editor.button("Area").click()
    editor.click((0.25, 0.25), (0.75, 0.25), (0.75, 0.75))
    editor.button("Save and continue editing").click()

    expect(administrator.get_by_text("was changed successfully")).to_be_visible()
    (stored,) = Camera.objects.get().zone_config["features"]
    assert stored["properties"]["name"] == "Area 1"


def test_what_is_too_little_to_be_a_zone_is_not_dropped_by_saving(administrator: Page) -> None:
    camera = make_camera()
    editor = Editor(administrator, camera)
    editor.button("Area").click()
    editor.click((0.25, 0.25), (0.75, 0.25))
    fault = administrator.get_by_text("Not saved: Area needs 3 points at least")
    editor.button("Save and continue editing").click()
    expect(fault).to_be_in_viewport()
    expect(editor.picture).to_be_focused()
    editor.press("Space")
    expect(fault).to_be_hidden()
    editor.press("Delete")

    administrator.get_by_role("link", name="Settings").click()
    administrator.locator("#id_name").fill("Yard")
    editor.button("Save and continue editing").click()
    expect(fault).to_be_in_viewport()
    expect(editor.picture).to_be_focused()
    assert Camera.objects.get().name == "Gate"

    editor.click((0.75, 0.75))
    editor.button("Save and continue editing").click()
    expect(administrator.get_by_text("was changed successfully")).to_be_visible()
    stored = Camera.objects.get()
    assert stored.name == "Yard"
    assert stored.zone_config["features"][0]["geometry"]["coordinates"][0][:-1] == near(
        [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75]]
    )


def test_many_zones_of_many_points_are_judged_and_saved(administrator: Page) -> None:
    most = most_zones(points=130)
    editor = Editor(administrator, make_camera(zone_config=most))
    expect(editor.verdict).to_have_text("Valid. Zones: 100")
    administrator.locator(".ze-item").first.click()
    administrator.get_by_label("Zone", exact=True).fill("Renamed")
    stored = editor.save()
    most["features"][0]["properties"]["name"] = "Renamed"
    is_kept = stored == most  # pytest would write out the difference of megabytes
    assert is_kept


def test_zones_copied_into_an_emptied_camera_come_in_its_units_and_frame(administrator: Page) -> None:
    inside = {"units": "pixels", "frame": {"width": 1920, "height": 1080}}
    make_camera("Yard", zone_config=collection(SQUARE))
    make_camera("Dock", zone_config=collection(SQUARE | {"geometry": LINE_IN_PIXELS}, **inside))

    def copied(into: Camera, camera: str) -> dict[str, Any]:
        editor = Editor(administrator, into)
        editor.button("Copy from a camera…").click()
        administrator.get_by_role("button", name=f"{camera} no site Zones: 1").click()
        return editor.save()

    stored = copied(make_camera("Emptied", zone_config=collection(**inside)), "Yard")
    assert {name: stored[name] for name in inside} == inside
    assert stored["features"][0]["geometry"]["coordinates"][0][0] == [384, 216]
    stored = copied(make_camera("New"), "Dock")
    assert {name: stored[name] for name in inside} == inside
    assert stored["features"][0]["geometry"] == LINE_IN_PIXELS
    # A picture in pixels of no known size is that of the other, if that is in pixels too.
    stored = copied(make_camera("Unframed", zone_config=collection(units="pixels")), "Dock")
    assert stored["features"][0]["geometry"] == LINE_IN_PIXELS
