"""The pages of a camera, of a site and of the log, as a person reads them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from cameras import actions
from cameras.intent import clean_camera
from cameras.models import Camera, CameraVitals, DesiredState
from telemetry.alerts.models import Transition
from telemetry.history.rollups import compute_rollups
from tests.browser.conftest import axe_violations
from tests.factories import AUTHOR, make_camera, make_site
from tests.telemetry.history import samples

pytestmark = pytest.mark.django_db(transaction=True)


def ago(**past: float) -> datetime:
    return datetime.now(UTC) - timedelta(**past)


def camera_with_an_outage() -> Camera:
    """A camera that runs for two days, was offline from five to three hours ago, and was edited an hour ago."""
    camera = make_camera(
        "Hall", site=make_site("Central station", timezone="Asia/Tokyo"), desired_state="running", now=ago(days=2)
    )
    changes = [(47.9, "pending", "healthy"), (5, "healthy", "offline"), (3, "offline", "healthy")]
    for hours, before, after in changes:
        reason = {"healthy": "reporting", "offline": "silent"}[after]
        Transition.objects.create(
            camera_id=camera.pk,
            camera_name=camera.name,
            at=ago(hours=hours),
            from_status=before,
            to_status=after,
            reason=reason,
            detected_at=ago(hours=hours),
        )
    edit = clean_camera({"notes": "Lens cleaned."}, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=edit, by=AUTHOR, now=ago(hours=1))
    report(camera, (n for n in range(1, 1440) if not 180 <= n < 300))
    return camera


def report(camera: Camera, minutes_ago: object, occupancy: int = 7) -> None:
    now = datetime.now(UTC)
    seen = [("", now - timedelta(minutes=n), occupancy) for n in minutes_ago]  # type: ignore[attr-defined]
    samples.report(camera.pk, seen, now)
    compute_rollups(now + timedelta(hours=1))


def test_a_camera_shows_its_chart_its_status_over_time_and_what_is_now(administrator: Page) -> None:
    camera = camera_with_an_outage()
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")

    now = page.get_by_role("region", name="Now")
    expect(now).to_contain_text("Healthy")
    expect(now.get_by_role("row", name="Whole frame")).to_contain_text("7")
    expect(now.get_by_text("from: -")).to_have_count(0)
    age = now.locator("[data-age]")
    expect(age).to_have_text(re.compile(r"\d+ s ago"))
    first = age.inner_text()
    expect(age).not_to_have_text(first)  # it ticks

    ribbon = page.get_by_role("group", name=re.compile(r"^Status: Healthy \d"))
    offline = ribbon.get_by_role("button", name=re.compile("^Offline from "))
    expect(offline).to_have_count(1)
    offline.hover()
    said = page.locator(".cp-timeline-said")
    expect(said).to_contain_text(re.compile(r"^Offline from .+ to .+\. Nothing was heard"))
    ribbon.get_by_role("button", name=re.compile("^Healthy since")).focus()
    page.keyboard.press("ArrowLeft")
    expect(offline).to_be_focused()
    page.keyboard.press("Enter")  # the chart shows the outage: two hours and a tenth of it on both sides
    expect(page.locator(".cp-chart-said")).to_contain_text(re.compile(r"of 14[4-6] intervals"))
    assert axe_violations(page) == []

    page.get_by_role("button", name="24 h").click()
    mark = page.get_by_role("link", name=re.compile(r"notes:.*Lens cleaned\., by factory"))
    mark.focus()
    expect(said).to_contain_text("Lens cleaned.")
    mark.click()
    expect(page.locator("li:target")).to_contain_text("Lens cleaned.")


def test_what_only_helps_to_find_a_fault_of_a_worker_is_out_of_sight(administrator: Page) -> None:
    camera = camera_with_an_outage()
    CameraVitals.objects.filter(pk=camera.pk).update(duplicate_count=1234)
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")

    duplicates = page.get_by_text("1,234")
    expect(duplicates).to_be_hidden()
    page.get_by_text("Ingest", exact=True).click()
    expect(duplicates).to_be_visible()


def test_on_a_phone_what_is_now_comes_before_the_chart(administrator: Page) -> None:
    camera = camera_with_an_outage()
    page = administrator
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    page.locator(".cp-ribbon-part").first.wait_for()

    heights = page.evaluate(
        "['.cp-now', '.cp-chart', '.cp-log', '.cp-brief'].map(name => document.querySelector(name).getBoundingClientRect().top)"
    )

    assert heights == sorted(heights)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_site_shows_its_clock_its_cameras_and_the_week_before(administrator: Page) -> None:
    camera = camera_with_an_outage()
    week = 7 * 24 * 60
    report(camera, range(week + 1, week + 700, 5), occupancy=3)
    page = administrator
    page.goto(f"/admin/cameras/site/{camera.site_id}/change/")

    now = page.get_by_role("region", name="Now")
    expect(now).to_contain_text(re.compile(r"\w+day,? \d\d:\d\d"))
    expect(now.get_by_role("link", name=re.compile("Healthy"))).to_contain_text("1")
    cameras = page.get_by_role("region", name="Cameras")
    expect(cameras.get_by_role("listitem")).to_contain_text(re.compile(r"Hall.*Healthy", re.DOTALL))
    page.get_by_role("button", name="6 h").click()
    expect(page.locator(".cp-chart-said")).to_contain_text("least 7, most 7")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("columnheader", name="a week before")).to_be_visible()
    table = page.locator(".cp-chart-table tbody")
    expect(
        table.get_by_role("row").filter(has=page.get_by_role("cell", name="3", exact=True)).first
    ).to_be_visible()
    assert axe_violations(page) == []

    expect(page.get_by_label("Location")).to_be_hidden()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Location").fill("Portland")
    expect(cameras).to_be_hidden()
    assert axe_violations(page) == []
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_label("Location")).to_have_value("Portland")
    page.get_by_role("link", name="Back to the site").click()
    expect(page.get_by_role("region", name="Place")).to_contain_text("Portland")


def test_the_log_is_read_by_day_a_sentence_a_row_and_opens_to_the_difference(administrator: Page) -> None:
    site = make_site("Berlin Mitte")
    yesterday = datetime.now(UTC).replace(hour=12) - timedelta(days=1)
    cameras = [
        make_camera(f"Dock {n:02}", site=site, desired_state="running", now=yesterday - timedelta(days=1))
        for n in range(1, 13)
    ]
    edit = clean_camera({"location": "Ramp"}, stored_redacted="")
    actions.update_camera(camera_id=cameras[6].pk, values=edit, by=AUTHOR, now=yesterday)
    actions.set_desired_state(
        camera_ids=[camera.pk for camera in cameras],
        desired_state=DesiredState.STOPPED,
        by=AUTHOR,
        now=datetime.now(UTC),
    )
    page = administrator
    page.goto("/admin/cameras/change/")

    log = page.locator("#result_list")
    expect(log.get_by_role("heading").nth(0)).to_have_text("Today")
    expect(log.get_by_role("heading").nth(1)).to_have_text("Yesterday")
    rows = log.locator("details")
    expect(rows.nth(0).locator("summary")).to_contain_text("12 cameras at Berlin Mitte stopped by factory")
    expect(rows.nth(1).locator("summary")).to_contain_text(
        "“Dock 07” at Berlin Mitte changed (location) by factory"
    )
    expect(rows.nth(1).locator("summary")).to_contain_text("12:")
    difference = rows.nth(1).get_by_role("row", name="location")
    expect(difference).to_be_hidden()
    rows.nth(1).locator("summary").click()
    expect(difference).to_contain_text("Ramp")
    rows.nth(0).locator("summary").press("Enter")
    expect(rows.nth(0).get_by_role("listitem")).to_have_count(10)
    expect(rows.nth(0)).to_contain_text("and 2 more")
    assert axe_violations(page) == []

    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    heights = page.evaluate("[...document.querySelectorAll('#result_list summary')].map(row => row.offsetHeight)")
    assert max(heights) <= 64  # two lines and their room
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    rows.nth(0).locator("summary").click()
    page.get_by_role("link", name=re.compile("^All of it ?: 12 cameras")).click()
    expect(page.get_by_role("row").filter(has_text="Dock 12")).to_be_visible()
