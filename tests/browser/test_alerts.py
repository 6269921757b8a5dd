"""A subscription to alerts, as a person makes and tries it in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from telemetry.alerts.channels import destinations
from telemetry.alerts.models import Subscription

pytestmark = pytest.mark.django_db(transaction=True)

SUBSCRIPTIONS = "/admin/alerts/subscription/"


def no_name(host: str, port: int) -> list[str]:
    """No question leaves the machine: only addresses are known here."""
    if host.endswith(".example"):
        raise OSError
    return [host]


def test_a_person_makes_a_webhook_and_tries_it_and_its_pages_fit_a_phone(
    administrator: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "resolve", no_name)
    page = administrator
    page.goto(f"{SUBSCRIPTIONS}add/")
    expect(page.get_by_label("E-mail addresses")).to_be_hidden()
    page.get_by_label("Name").fill("Control room")
    page.get_by_label("URL").fill("https://127.0.0.1/hook")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("not public")).to_be_visible()
    page.get_by_label("URL").fill("https://hooks.example/hook")
    page.get_by_role("button", name="Save", exact=True).click()

    secret = page.get_by_label("Secret").input_value()
    assert secret.startswith("whsec_")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("button", name="Send a test")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The test did not arrive.")).to_be_visible()
    page.get_by_role("link", name="All its deliveries").click()
    expect(page.locator("#result_list .cp-entry")).to_have_count(1)
    expect(page.locator("#result_list").get_by_text("Given up")).to_be_visible()
    assert Subscription.objects.get().topics == ["silence", "failing", "orphaned", "fleet", "capacity"]

    page.set_viewport_size({"width": 390, "height": 844})
    for path in (f"{SUBSCRIPTIONS}add/", SUBSCRIPTIONS, "/admin/alerts/delivery/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
