"""The console as a person uses it: fifty cameras at once, a revert, a conflict, a clone, a secret, a chart."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, TimeoutError, expect

from cameras import actions, credentials
from cameras.intent import clean_camera
from cameras.models import Camera, CameraVitals, Change
from controlplane.access.models import AuditEntry
from telemetry.history.rollups import compute_rollups
from tests.admin_client import give
from tests.browser.conftest import axe_violations
from tests.factories import AUTHOR, SECRET, URL, make_camera, make_site
from tests.telemetry.history import samples

pytestmark = pytest.mark.django_db(transaction=True)

# Not before the page is as wide as a phone: on a wide screen it fitted already.
FITS_A_PHONE = "innerWidth === 390 && document.documentElement.scrollWidth <= 390"

# The chart says how many intervals it has, and its table, where it is open, has a row for each.
INTERVALS = """([least, most]) => {
    const shown = / of (\\d+) intervals/.exec(document.querySelector(".cp-chart-said").textContent)?.[1];
    const table = document.querySelector(".cp-chart-table");
    const agree = !table.open || table.querySelectorAll("tbody tr").length === Number(shown);
    return agree && least <= shown && shown <= most;
}"""


def change(camera: Camera, **values: Any) -> Change:
    cleaned = clean_camera(values, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=cleaned, by=AUTHOR, now=datetime.now(UTC))
    return Change.objects.latest("revision")


def report(camera: Camera, hours: float, *, but_not: tuple[float, float] = (0, 0)) -> None:
    """A sample a minute over the last hours, with a gap between two ages in hours; then maintenance."""
    now = datetime.now(UTC)
    ages = [timedelta(minutes=n) for n in range(1, int(hours * 60))]
    kept = [age for age in ages if not but_not[0] <= age / timedelta(hours=1) < but_not[1]]
    samples.report(camera.pk, [("", now - age, age.seconds // 60 % 30) for age in kept], now)
    compute_rollups(now + timedelta(hours=1))


def test_a_person_stops_fifty_cameras_at_once(administrator: Page) -> None:
    site, now = make_site("North"), datetime.now(UTC)
    for number in range(50):
        make_camera(f"Gate {number:02}", site=site, desired_state="running", now=now)
    page = administrator
    page.goto("/admin/cameras/camera/?desired_state__exact=running")
    page.locator("#action-toggle").check()
    page.get_by_label("Select action to run").select_option("stop_cameras")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text("50 cameras will be stopped:")).to_be_visible()
    expect(page.get_by_text("Gate 00")).to_be_visible()
    expect(page.get_by_text("and 38 more")).to_be_visible()
    assert Camera.objects.filter(desired_state="running").count() == 50
    assert axe_violations(page) == []
    page.get_by_role("button", name="Stop 50 cameras").click()

    expect(page.get_by_text("50 cameras stopped.")).to_be_visible()
    assert not Camera.objects.filter(desired_state="running").exists()


def test_a_person_goes_back_to_what_was_before_a_change(administrator: Page) -> None:
    camera = make_camera(notes="as it was", location="roof")
    change(camera, notes="a mistake", location="cellar")
    change(camera, location="yard")
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    page.get_by_role("navigation", name="Camera").get_by_role("link", name="History").click()
    page.get_by_role("link", name="Revert change 2").click()

    expect(page.get_by_label("notes")).to_be_checked()
    expect(page.get_by_label("location")).not_to_be_checked()
    expect(page.get_by_text("This was changed again since")).to_be_visible()
    page.get_by_role("button", name="Revert").click()

    expect(page.get_by_text("Revert of change 2.")).to_be_visible()
    stored = Camera.objects.get()
    assert (stored.notes, stored.location) == ("as it was", "yard")


def test_a_person_is_shown_a_conflict_and_overwrites_nothing(administrator: Page) -> None:
    camera = make_camera("Gate")
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Name").fill("Mine")
    change(camera, name="Theirs")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(
        page.get_by_text(re.compile(r"factory changed this at .* UTC, while the form was open")).first
    ).to_be_visible()
    expect(page.get_by_text("It is now: Theirs").first).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Mine")
    assert Camera.objects.get().name == "Theirs"


def test_a_person_clones_a_camera(administrator: Page) -> None:
    source = make_camera("Gate", site=make_site("North"), notes="north side", desired_state="running")
    page = administrator
    page.goto(f"/admin/cameras/camera/{source.pk}/change/")
    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_label("Name")).to_have_value("Gate (copy)")
    page.get_by_label("Name").fill("Gate 2")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_role("link", name="Gate 2").first).to_be_visible()
    clone = Camera.objects.get(name="Gate 2")
    assert (clone.notes, clone.desired_state, clone.site) == ("north side", "stopped", source.site)
    assert credentials.unseal(clone.pk, clone.sealed_connection) == URL


def test_a_secret_is_in_the_page_only_when_somebody_asks(administrator: Page) -> None:
    camera = make_camera()
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    assert SECRET not in page.content()
    page.get_by_role("button", name="Reveal the connection string").click()

    shown = page.get_by_label("Connection string in clear")
    expect(shown).to_have_value(URL)
    expect(shown).to_be_focused()
    assert AuditEntry.objects.filter(action="credentials.revealed", by="user:anna").count() == 1
    page.get_by_role("button", name="Hide").click()
    expect(shown).to_be_hidden()
    assert shown.input_value() == ""


def test_a_person_zooms_into_the_chart_by_mouse_and_by_keyboard(administrator: Page) -> None:
    camera = make_camera(site=make_site("Kathmandu", timezone="Asia/Kathmandu"), desired_state="running")
    report(camera, 6, but_not=(2, 3))
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/")
    said = page.locator(".cp-chart-said")

    def wait_for_intervals(least: int, most: int) -> None:
        page.wait_for_function(INTERVALS, arg=[least, most])

    page.get_by_role("button", name="6 h").click()
    expect(page.get_by_role("button", name="6 h")).to_have_attribute("aria-pressed", "true")
    wait_for_intervals(360, 361)
    expect(said).to_contain_text("least 0, most 29")

    page.get_by_text("As a table").click()
    rows = page.locator(".cp-chart-table tbody tr")
    wait_for_intervals(360, 361)
    assert 60 <= rows.filter(has_text="no data").count() <= 62

    plot = page.locator(".cp-plot .u-over")
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60, steps=4)
    page.mouse.up()
    wait_for_intervals(100, 115)  # a third of six hours, in minutes
    expect(page.get_by_role("button", name="6 h")).to_have_attribute("aria-pressed", "false")

    page.get_by_role("button", name="Zoom in").focus()
    page.keyboard.press("Enter")
    wait_for_intervals(48, 62)

    page.get_by_role("button", name="30 d").click()
    wait_for_intervals(720, 721)
    page.get_by_role("button", name="Zoom out").click()
    wait_for_intervals(60, 61)
    expect(said).to_contain_text(re.compile(r"No data for (58|59|60) of (60|61) intervals"))
    expect(rows.filter(has_text=", 00:00")).to_have_count(rows.count())
    expect(rows.last).not_to_contain_text("no data")

    page.get_by_role("button", name="6 h").click()
    wait_for_intervals(360, 361)
    page.route("**/telemetry/**", lambda route: route.fulfill(body="broken off"))
    page.get_by_role("button", name="Zoom in").click()
    expect(said).to_have_text("The series could not be read; trying again.")
    page.unroute("**/telemetry/**")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when somebody comes back to it
    expect(said).to_contain_text("least 0, most 29")


def test_the_first_page_keeps_itself_up_to_date(administrator: Page) -> None:
    camera = make_camera("Gate", site=make_site("North"), desired_state="running", now=datetime.now(UTC))
    report(camera, 2)
    page = administrator
    page.goto("/admin/")
    expect(page.get_by_text("Nothing: no camera is offline")).to_be_visible()
    expect(page.locator(".cp-spark-line")).to_be_visible()
    page.get_by_role("link", name="North").focus()
    long_ago = datetime.now(UTC) - timedelta(days=2)
    Camera.objects.update(desired_state_at=long_ago)
    CameraVitals.objects.update(last_contact=long_ago, last_sample_at=long_ago)

    expect(page.get_by_text("Nothing was heard for six expected intervals.")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("link", name="North")).to_be_focused()

    page.context.clear_cookies()
    expect(page.get_by_text("You are signed out; as of")).to_be_visible(timeout=20_000)


def test_pages_of_people_and_of_who_may_only_read_are_fit_for_everybody(administrator: Page) -> None:
    zones = [{"type": "Polygon", "coordinates": [[[0, 0], [x / 4, 0], [1, 1]]]} for x in (1, 2, 3)]
    features = [{"type": "Feature", "properties": {}, "geometry": zone} for zone in zones]
    zone_config = {"type": "FeatureCollection", "features": features}
    camera = f"/admin/cameras/camera/{make_camera(site=make_site(), zone_config=zone_config).pk}/change/"
    page, person, found = administrator, User.objects.get(), {}

    def look_at(*paths: str) -> None:
        for path in paths:
            page.goto("about:blank")
            page.goto(path)
            page.locator("#content").wait_for()
            if violations := axe_violations(page):
                found[path] = violations

    User.objects.update(is_superuser=True)
    look_at(f"/admin/auth/user/{person.pk}/change/", "/admin/auth/user/")
    User.objects.update(is_superuser=False)
    give(person, ("viewer", None))
    look_at(camera, f"{camera}#settings", f"{camera}#zones")
    assert found == {}


def test_a_form_with_long_names_fits_on_a_phone(administrator: Page) -> None:
    camera = make_camera("Gate " + "W" * 150, site=make_site("Distribution centre " + "W" * 80))
    page = administrator
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/#settings")
    page.locator(".select2-container").first.wait_for()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_row_of_the_list_is_a_card_on_a_phone(administrator: Page) -> None:
    make_camera("Gate", site=make_site("North"))
    page = administrator
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/admin/cameras/camera/")
    page.locator(".cp-spark-place :is(svg, span)").first.wait_for()
    boxes = [
        page.locator(f"td.field-{name}, th.field-{name}").bounding_box()
        for name in ("named", "status", "reason", "site", "last_contact", "last_day")
    ]
    name, status, reason, site, contact, day = [box or {} for box in boxes]

    assert name["x"] < 100
    assert name["x"] == reason["x"] == site["x"]
    assert name["y"] < reason["y"] < site["y"]
    assert site["x"] + site["width"] <= contact["x"]
    assert contact["x"] + contact["width"] <= day["x"]
    assert abs(status["x"] + status["width"] - day["x"] - day["width"]) < 2


def test_every_page_is_fit_for_everybody_in_light_and_in_dark_and_on_a_phone(administrator: Page) -> None:
    """No violation of WCAG 2.1 A and AA, and nothing beyond the edge of a phone."""
    site, now = make_site("Central station", timezone="Europe/Berlin"), datetime.now(UTC)
    camera = make_camera("Hall", site=site, desired_state="running", now=now - timedelta(days=1))
    make_camera("Platform", site=site, desired_state="running", now=now - timedelta(days=1))
    revision = change(camera, notes="b", model_config={"fps": 5}, connection_string=URL + "2").pk
    change(camera, notes="c")
    report(camera, 2)
    page, found = administrator, {}
    for path, ready in {
        "": ".cp-spark-place :is(svg, span)",
        "cameras/camera/": ".cp-spark-place :is(svg, span)",
        "cameras/camera/add/": "#camera_form",
        f"cameras/camera/{camera.pk}/change/": ".cp-plot .uplot",
        f"cameras/camera/{camera.pk}/change/#settings": "#settings-group",
        f"cameras/camera/{camera.pk}/change/#zones": "#zones-group",
        f"cameras/camera/{camera.pk}/history/": ".cp-history",
        f"cameras/camera/{camera.pk}/revert/{revision}/": ".cp-diff",
        f"cameras/camera/{camera.pk}/replace/": "form.cp-panel",
        "cameras/change/": "#result_list",
        f"cameras/change/{revision}/change/": "#content",
        "cameras/site/": "#result_list",
        "cameras/site/add/": "#site_form",
        "cameras/camera/import/": "#content",
        "cameras/camera/export/": "#content",
        "alerts/subscription/": "#content",
        "alerts/subscription/add/": "#subscription_form",
        "alerts/delivery/": "#content",
        "access/apitoken/": "#content",
        "access/apitoken/add/": "#apitoken_form",
        "access/auditentry/": "#content",
        "access/session/": "#content",
    }.items():
        page.goto("about:blank")
        page.goto(f"/admin/{path}")
        page.locator(ready).first.wait_for()
        if violations := axe_violations(page):
            found[path] = violations
        page.set_viewport_size({"width": 390, "height": 844})
        try:
            page.wait_for_function(
                FITS_A_PHONE, timeout=5_000
            )  # a chart takes a moment to become as wide as the page
        except TimeoutError:
            found.setdefault(path, []).append("wider than a phone")
        page.set_viewport_size({"width": 1280, "height": 720})
    assert found == {}
