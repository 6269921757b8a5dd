"""Single sign-on in a browser, at a provider that runs beside the service."""

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from controlplane.access.memberships import roles_of
from tests.browser.conftest import tab_at
from tests.browser.test_sign_in import expect_overview, expect_to_fit, leave, log_in
from tests.factories import make_site
from tests.people import make_person
from tests.processes import end, free_port, start

JSON = {"Content-Type": "application/json"}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider(tmp_path: Path, settings: Any) -> Iterator[Any]:
    """A process of its own; the settings name it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = start(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"], log=tmp_path / "log"
    )
    started = time.monotonic()
    while True:
        try:
            httpx.get(f"{address}/.well-known/openid-configuration")
            break
        except httpx.HTTPError:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() - started < 30
            time.sleep(0.05)
    settings.OIDC_ISSUER = address
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "control-plane", "a-secret-of-a-client"
    settings.OIDC_ROLE_MAP = {"cctv-admins": ["administrator"], "north-ops": ["operator@North"]}
    yield process
    end(process)


def say_of_olga(settings: Any, *groups: str) -> None:
    """What the provider says of olga from now on."""
    claims = {"preferred_username": "olga", "email": "olga@example.com", "groups": groups}
    answer = httpx.put(f"{settings.OIDC_ISSUER}/users/olga", content=json.dumps(claims), headers=JSON)
    assert answer.status_code == 204


@pytest.fixture
def page(chromium: str, live_server: Any, provider: Any, settings: Any, monkeypatch: Any) -> Iterator[Page]:
    style_sheets = "https://"  # the pages of that provider have theirs elsewhere: they go without
    with tab_at(chromium, live_server.url, monkeypatch, also=(settings.OIDC_ISSUER, style_sheets)) as tab:
        tab.route(re.compile(f"^{style_sheets}"), lambda route: route.fulfill(body="", content_type="text/css"))
        yield tab


def come(page: Page) -> None:
    page.get_by_role("button", name="Sign in with 127.0.0.1").click()
    page.locator("input[name=sub]").fill("olga")
    page.get_by_role("button", name="Authorize").click()


def test_roles_come_and_go_with_the_claim(page: Page, settings: Any) -> None:
    north = make_site("North")
    say_of_olga(settings, "cctv-admins")
    page.goto("/admin/auth/user/")
    expect_to_fit(page)
    come(page)
    expect(page.get_by_role("link", name="olga", exact=True)).to_be_visible()  # back where it began
    page.goto("/admin/account/")
    expect(page.get_by_text("which says your roles each time")).to_be_visible()
    expect_to_fit(page)

    say_of_olga(settings, "north-ops")
    leave(page)
    come(page)
    expect_overview(page)
    assert roles_of(User.objects.get()) == {north.pk: "operator"}

    say_of_olga(settings)
    leave(page)
    come(page)
    expect(page.get_by_text("gives you no role here")).to_be_visible()
    expect_to_fit(page)
    page.goto("/admin/")
    expect(page.get_by_label("Username")).to_be_visible()
    assert roles_of(User.objects.get()) == {}


def test_who_was_here_before_connects_their_account(page: Page, settings: Any) -> None:
    make_person("anna", "administrator")
    say_of_olga(settings, "cctv-admins")
    log_in(page)
    expect_overview(page)
    page.goto("/admin/account/")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.locator("input[name=sub]").fill("olga")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("You can sign in with 127.0.0.1")).to_be_visible()
    expect_to_fit(page)

    leave(page)
    come(page)
    expect_overview(page)
    assert User.objects.get().username == "anna"


def test_where_the_provider_is_away_the_page_says_so_and_a_password_opens(page: Page, provider: Any) -> None:
    make_person("anna", "administrator")
    page.goto("/admin/")
    end(provider)
    page.get_by_role("button", name="Sign in with 127.0.0.1").click()
    expect(page.get_by_text("does not answer. Try later, or log in with a password")).to_be_visible()
    expect_to_fit(page)

    log_in(page)
    expect_overview(page)
