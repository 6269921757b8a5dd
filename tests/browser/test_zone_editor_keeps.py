"""What the zone editor must not lose: the focus, the choice, places, a draft, units, and zones of many points."""

import pytest
from playwright.sync_api import Page, expect

from cameras.models import Camera
from tests.browser.zone_drawing import Editor
from tests.factories import make_camera

pytestmark = pytest.mark.django_db(transaction=True)


def test_by_keyboard_undo_and_redo_go_on_whatever_they_take_away(administrator: Page) -> None:
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


def test_saving_in_the_middle_of_drawing_keeps_what_is_drawn(administrator: Page) -> None:
    camera = make_camera()
    editor = Editor(administrator, camera)
    editor.button("Area").click()
    editor.click((0.25, 0.25), (0.75, 0.25), (0.75, 0.75))
    editor.button("Save and continue editing").click()

    expect(administrator.get_by_text("was changed successfully")).to_be_visible()
    (stored,) = Camera.objects.get().zone_config["features"]
    assert stored["properties"]["name"] == "Area 1"
