"""The search that Ctrl+K opens, as a person uses it: to a camera, a site, a page, or to nothing."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def ask(page: Page, text: str) -> None:
    """From the first page, with the keyboard alone; other keys of the page do not matter."""
    page.goto("/admin/")
    page.keyboard.press("Control+k")
    box = page.get_by_role("searchbox", name="Search")
    expect(box).to_be_focused()
    page.keyboard.type(text)


def test_a_camera_is_found_by_its_name_and_opened_with_enter(administrator: Page) -> None:
    site = make_site("Gdańsk Główny")
    camera = make_camera("Dock 7", site=site)
    for number in (17, 70, 71):
        make_camera(f"Dock {number}", site=site)
    page = administrator

    ask(page, "dock 7")
    found = page.locator("#command-results-list li")
    expect(found).to_have_count(4)
    expect(found.first).to_contain_text("Dock 7Gdańsk Główny, 10.0.0.5:554")
    expect(found.first).to_have_class("cp-found-chosen")
    assert axe_violations(page) == []
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/cameras/camera/{camera.pk}/change/")


def test_a_site_a_page_and_an_id_are_found(administrator: Page) -> None:
    site = make_site("Gdańsk Główny")
    camera = make_camera("Ramp")
    page = administrator

    ask(page, "gdansk")
    expect(page.locator("#command-results-list")).to_contain_text("Gdańsk GłównySite")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cameras/site/{site.pk}/change/")

    ask(page, str(camera.pk)[:8])
    expect(page.locator("#command-results-list")).to_contain_text("Ramp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/cameras/camera/{camera.pk}/change/")

    ask(page, "audit")
    page.get_by_role("link", name="Audit trail Access").click()
    page.wait_for_url("**/access/auditentry/")

    ask(page, "import")
    page.get_by_role("link", name="Import Cameras").click()
    page.wait_for_url("**/cameras/camera/import/")


def test_where_nothing_is_found_it_says_so(administrator: Page) -> None:
    make_camera("Ramp")
    page = administrator

    ask(page, "no such thing")
    expect(page.get_by_text("Nothing found for “no such thing”.")).to_be_visible()
    assert axe_violations(page) == []
    page.keyboard.press("Enter")  # opens nothing
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox", name="Search")).to_be_hidden()
    assert page.url.endswith("/admin/")

    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type("ramp")
    expect(page.locator("#command-results-list")).to_contain_text("Ramp")
