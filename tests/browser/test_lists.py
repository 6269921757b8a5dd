"""Lists and pages that keep themselves up to date, filters, and what they cost, as a person at a browser has them."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from cameras import actions
from cameras.models import Camera, CameraVitals, DesiredState, FleetVitals
from tests.browser.conftest import WITHOUT_STREAM, axe_violations
from tests.factories import AUTHOR, make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/cameras/camera/"
PHONE = {"width": 390, "height": 844}
SOON = 20_000


def heard(camera: Camera, ago: timedelta) -> None:
    """As if the camera had run for long, and was last heard so long ago."""
    now = datetime.now(UTC)
    Camera.objects.filter(pk=camera.pk).update(desired_state_at=now - timedelta(days=3))
    CameraVitals.objects.filter(pk=camera.pk).update(last_contact=now - ago, last_sample_at=now - ago)


def running(name: str, **values: Any) -> Camera:
    camera = make_camera(name, desired_state="running", **values)
    heard(camera, timedelta())
    return camera


def row(page: Page, name: str) -> Any:
    return page.locator("#result_list tbody tr").filter(has_text=name)


# --- Up to date -------------------------------------------------------------------------------------------


def test_the_list_keeps_itself_up_to_date_and_leaves_alone_what_a_person_does(administrator: Page) -> None:
    gate, yard = running("Gate"), running("Yard")
    page = administrator
    page.goto(LIST)
    expect(row(page, "Gate")).to_contain_text("Healthy")
    row(page, "Yard").get_by_role("checkbox").check()
    page.locator("#searchbar").fill("half a wo")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.field-named bdi'))")
    page.locator("#searchbar").focus()
    heard(gate, timedelta(days=1))
    make_camera("Attic")

    expect(row(page, "Gate")).to_contain_text("Offline", timeout=SOON)
    expect(page.locator("#searchbar")).to_have_value("half a wo")
    expect(page.locator("#searchbar")).to_be_focused()
    expect(row(page, "Yard").get_by_role("checkbox")).to_be_checked()
    expect(page.locator(".action-counter")).to_have_text("1 of 2 selected")
    expect(row(page, "Attic")).to_have_count(0)  # no row comes or goes while one is ticked

    row(page, "Yard").get_by_role("checkbox").uncheck()
    expect(row(page, "Attic")).to_have_count(1, timeout=SOON)
    page.get_by_label("Select all rows of this page").check()
    expect(page.locator(".action-counter")).to_have_text("3 of 3 selected")
    assert Camera.objects.get(pk=yard.pk).desired_state == "running"


def test_a_filtered_list_loses_and_gains_rows_by_itself(administrator: Page) -> None:
    gate, yard = running("Gate"), running("Yard")
    heard(yard, timedelta(days=1))
    page = administrator
    page.goto(f"{LIST}?status=offline")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    heard(gate, timedelta(days=1))
    heard(yard, timedelta())

    expect(row(page, "Gate")).to_have_count(1, timeout=SOON)
    expect(row(page, "Yard")).to_have_count(0)


def test_a_log_shows_what_is_new_by_itself(administrator: Page) -> None:
    make_camera("Gate")
    page = administrator
    page.goto("/admin/cameras/change/")
    expect(page.get_by_text("Attic")).to_have_count(0)
    make_camera("Attic")

    expect(page.get_by_text("Attic").first).to_be_visible(timeout=SOON)


def test_the_page_of_a_camera_is_up_to_date_and_its_form_is_not_touched(administrator: Page) -> None:
    camera = running("Gate")
    page = administrator
    page.goto(f"{LIST}{camera.pk}/change/#settings")
    page.get_by_label("Notes").fill("half a sentence")
    page.get_by_role("link", name="Overview", exact=True).last.click()
    page.get_by_text("As a table").click()
    page.get_by_role("button", name="Reveal the connection string").click()
    expect(page.get_by_label("Connection string in clear")).to_be_visible()
    expect(page.locator("#cp-now")).to_contain_text("Healthy")
    heard(camera, timedelta(days=1))

    expect(page.locator("#cp-now")).to_contain_text("Offline", timeout=SOON)
    expect(page.locator("[data-refresh-state]")).to_contain_text("Live, as of")
    expect(page.locator(".cp-chart-table")).to_have_attribute("open", "")
    expect(page.locator(".cp-plot .uplot")).to_have_count(1)
    expect(page.get_by_label("Connection string in clear")).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_label("Notes")).to_have_value("half a sentence")


def test_a_camera_that_somebody_else_stops_can_be_started_from_the_page_that_was_open(administrator: Page) -> None:
    camera = running("Gate")
    page = administrator
    page.goto(f"{LIST}{camera.pk}/change/")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    actions.set_desired_state(
        camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=datetime.now(UTC)
    )

    page.get_by_role("button", name="Start").click(timeout=SOON)
    expect(page.get_by_text("1 camera started.")).to_be_visible()


@pytest.mark.parametrize("path", [LIST, "camera"])
def test_a_page_says_that_nobody_is_signed_in_and_that_the_service_is_away(administrator: Page, path: str) -> None:
    camera = running("Gate")
    page = administrator
    page.goto(path if path == LIST else f"{LIST}{camera.pk}/change/")
    said = page.locator("[data-refresh-state]")
    expect(said).to_contain_text("Live, as of")
    page.route("**/cameras/camera/**", lambda route: route.fulfill(body="a portal of a network"))
    expect(said).to_contain_text("The service does not answer; as of", timeout=SOON)
    expect(page.get_by_text("Gate").first).to_be_visible()
    page.unroute("**/cameras/camera/**")
    expect(said).to_contain_text("Live, as of", timeout=SOON)
    page.context.clear_cookies()
    expect(said).to_contain_text("You are signed out; as of", timeout=SOON)


def test_a_hidden_page_asks_for_nothing(administrator: Page) -> None:
    gate = running("Gate")
    page = administrator
    page.clock.install()
    page.goto(LIST)
    asked: list[str] = []
    page.on("request", lambda request: "x-refresh" in request.headers and asked.append(request.url))
    with page.expect_response(lambda answer: "x-refresh" in answer.request.headers):
        page.clock.fast_forward(10_000)
    expect(page.locator("[data-refresh-state]")).to_contain_text("Live, as of")

    def be(state: str) -> None:
        page.evaluate(
            """state => {
                Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            state,
        )

    be("hidden")
    expect(page.locator("[data-refresh-state]")).to_have_text("Paused while this page is hidden")
    before = len(asked)
    page.clock.fast_forward(600_000)
    assert len(asked) == before
    heard(gate, timedelta(days=1))
    be("visible")
    expect(row(page, "Gate")).to_contain_text("Offline")
    assert len(asked) > before


def test_the_rate_of_samples_is_there_soon_after_the_first_page(administrator: Page) -> None:
    running("Gate")
    page = administrator
    page.goto("/admin/")

    expect(page.locator("[data-rate]")).to_have_text(re.compile(r"\d"), timeout=SOON)


def test_in_a_mass_silence_the_first_page_names_one_cause_and_its_sites(administrator: Page) -> None:
    north, south = make_site("North"), make_site("South")
    for number in range(20):
        camera = running(f"Gate {number}", site=north if number < 14 else south)
        heard(camera, timedelta(minutes=5, seconds=70 if number < 2 else 0))
    now = datetime.now(UTC)
    FleetVitals.objects.update_or_create(
        defaults={"mass_silence_began_at": now - timedelta(minutes=5), "ticked_at": now}
    )
    page = administrator
    page.goto("/admin/")

    expect(page.get_by_text("20 of the 20 cameras that should run fell silent at once")).to_be_visible()
    expect(page.get_by_text("2 of them had been called offline before")).to_be_visible()
    panel = page.get_by_role("region", name="Fell silent at once")
    expect(panel.get_by_role("row")).to_have_text(
        [re.compile("Site"), re.compile(r"North\s+14 of 14"), re.compile(r"South\s+6 of 6")]
    )
    expect(page.get_by_text("Nothing else: no other camera")).to_be_visible()
    expect(page.locator(".cp-attention")).to_have_count(0)
    assert axe_violations(page) == []


# --- Filters ----------------------------------------------------------------------------------------------


def test_filters_in_use_are_shown_and_taken_off_one_by_one_or_all_at_once(administrator: Page) -> None:
    north = make_site("North")
    make_camera("Gate north", site=north)
    make_camera("Yard north", site=north)
    make_camera("Gate south")
    page = administrator
    rows = page.locator("#result_list tbody tr")
    chips = page.get_by_role("group", name="Filters in use")
    page.goto(f"{LIST}?site__id__exact={north.pk}&desired_state__exact=stopped&q=gate")
    expect(rows).to_have_count(1)
    expect(chips).to_contain_text("Site: North")
    expect(chips).to_contain_text("Desired state: Stopped")
    assert axe_violations(page) == []

    chips.get_by_role("link", name="Site: North").click()
    expect(rows).to_have_count(2)
    expect(chips).not_to_contain_text("North")
    chips.get_by_role("link", name="Clear all filters").click()
    expect(rows).to_have_count(3)
    expect(chips).to_have_count(0)

    page.goto(f"{LIST}?q=nothing+like+this")
    expect(page.get_by_text("No cameras match these filters.")).to_be_visible()


def test_after_a_bulk_action_the_same_list_is_there(administrator: Page) -> None:
    north = make_site("North")
    running("Gate north", site=north)
    running("Gate south")
    page = administrator
    page.goto(f"{LIST}?q=north&o=2")
    page.get_by_label("Select all rows of this page").check()
    page.get_by_label("Select action to run").select_option("stop_cameras")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop 1 camera").click()

    expect(page.get_by_text("1 camera stopped.")).to_be_visible()
    expect(page.locator("#searchbar")).to_have_value("north")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    assert page.url.endswith("?q=north&o=2")


def test_the_export_above_a_filtered_list_is_of_what_is_listed(administrator: Page) -> None:
    north = make_site("North")
    for number in range(3):
        make_camera(f"Gate {number}", site=north)
    make_camera("Yard")
    page = administrator
    page.goto(f"{LIST}?q=gate")
    page.get_by_role("link", name="Export these 3 cameras").click()
    expect(page.get_by_text("Only the cameras of the list as it was filtered: Search: gate.")).to_be_visible()
    page.get_by_label("Format").select_option("json")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()

    written = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert [camera["name"] for camera in written] == ["Gate 0", "Gate 1", "Gate 2"]


# --- For every page ---------------------------------------------------------------------------------------


def test_the_first_tab_stop_leads_past_the_navigation(administrator: Page) -> None:
    camera = make_camera("Gate")
    page = administrator
    for path in ["", "cameras/camera/", f"cameras/camera/{camera.pk}/change/#settings", "cameras/change/"]:
        page.goto("about:blank")
        page.goto(f"/admin/{path}")
        page.locator("#content").wait_for()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("Boolean(document.activeElement.closest('#content'))"), path
        assert ("#settings" in path) == page.url.endswith("#settings")


def test_a_deleted_camera_is_a_page_that_says_so_and_leads_on(administrator: Page) -> None:
    camera = make_camera("Gate")
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=datetime.now(UTC))
    page = administrator.context.new_page()  # whose console may say that the answer is a 404

    answer = page.goto(f"{LIST}{camera.pk}/change/")

    assert answer
    assert answer.status == 404
    expect(page.get_by_text("There is no camera at this address.")).to_be_visible()
    page.get_by_role("link", name="The deleted camera, which can be restored").click()
    page.get_by_role("button", name="Restore").wait_for()
    page.go_back()
    page.get_by_role("link", name="Changes of this camera").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.go_back()
    page.get_by_role("link", name="All cameras").click()
    expect(page.get_by_text("There are no cameras yet.")).to_be_visible()


FIRST_VISIT_AT_MOST = 500_000
LIST_AT_MOST = 60_000
# Without compression: a camera a row, and the page around them.
ROW_AT_MOST, FRAME_AT_MOST = 1_500, 50_000


def on_the_wire(answer: Response) -> int:
    """The bytes of a body as servers send it: texts compressed by gzip at level 6."""
    body = answer.body()
    return len(body) if answer.url.endswith(".woff2") else len(gzip.compress(body, 6))


def test_a_first_visit_and_a_list_of_fifty_are_light(administrator: Page) -> None:
    site = make_site("Central station")
    for number in range(50):
        running(f"Platform {number:02}", site=site)
    cookies = administrator.context.cookies()
    for path in ("/admin/", LIST, f"{LIST}{Camera.objects.first().pk}/change/"):
        context = administrator.context.browser.new_context(base_url=administrator.url.split("/admin")[0])
        context.add_cookies(cookies)
        page, answers = context.new_page(), []
        page.add_init_script(WITHOUT_STREAM)
        page.on("response", lambda answer, answers=answers: answers.append(answer))
        page.goto(path, wait_until="networkidle")
        weights = {answer.url: on_the_wire(answer) for answer in answers if answer.status == 200}
        context.close()
        assert not [address for address in weights if "chart/chart.js" in address]
        assert sum(weights.values()) <= FIRST_VISIT_AT_MOST, (path, weights)
        if path == LIST:
            page_of_list = next(answer for answer in answers if answer.url.endswith(LIST))
            assert weights[page_of_list.url] <= LIST_AT_MOST


# --- On a phone -------------------------------------------------------------------------------------------


def heights(page: Page) -> list[float]:
    return page.evaluate(
        "[...document.querySelectorAll('#result_list tbody tr')].map(row => row.getBoundingClientRect().height)"
    )


def test_on_a_phone_many_cameras_fit_on_a_page_and_two_lines_are_a_record_of_a_log(administrator: Page) -> None:
    camera = running("Gate " + "W" * 60, site=make_site("Distribution centre " + "W" * 60))
    heard(camera, timedelta(days=1))
    for number in range(5):
        running(f"Yard {number}")
    page = administrator
    page.set_viewport_size(PHONE)
    page.goto(LIST)
    page.locator(".cp-spark-place :is(svg, span)").first.wait_for()
    assert max(heights(page)) <= 90
    assert page.evaluate(
        "document.querySelector('.cp-title').scrollWidth <= document.querySelector('.cp-title').clientWidth"
    )

    row(page, "Yard 1").get_by_role("checkbox").check()
    painted = row(page, "Yard 1").evaluate(
        """row => [getComputedStyle(row).backgroundColor,
            ...[...row.children].map(cell => getComputedStyle(cell).backgroundColor)]"""
    )
    assert painted[0] != "rgba(0, 0, 0, 0)"
    assert set(painted[1:]) == {"rgba(0, 0, 0, 0)"}
    for log in ("cameras/change", "access/auditentry"):
        page.goto(f"/admin/{log}/")
        records = page.locator("#result_list summary").evaluate_all("rows => rows.map(row => row.offsetHeight)")
        assert 0 < max(records) <= 60, log
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), log


def test_icons_are_pictures_and_not_their_names(administrator: Page) -> None:
    camera = running("Gate")
    page = administrator
    page.add_init_script(WITHOUT_STREAM)
    for path in (
        "",
        "cameras/camera/",
        f"cameras/camera/{camera.pk}/change/",
        "cameras/camera/add/",
        "access/apitoken/",
    ):
        page.goto(f"/admin/{path}", wait_until="networkidle")
        page.evaluate("document.fonts.ready")
        wide = page.evaluate(
            """[...document.querySelectorAll(".material-symbols-outlined")]
                .filter(icon => icon.scrollWidth > 1.5 * parseFloat(getComputedStyle(icon).fontSize))
                .map(icon => icon.textContent)"""
        )
        assert wide == [], path
