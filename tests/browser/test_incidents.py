"""Incidents as somebody on duty meets them: on the first page, acknowledged on a phone, with a note."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from telemetry.alerts.incident_models import Incident
from tests.browser.conftest import axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def begin(title: str, minutes: float, **values: object) -> Incident:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    incident = Incident.objects.create(
        title=title, began_at=at, **{"key": title, "causes": ["camera.offline"]} | values
    )
    incident.entries.create(at=at, event="began", text=f"{title} is offline since {at:%H:%M:%S} UTC.")
    return incident


def test_what_is_open_is_on_the_first_page_and_is_acknowledged_with_a_note_on_a_phone(administrator: Page) -> None:
    page = administrator
    depot = make_site("Depot North")
    gate = make_camera("Dock 7", site=depot, location="Behind the ramp")
    begin("Yesterday", 1_500, state="resolved", ended_at=datetime.now(UTC) - timedelta(minutes=1_400))
    site = begin("Depot North", 12, key="site", causes=["site.silent"], site_id=depot.pk)
    begin("Dock 7", 3, camera_id=gate.pk, site_id=depot.pk, causes=["camera.failing"])
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/admin/")
    panel = page.get_by_role("region", name="Open incidents")
    expect(panel.get_by_role("listitem")).to_have_text(
        [re.compile(r"Depot North: Site silent\s+For 12"), re.compile("Dock 7")]
    )
    assert axe_violations(page) == []

    panel.get_by_role("link", name="Depot North: Site silent").click()
    page.get_by_label("Note").fill("Power is out.\nThe caretaker knows.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert axe_violations(page) == []
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("It is yours")).to_be_visible()
    expect(page.get_by_text("Acknowledged by anna.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Power is out.")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    site.refresh_from_db()
    assert (site.state, site.acknowledged_by) == ("acknowledged", "user:anna")

    page.get_by_role("button", name="Write the note").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto("/admin/alerts/incident/")
    expect(page.locator("#result_list h2").first).to_have_text("Not over")
    expect(page.locator("#result_list .cp-entry")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert axe_violations(page) == []
