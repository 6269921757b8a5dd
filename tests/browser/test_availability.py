"""A person reads how available a camera and its site were."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from telemetry.alerts.models import Transition
from tests.browser.conftest import axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_reads_how_available_a_camera_and_its_site_were(administrator: Page) -> None:
    now = datetime.now(UTC)
    camera = make_camera("Gate", site=make_site("North", timezone="Europe/Berlin"), now=now - timedelta(days=20))
    for hours, status, reason in ((300, "healthy", ""), (100, "offline", "silent"), (99, "healthy", "")):
        at = now - timedelta(hours=hours)
        Transition.objects.create(
            camera_id=camera.pk, at=at, detected_at=at, from_status="pending", to_status=status, reason=reason
        )
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    page.get_by_role("link", name="Availability").click()

    expect(page.get_by_role("img", name="Availability of each day")).to_be_visible()
    expect(page.get_by_role("region", name="Downtimes").get_by_role("row")).to_have_count(2)
    assert axe_violations(page) == []
    page.get_by_role("link", name="Last 7 days").click()
    expect(page.get_by_role("region", name="Days").get_by_role("row")).to_have_count(8)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.goto(f"/admin/cameras/site/{camera.site_id}/change/")
    page.get_by_role("link", name="Availability").click()
    expect(page.get_by_text("Times are those of all cameras together")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe_violations(page) == []
