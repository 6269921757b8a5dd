"""What each person sets for themselves, as they do it in a browser."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from controlplane.access.models import ApiToken
from tests.browser.conftest import axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)

HAPPENED = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)


def test_a_person_reads_and_types_all_times_in_the_zone_of_their_browser(administrator: Page) -> None:
    page = administrator
    make_camera(site=make_site("Berlin", timezone="Europe/Berlin"), now=HAPPENED)
    zone = page.context.new_cdp_session(page)
    zone.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    page.goto("/admin/cameras/change/")
    expect(page.get_by_title("2026-07-01 21:30:00 UTC")).to_be_visible()

    page.locator("[x-on\\:click*=openUserLinks]").click()
    page.get_by_role("link", name="My preferences").click()
    page.locator("#id_time_zone + .select2-container .select2-selection").click()
    page.locator(".select2-results__option").filter(has_text="As this browser").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your preferences are saved.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"written so now: .* JST\."))).to_be_visible()

    page.goto("/admin/cameras/change/")
    expect(page.get_by_title("2026-07-02 06:30:00 JST")).to_be_visible()
    page.goto("/admin/auth/user/")
    expect(page.get_by_text(re.compile(r"\d\d:\d\d:\d\d JST"))).to_be_visible()

    page.goto("/admin/access/apitoken/add/")
    page.get_by_label("Name").fill("worker")
    expect(page.get_by_text("In Asia/Tokyo. Empty: the token is valid until it is revoked.")).to_be_visible()
    assert page.locator(".timezonewarning").count() == 0
    page.get_by_label("Expires").fill("2099-01-01T09:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("textbox", name="Secret")).to_be_visible()
    assert ApiToken.objects.get().expires_at == datetime(2099, 1, 1, tzinfo=UTC)


def test_the_page_of_preferences_is_fit_for_everybody(administrator: Page) -> None:
    page = administrator
    page.goto("/admin/preferences/")
    page.locator(".select2-container").wait_for()
    assert axe_violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
