"""The zone editor as a person uses it: by mouse, by keyboard alone, with a still, and without JavaScript."""

import json
from base64 import b64decode
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cameras.admin import json_text
from cameras.geometry import InvalidZones, canonical_zones
from cameras.models import Camera
from tests.browser.conftest import axe_violations
from tests.browser.zone_drawing import LINE_IN_PIXELS, SQUARE, Editor, collection, near
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "\"><img src=x onerror=alert(1)><script>alert(2)</script>{{constructor.constructor('alert(3)')()}}=1+1"


def test_a_zone_drawn_by_mouse_and_a_line_and_a_zone_by_keyboard_alone_are_stored_and_shown_again(
    administrator: Page,
) -> None:
    editor = Editor(administrator, make_camera())
    editor.button("Area").click()
    editor.click((0.003, 0.3), (0.5, 0.3), (0.5, 0.6), (0.2, 0.6), (0.003, 0.3))
    administrator.get_by_label("Zone", exact=True).fill("Dock doors")
    administrator.get_by_label("Capacity").fill("12")

    administrator.get_by_role("button", name="Counting line").focus()
    editor.press("Enter", "Shift+ArrowLeft", "Space", "Shift+ArrowRight", "Shift+ArrowRight", "ArrowDown", "Space")
    editor.press("Shift+ArrowRight", "Space", "Backspace", "Enter")
    administrator.get_by_role("button", name="Area", exact=True).focus()
    editor.press(
        "Space", "Shift+ArrowDown", "Space", "Shift+ArrowDown", "Space", "Shift+ArrowRight", "Space", "Enter"
    )
    stored = editor.save()

    door, line, area = stored["features"]
    assert stored["units"] == "normalised"
    assert door["id"] == "dock-doors"
    assert door["properties"] | {"color": ""} == {
        "name": "Dock doors",
        "kind": "area",
        "capacity": 12,
        "color": "",
    }
    assert door["geometry"]["coordinates"][0] == near([[0, 0.3], [0.5, 0.3], [0.5, 0.6], [0.2, 0.6], [0, 0.3]])
    assert door["geometry"]["coordinates"][0][0][0] == 0, "it snaps to the border"
    assert line["properties"]["kind"] == "line"
    assert line["geometry"] == {"type": "LineString", "coordinates": [[0.45, 0.5], [0.55, 0.505]]}
    assert area["geometry"]["coordinates"] == [[[0.5, 0.55], [0.5, 0.6], [0.55, 0.6], [0.5, 0.55]]]
    assert len({feature["properties"]["color"] for feature in stored["features"]}) == 3
    for name in ("Dock doors, Area. Points: 4", "Line 1, Counting line. Points: 2", "Area 1, Area. Points: 3"):
        expect(editor.picture.get_by_role("button", name=name)).to_be_visible()


def test_points_and_shapes_are_moved_inserted_and_deleted_and_all_of_it_is_undone_and_done_again(
    administrator: Page,
) -> None:
    camera = make_camera(zone_config=collection(SQUARE))
    editor = Editor(administrator, camera)
    untouched = administrator.locator("#id_zone_config").input_value()
    square = editor.ring()
    editor.click((0.5, 0.4))
    steps = [editor.ring()]

    def step(ring: list[list[float]]) -> None:
        assert editor.ring() == near(ring)
        steps.append(editor.ring())

    editor.drag((0.2, 0.2), (0.1, 0.1))
    step([[0.1, 0.1], *square[1:]])
    editor.drag((0.8, 0.5), (0.998, 0.5))
    step([[0.1, 0.1], [0.8, 0.2], [1, 0.5], [0.8, 0.8], [0.2, 0.8]])
    editor.drag((0.5, 0.6), (0.5, 0.9))
    step([[0.1, 0.3], [0.8, 0.4], [1, 0.7], [0.8, 1], [0.2, 1]])
    editor.point(1).focus()
    editor.press("ArrowRight")
    step([[0.105, 0.3], *steps[-1][1:]])
    editor.press("Shift+ArrowUp")
    step([[0.105, 0.25], *steps[-1][1:]])
    editor.press("+")
    step([steps[-1][0], [0.4525, 0.325], *steps[-1][1:]])
    expect(editor.point(2)).to_be_focused()
    editor.press("Delete")
    step(steps[-2])
    expect(editor.point(1)).to_be_focused()
    editor.press("Shift+Tab")
    expect(editor.shape("Door")).to_be_focused()
    administrator.get_by_text("Points: 5").click()
    administrator.get_by_label("x of point 3").fill("0.75")
    editor.press("Enter")
    step([*steps[-1][:2], [0.75, steps[-1][2][1]], *steps[-1][3:]])
    editor.button("Delete point 3").click()
    step([*steps[-1][:2], *steps[-1][3:]])

    editor.button("Delete this zone").click()
    assert editor.typed() == []
    for ring in reversed(steps):
        editor.press("Control+z")
        assert editor.ring() == ring
    expect(editor.button("Undo")).to_be_disabled()
    assert administrator.locator("#id_zone_config").input_value() == untouched
    for ring in steps[1:]:
        editor.press("Control+Shift+Z")
        assert editor.ring() == ring
    editor.button("Redo").click()
    assert editor.typed() == []
    editor.button("Undo").click()

    stored = editor.save()["features"][0]
    assert stored["id"] == "door"
    assert stored["geometry"]["coordinates"][0][:-1] == steps[-1]


def test_a_refused_zone_is_shown_in_the_servers_words_and_cannot_be_missed(administrator: Page) -> None:
    editor = Editor(administrator, make_camera(zone_config=collection(SQUARE)))
    editor.button("Counting line").click()
    editor.click((0.3, 0.3))
    editor.press("Enter")
    expect(administrator.get_by_text("needs 2 points at least")).to_be_visible()
    editor.press("Escape")
    expect(editor.button("Cancel")).to_be_hidden()
    assert len(editor.typed()) == 1

    editor.button("Area").click()
    editor.click((0.2, 0.1), (0.4, 0.5), (0.4, 0.1), (0.2, 0.5))
    editor.button("Finish").click()

    with pytest.raises(InvalidZones) as refused:
        canonical_zones(collection(*editor.typed()))
    words = refused.value.problems[0].detail
    assert words.startswith('Zone 2 ("Area 1"): its edges cross or overlap at (0.')
    expect(administrator.get_by_role("button", name=words)).to_be_visible()
    expect(editor.verdict).to_have_text("Not valid. Faults: 1")
    expect(editor.picture.get_by_role("button", name="Area 1, Area. Points: 4. Not valid")).to_be_visible()
    assert axe_violations(administrator) == []
    administrator.get_by_role("button", name="Save", exact=True).click()
    expect(administrator.get_by_text("features[1].geometry.coordinates: " + words)).to_be_visible()
    expect(administrator.get_by_role("button", name=words)).to_be_visible()

    administrator.get_by_role("button", name=words).click()
    editor.press("Delete")
    expect(editor.verdict).to_have_text("Valid. Zones: 1")
    assert len(Camera.objects.get().zone_config["features"]) == 1


@pytest.fixture
def still(administrator: Page, tmp_path: Path) -> Path:
    """A picture of 4:3, made by the browser."""
    draw = """() => {
        const canvas = Object.assign(document.createElement("canvas"), {width: 640, height: 480});
        canvas.getContext("2d").fillRect(0, 0, 640, 480);
        return canvas.toDataURL("image/png").split(",")[1];
    }"""
    file = tmp_path / "still.png"
    file.write_bytes(b64decode(administrator.evaluate(draw)))
    return file


def test_a_still_stays_in_the_browser_and_zones_come_from_another_camera(administrator: Page, still: Path) -> None:
    pixels = SQUARE | {"geometry": LINE_IN_PIXELS}
    frame = {"width": 1920, "height": 1080}
    make_camera("Yard", site=make_site("South"), zone_config=collection(pixels, units="pixels", frame=frame))
    make_camera("Empty yard")
    make_camera("Dock", zone_config=collection(SQUARE))
    editor = Editor(administrator, make_camera("Gate", zone_config=collection(SQUARE)))
    asked: list[str] = []
    administrator.on("request", lambda request: asked.append(request.url))
    administrator.get_by_label("Show a still…").set_input_files(Path(__file__))
    expect(administrator.get_by_text("This file is no picture")).to_be_visible()
    administrator.get_by_label("Show a still…").set_input_files(still)
    expect(administrator.get_by_text("It is not sent anywhere")).to_be_visible()
    box = administrator.locator("canvas.ze-still").bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(4 / 3, abs=0.01)
    pixel = "canvas => Array.from(canvas.getContext('2d').getImageData(9, 9, 1, 1).data)"
    assert administrator.locator("canvas.ze-still").evaluate(pixel) == [0, 0, 0, 255]
    assert asked == []

    editor.button("Copy from a camera…").click()
    expect(administrator.locator(".ze-other")).to_have_count(2)
    administrator.get_by_label("Find a camera").fill("yar")
    offer = administrator.get_by_role("button", name="Yard South Zones: 1")
    expect(administrator.locator(".ze-other")).to_have_count(1)
    assert axe_violations(administrator) == []
    offer.click()
    expect(administrator.get_by_text("Copied from Yard: 1.")).to_be_visible()
    editor.button("Remove the still").click()
    expect(administrator.locator("canvas.ze-still")).to_be_hidden()
    copied = editor.save()["features"][1]
    assert copied["id"] == "door-2"
    assert copied["geometry"]["coordinates"] == [[0.1, 0.1], [1, 0.5]]


def test_what_is_typed_as_json_is_drawn_on_a_phone_too_and_a_hostile_name_does_nothing(
    administrator: Page,
) -> None:
    name = HOSTILE[:99]
    administrator.set_viewport_size({"width": 390, "height": 844})
    editor = Editor(administrator, make_camera())
    administrator.get_by_text("Edit as JSON").click()
    text = administrator.get_by_label("Zones", exact=True)
    polygons = [[[[1, 1], [900, 1], [900, 500]]], [[[300, 300], [600, 300], [600, 600]]]]
    multi = {"type": "MultiPolygon", "coordinates": polygons}
    feature = {"type": "Feature", "properties": {"name": name}, "geometry": multi}
    text.fill(json.dumps(feature))
    expect(administrator.get_by_text('Coordinates above 1 need "units"').first).to_be_visible()
    typed = json.dumps({"type": "FeatureCollection", "units": "pixels", "features": [feature]})
    text.fill(typed)
    expect(editor.verdict).to_have_text("Valid. Zones: 2")
    expect(editor.picture.get_by_role("button")).to_have_count(2)
    text.fill("{")
    expect(administrator.get_by_text("The text is not JSON").first).to_be_visible()
    expect(editor.button("Area")).to_be_disabled()
    editor.button("Undo").click()
    expect(editor.button("Undo")).to_be_disabled()
    editor.button("Redo").click()
    text.fill(typed)
    stored = editor.save()

    assert stored["units"] == "pixels"
    assert stored["features"][0]["properties"]["name"] == name
    expect(administrator.locator(".ze-name").first).to_have_text(name)
    administrator.locator(".ze-item").first.click()
    administrator.get_by_text("Points: 3").click()
    administrator.get_by_text("Keyboard, mouse and touch").click()
    assert axe_violations(administrator) == []
    assert administrator.evaluate("document.documentElement.scrollWidth") <= 390

    editor.picture.scroll_into_view_if_needed()
    before, (x, y) = editor.ring(), editor.spot(*(0.5, 0.5))
    handle = editor.point(1).locator(".ze-hit").bounding_box()
    assert handle
    finger = administrator.context.new_cdp_session(administrator)
    start = {"x": handle["x"] + handle["width"] / 2, "y": handle["y"] + handle["height"] / 2}
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [start]})
    for part in range(1, 9):  # up or down first, by which a browser would scroll
        place = {"x": start["x"] if part < 8 else x, "y": start["y"] + part / 8 * (y - start["y"])}
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
        administrator.evaluate("new Promise(requestAnimationFrame)")  # the browser has seen this place
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(editor.button("Undo")).to_be_enabled()
    assert editor.ring()[1:] == before[1:]
    assert editor.ring()[0] == pytest.approx([640, 360], abs=4)
    assert all(type(number) is int for number in editor.ring()[0]), "pixels are whole"

    zones_js = "/static/cameras/zone_editor/zones.js"
    same = f"text => import('{zones_js}').then(({{read, write}}) => write(read(text)) === text)"
    rings = [[[0, 0], [1, 0], [1, 1], [0, 0]], [[0.5, 0.2], [0.8, 0.2], [0.8, 0.5], [0.5, 0.2]]]
    holed = SQUARE | {"geometry": {"type": "Polygon", "coordinates": rings}}
    for value in (collection(holed), collection(units="pixels", frame={"width": 704, "height": 576}), {}, stored):
        assert administrator.evaluate(same, json_text.pretty(canonical_zones(value)))

    small = """() => [...document.querySelectorAll(".ze :is(button, input, select, summary, .ze-point, .ze-middle)")]
        .map((target) => [target.labels?.[0] ?? target, target])
        .filter(([target]) => Math.min(target.getBoundingClientRect().width, target.getBoundingClientRect().height) < 24)
        .filter(([target]) => target.checkVisibility() && target.getBoundingClientRect().width)
        .map(([, target]) => target.outerHTML)"""
    assert administrator.evaluate(small) == []


def test_the_form_works_without_javascript(administrator: Page) -> None:
    camera = make_camera()
    assert administrator.context.browser
    page = administrator.context.browser.new_context(
        base_url=administrator.url.partition("/admin")[0],
        java_script_enabled=False,
        storage_state=administrator.context.storage_state(),
    ).new_page()
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    expect(page.locator("[data-ze=drawn]")).to_be_hidden()
    page.locator("#id_zone_config").fill(json.dumps(SQUARE))
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/camera/")
    assert Camera.objects.get().zone_config["features"][0]["id"] == "door"
    page.context.close()
