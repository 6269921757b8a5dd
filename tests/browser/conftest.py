"""A real browser against the running service: one chromium for the session, a fresh profile for each test."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Page, sync_playwright

from tests.admin_client import make_person, signed_in

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SWITCHES = [
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PASSWORD = "a-password-for-one-test"
# For a page that has to come to rest: Playwright takes the script of a shared worker for a request without an end.
WITHOUT_STREAM = (
    "globalThis.SharedWorker = undefined; globalThis.EventSource = class extends EventTarget { close() {} };"
)

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
# Faults of packages, by rule and a part of the selector: Select2, as Django brings it, names its empty box by nothing.
AXE_UPSTREAM = [("aria-input-field-name", "select2")]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the browser listens. It is a process of its own: Playwright keeps an event loop in the thread that
    uses it, in which Django refuses the ORM, so each test connects for itself and leaves no loop behind.
    """
    profile = tmp_path_factory.mktemp("chromium")
    process = subprocess.Popen(
        [CHROMIUM, *SWITCHES, f"--user-data-dir={profile}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    listening = profile / "DevToolsActivePort"
    started = time.monotonic()
    while not (listening.exists() and listening.read_text()):
        assert process.poll() is None, "chromium ended by itself"
        assert time.monotonic() - started < 30, "chromium does not listen"
        time.sleep(0.05)
    yield f"http://127.0.0.1:{listening.read_text().splitlines()[0]}"
    process.terminate()
    process.wait(15)


@pytest.fixture
def tab(chromium: str, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    with tab_at(chromium, live_server.url, monkeypatch) as tab:
        yield tab


@contextmanager
def tab_at(
    chromium: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    every: bool = False,
    but: str = "",
    also: tuple[str, ...] = (),
) -> Iterator[Page]:
    """Console errors, refusals by the CSP, dialogs and requests to the outside fail the test.

    Those of every tab, or of this one alone; errors on the console that hold the text `but` do not, and neither does
    what is asked of addresses that begin with `also`.
    """
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    faults: list[str] = []
    inside = (url, "data:", *also)

    def watch(tab: Page) -> None:
        tab.on("console", lambda line: line.type == "error" and faults.append(f"{tab.url}: {line.text}"))
        tab.on("pageerror", lambda error: faults.append(f"{tab.url}: {error.stack}"))
        tab.on("dialog", lambda dialog: (faults.append(f"{tab.url}: a dialog"), dialog.dismiss()))
        tab.on("request", lambda asked: asked.url.startswith(inside) or faults.append(f"asked {asked.url}"))

    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(chromium)
        context = browser.new_context(base_url=url)
        context.set_default_timeout(15_000)
        if every:
            context.on("page", watch)
        tab = context.new_page()
        if not every:
            watch(tab)
        yield tab
        context.close()
        connections.close_all()  # those of this loop: Django keeps them apart from the thread's own
    assert [fault for fault in faults if not but or but not in fault] == []


@pytest.fixture
def administrator(tab: Page, live_server: Any) -> Page:
    """The tab, with an administrator signed in."""
    sign_in(tab, live_server.url)
    return tab


def sign_in(tab: Page, url: str) -> None:
    """Sign a new administrator in, `anna`; the form is tested by itself."""
    anna = make_person("anna", "administrator")
    anna.set_password(PASSWORD)
    anna.save()
    cookie = signed_in(anna).cookies[settings.SESSION_COOKIE_NAME]
    tab.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": url}])
    tab.goto("/admin/")


def axe_violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA on the page as it stands, in light and in dark.

    One text for each element, with the look, the rule and where it is; leaves the page in light.
    """
    found = []
    page.evaluate(AXE)
    for look in ("dark", "light"):
        wear(page, look)
        for rule in page.evaluate("rules => axe.run(rules).then(result => result.violations)", AXE_RULES):
            for node in rule["nodes"]:
                where = node["target"][-1]
                if any(rule["id"] == known and part in where for known, part in AXE_UPSTREAM):
                    continue
                why = node["failureSummary"].partition("\n")[2].strip().partition("\n")[0]
                found.append(f"{look}: {rule['id']} at {where}: {why}")
    return found


def wear(page: Page, look: str) -> None:
    """Switch the admin to `light` or `dark`, as its menu does, and wait until the colours have settled."""
    page.evaluate("look => Alpine.$data(document.documentElement).switchTheme(look)", look)
    page.wait_for_function("look => document.documentElement.classList.contains(look)", arg=look)
    page.evaluate(
        "document.getAnimations().forEach(running => running instanceof CSSTransition && running.finish())"
    )
