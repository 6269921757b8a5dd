"""A person stops cameras and says why; whoever looks at them reads who it was."""

import pytest
from playwright.sync_api import Page, expect

from cameras.models import Camera
from tests.browser.conftest import axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_stops_a_camera_and_says_why(administrator: Page) -> None:
    camera = make_camera("Gate", site=make_site("North"), desired_state="running")
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    page.get_by_label("Why it is stopped (optional)").fill("Lens cleaning")
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("1 camera stopped.")).to_be_visible()
    expect(page.get_by_text("Stopped by anna at")).to_contain_text("Lens cleaning")
    assert axe_violations(page) == []


def test_a_person_stops_many_cameras_and_says_why_once(administrator: Page) -> None:
    for name in ("Gate", "Yard"):
        make_camera(name, desired_state="running")
    make_camera("Attic")
    page = administrator
    page.goto("/admin/cameras/camera/")
    expect(page.get_by_text("Nobody has started this camera yet.")).to_be_visible()
    page.locator("#action-toggle").check()
    page.get_by_label("Select action to run").select_option("stop_cameras")
    page.get_by_role("button", name="Run").click()
    page.get_by_label("Why").fill("Roof works until Friday")
    assert axe_violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Stop 2 cameras").click()

    expect(page.get_by_text("2 cameras stopped. 1 was stopped already.")).to_be_visible()
    page.goto("/admin/cameras/camera/")
    expect(page.get_by_text("Roof works until Friday")).to_have_count(2)
    assert set(Camera.objects.values_list("desired_state", flat=True)) == {"stopped"}
