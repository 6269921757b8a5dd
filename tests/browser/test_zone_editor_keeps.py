"""What the zone editor must not lose: the focus, the choice, places, a draft, units, and zones of many points."""

import pytest
from playwright.sync_api import Page, expect

from cameras.models import Camera
from tests.browser.zone_drawing import Editor
from tests.factories import make_camera

pytestmark = pytest.mark.django_db(transaction=True)


def test_saving_in_the_middle_of_drawing_keeps_what_is_drawn(administrator: Page) -> None:
    camera = make_camera()
    editor = Editor(administrator, camera)
    editor.button("Area").click()
    editor.click((0.25, 0.25), (0.75, 0.25), (0.75, 0.75))
    editor.button("Save and continue editing").click()

    expect(administrator.get_by_text("was changed successfully")).to_be_visible()
    (stored,) = Camera.objects.get().zone_config["features"]
    assert stored["properties"]["name"] == "Area 1"
