"""On a phone: a camera is stopped until tomorrow, and the window is ended before; and one is scheduled by its form."""

import pytest
from playwright.sync_api import Page, expect

from cameras.models import Camera
from cameras.windows.models import Window
from tests.browser.conftest import axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"width": 390, "height": 844}


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_camera_is_stopped_until_tomorrow_and_started_again_by_hand(administrator: Page) -> None:
    camera = make_camera("Gate", site=make_site("North"), desired_state="running")
    page = administrator
    page.set_viewport_size(PHONE)
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    page.get_by_role("link", name="Stop until…").click()

    expect(page.get_by_text("It runs now, and will be stopped:")).to_be_visible()
    page.get_by_label("Tomorrow morning").check()
    page.get_by_label("Why").fill("Painting")
    assert fits(page)
    assert axe_violations(page) == []
    page.get_by_role("button", name="Stop 1 camera").click()

    mark = page.get_by_role("link", name="Stopped by a window until")
    expect(mark).to_be_visible()
    assert fits(page)
    assert axe_violations(page) == []
    assert Camera.objects.get().desired_state == "stopped"
    mark.click()
    expect(page.get_by_text("Under way")).to_be_visible()
    assert fits(page)
    assert axe_violations(page) == []
    page.get_by_role("button", name="End now").click()

    expect(page.get_by_text("What it stopped runs again")).to_be_visible()
    assert Camera.objects.get().desired_state == "running"


def test_a_window_by_its_form_asks_only_for_what_it_needs_and_shows_its_plan_first(administrator: Page) -> None:
    make_camera("Gate", desired_state="running")
    page = administrator
    page.goto("/admin/windows/window/add/")
    page.get_by_label("Over").select_option("everything")
    expect(page.locator("#id_site")).to_be_hidden()
    expect(page.get_by_label("Last day")).to_be_hidden()
    page.get_by_label("Repeats").select_option("daily")
    expect(page.get_by_label("Last day")).to_be_visible()
    page.get_by_label("From").fill("2034-12-31T22:00")
    page.locator("#id_ends").fill("2035-01-01T06:00")
    page.get_by_label("Last day").fill("2035-01-10")
    page.get_by_label("Why").fill("Cleaning at night")
    assert axe_violations(page) == []
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Sun 2034-12-31 22:00 – Mon 2035-01-01 06:00 UTC")).to_be_visible()
    assert axe_violations(page) == []
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_label("Why")).to_have_value("Cleaning at night")
    expect(page.get_by_label("Last day")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Schedule it").click()

    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert Window.objects.get().rule == "FREQ=DAILY;UNTIL=20350110T235959"


def test_a_calendar_is_chosen_and_its_plan_confirmed(administrator: Page) -> None:
    make_camera("Gate", desired_state="running")
    text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20341231\nSUMMARY:Roofer\nEND:VEVENT\nEND:VCALENDAR\n"
    page = administrator
    page.set_viewport_size(PHONE)
    page.goto("/admin/windows/window/import/")
    page.get_by_label("Over").select_option("everything")
    expect(page.locator("#id_site")).to_be_hidden()
    page.locator("#id_file").set_input_files(
        {"name": "roof.ics", "mimeType": "text/calendar", "buffer": text.encode()}
    )
    assert fits(page)
    assert axe_violations(page) == []
    page.get_by_role("button", name="Show the plan").click()

    expect(page.get_by_text("Roofer", exact=True)).to_be_visible()
    assert fits(page)
    assert axe_violations(page) == []
    page.get_by_role("button", name="Schedule 1 window").click()

    expect(page.get_by_text("1 window scheduled.")).to_be_visible()
    assert fits(page)
    assert axe_violations(page) == []
    assert Window.objects.get().reason == "Roofer"
