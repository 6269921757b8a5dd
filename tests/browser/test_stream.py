"""Pages that hear of what happens by the stream of events, of the service as it runs in production."""

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from cameras import actions
from cameras.models import Camera, DesiredState
from tests.browser.conftest import sign_in, tab_at
from tests.browser.test_lists import LIST, running
from tests.factories import AUTHOR, make_site, make_token
from tests.faults.service import Service
from tests.manage_process import database_url
from tests.processes import end, service_environment, start

pytestmark = pytest.mark.django_db(transaction=True)

SOON = 20_000
UNREACHABLE = "net::ERR_"
REFUSED = "refused the user name or the password"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service and its detector, on the database of the test."""
    keys = {name: os.environ[name] for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS")}
    environment = service_environment(database_url()) | keys
    maintain = start([sys.executable, "manage.py", "maintain"], log=tmp_path / "maintain.log", env=environment)
    try:
        with Service(tmp_path, database_url(), settings=keys) as service:
            yield service
    finally:
        end(maintain)


@pytest.fixture
def page(chromium: str, service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A tab of an administrator; while they have a stream, its pages ask for nothing without an event."""

    def ask_only_after_events(route: Route) -> None:
        if not route.request.is_navigation_request():
            return route.fallback()
        answer = route.fetch()
        state = "data-refresh-state"
        html = answer.text().replace(state, f'{state} data-every-ms="3600000"', 1)
        return route.fulfill(response=answer, body=html)

    with tab_at(chromium, service.url, monkeypatch, every=True, but=UNREACHABLE) as tab:
        sign_in(tab, service.url)
        tab.context.route(re.compile("/admin/"), ask_only_after_events)
        yield tab


class Worker:
    """Says how the worker of a camera is."""

    def __init__(self, service: Service, camera: Camera) -> None:
        self.url = f"{service.url}/telemetry/{camera.pk}"
        self.headers = {"Authorization": f"Bearer {make_token('worker')}"}

    def fails(self) -> None:
        self._post("/report", {"phase": "failed", "reason": "stream_unauthorized"})

    def works(self) -> None:
        self._post("", {"timestamp": datetime.now(UTC).isoformat(), "occupancy": 3, "confidence": 0.9})

    def _post(self, path: str, body: dict[str, Any]) -> None:
        httpx.post(self.url + path, json=body, headers=self.headers, timeout=30).raise_for_status()


def streams(page: Page) -> Page:
    expect(page.locator("[data-refresh-state]")).to_have_attribute("data-streaming", "", timeout=SOON)
    return page


def test_a_status_shows_in_seven_tabs_by_one_stream_also_after_a_restart_of_the_service(
    page: Page, service: Service
) -> None:
    site = make_site("North")
    gate = running("Gate", site=site)
    worker = Worker(service, gate)
    places = {
        "/admin/": "#content",
        LIST: "#result_list",
        f"{LIST}?q=Gate": "#result_list",
        f"{LIST}?site__id__exact={site.pk}": "#result_list",
        f"{LIST}{gate.pk}/change/": "#cp-now",
        f"/admin/cameras/site/{site.pk}/change/": ".cp-site-cameras",
        "/admin/cameras/change/": "",
    }
    shown = []
    for path, place in places.items():
        tab = page.context.new_page()
        tab.goto(path)
        if place:
            shown.append(streams(tab).locator(place))
    worker.fails()
    for each in shown:
        expect(each).to_contain_text(REFUSED, timeout=SOON)

    service.stop()
    for each in shown:
        expect(each.page.locator("[data-refresh-state]")).not_to_have_attribute("data-streaming", "", timeout=SOON)
    service.start()
    for each in shown:
        streams(each.page)
    worker.works()
    for each in shown:
        expect(each).not_to_contain_text(REFUSED, timeout=SOON)

    log = page.context.pages[-1].locator(".cp-list")
    expect(log).not_to_contain_text("stopped")
    actions.set_desired_state(
        camera_ids=[gate.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=datetime.now(UTC)
    )
    expect(log).to_contain_text("stopped", timeout=SOON)


def test_many_events_are_few_requests_and_those_of_other_cameras_are_none(page: Page, service: Service) -> None:
    gate = running("Gate")
    worker = Worker(service, gate)
    others = [Worker(service, running(f"Yard {number}")) for number in range(30)]
    asked: list[str] = []
    page.goto(f"{LIST}{gate.pk}/change/")
    streams(page)
    listed = page.context.new_page()
    listed.goto(f"{LIST}?o=1")
    streams(listed)
    with listed.expect_response(lambda answer: "x-refresh" in answer.request.headers, timeout=SOON):
        pass  # the first one, of its own accord
    page.context.on("request", lambda request: "x-refresh" in request.headers and asked.append(request.url))

    for other in others:
        other.fails()
    for number in (0, 29):
        expect(listed.get_by_role("row", name=f"Yard {number} ")).to_contain_text(REFUSED, timeout=SOON)

    assert [url for url in asked if str(gate.pk) in url] == []
    assert 1 <= len(asked) <= 15
    worker.fails()
    expect(page.locator("#cp-now")).to_contain_text(REFUSED, timeout=SOON)


def test_whoever_is_signed_out_is_told_so_and_the_stream_goes_on_with_the_next_sign_in(
    page: Page, service: Service
) -> None:
    gate = running("Gate")
    page.goto(LIST)
    streams(page)
    cookies = page.context.cookies()

    page.context.clear_cookies()
    Worker(service, gate).fails()

    expect(page.locator("[data-refresh-state]")).to_contain_text("You are signed out; as of", timeout=SOON)
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    streams(page)
