"""Who stopped cameras at Oslo last night: a person asks the log."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from cameras import actions
from cameras.models import DesiredState
from controlplane.access.principals import unlimited
from tests.browser.conftest import axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_finds_who_stopped_cameras_of_a_site_last_night(administrator: Page) -> None:
    evening, night, morning = (
        datetime(2026, 7, day, hour, tzinfo=UTC) for day, hour in ((1, 18), (1, 23), (2, 7))
    )
    oslo, rome = make_site("Oslo"), make_site("Rome")
    for site, who, at in ((oslo, "olga", night), (oslo, "day-shift", morning), (rome, "rita", night)):
        camera = make_camera(f"Of {who}", site=site, desired_state="running", now=evening)
        by = unlimited(f"user:{who}").author("admin")
        actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=by, now=at)
    page = administrator
    page.goto("/admin/cameras/change/")
    expect(page.locator("#result_list .cp-entry")).to_have_count(6)
    page.locator("a:visible", has_text="filter_list").first.click()
    page.get_by_label("From (UTC)").fill("2026-07-01T22:00")
    page.get_by_label("Until (UTC)").fill("2026-07-02T06:00")
    page.locator("select[name=site]").select_option(label="Oslo")
    page.locator("select[name=field]").select_option(label="Desired state")
    assert axe_violations(page) == []
    page.get_by_role("button", name="Apply Filters").click()

    expect(page.locator("#result_list .cp-entry")).to_have_count(1)
    expect(page.locator("#result_list")).to_contain_text("stopped by olga")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
