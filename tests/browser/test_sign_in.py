"""Signing in with second factors, first passwords and forgotten ones, as people do it."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from queue import Queue
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from controlplane.access.models import AuditEntry
from tests.browser.conftest import axe_violations
from tests.people import PASSWORD, code_of, give_app, give_recovery_codes, make_person
from tests.processes import free_port

NEW = "seven-tall-lamps-in-a-row"
pytestmark = pytest.mark.django_db(transaction=True)


def log_in(page: Page, password: str = PASSWORD, name: str = "anna") -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def leave(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/admin/")


def expect_overview(page: Page) -> None:
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def expect_to_fit(page: Page) -> None:
    """Nothing is against WCAG, and the page is not wider than a phone."""
    assert axe_violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1280, "height": 800})


def test_an_administrator_is_led_to_an_app_and_then_signs_in_with_its_codes(tab: Page, settings: Any) -> None:
    settings.REQUIRE_MFA = "administrators"
    make_person("anna", "administrator")
    page = tab
    page.goto("/admin/")
    expect_to_fit(page)
    log_in(page)
    expect(page.get_by_text("Your role needs a second factor.")).to_be_visible()
    expect_to_fit(page)
    page.goto("/admin/cameras/camera/")
    expect(page.get_by_role("heading", name="Sign-in and security")).to_be_visible()

    page.get_by_role("link", name="Add an app").click()
    page.get_by_text("The app cannot scan").click()
    expect_to_fit(page)
    seed = page.locator("#app-secret").input_value()
    page.get_by_label("Code that the app shows").fill(code_of(seed, periods_ago=1))
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_role("textbox", name="Recovery codes")).to_have_value(re.compile(r"(\d{8}\s){9}\d{8}"))
    expect_to_fit(page)
    page.get_by_role("link", name="I have kept them").click()
    expect_overview(page)

    leave(page)
    log_in(page)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("This did not work.")).to_be_visible()
    expect_to_fit(page)
    page.get_by_label("Code").fill(code_of(seed))
    page.get_by_role("button", name="Continue").click()
    expect_overview(page)


@pytest.fixture
def authenticator(tab: Page) -> Iterator[Any]:
    """A device of the browser's own that keeps passkeys and says that it is anna who holds it."""
    session = tab.context.new_cdp_session(tab)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.authenticator_id = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})[
        "authenticatorId"
    ]
    yield session
    session.detach()


def test_a_passkey_is_a_second_factor_and_signs_in_by_itself(tab: Page, authenticator: Any) -> None:
    person = make_person("anna", "viewer")
    page = tab
    log_in(page)
    expect_overview(page)
    page.goto("/admin/account/")
    page.get_by_role("link", name="Add a passkey").click()
    expect_to_fit(page)
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Add the passkey").click()
    page.get_by_role("link", name="I have kept them").click()
    page.goto("/admin/account/")
    expect(page.get_by_role("link", name="Remove Laptop")).to_be_visible()
    expect_to_fit(page)

    leave(page)
    log_in(page)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    expect_to_fit(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect_overview(page)

    leave(page)
    page.goto("/admin/preferences/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("heading", name="My preferences")).to_be_visible()

    page.goto("/admin/account/again/passkey/?next=/admin/account/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Sign-in and security")).to_be_visible()
    page.get_by_role("link", name="Remove Laptop").click()
    expect_to_fit(page)
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
    assert not Authenticator.objects.filter(user=person).exists()
    changes = AuditEntry.objects.filter(action__contains="factor_").order_by("pk")
    assert [(entry.action, entry.fields) for entry in changes] == [
        ("user.factor_added", ["webauthn"]),
        ("user.factor_removed", ["webauthn"]),
    ]


def test_a_passkey_that_does_not_say_who_holds_it_and_one_of_a_disabled_person_open_nothing(
    tab: Page, authenticator: Any
) -> None:
    person = make_person("anna", "viewer")
    page = tab
    log_in(page)
    expect_overview(page)
    page.goto("/admin/account/passkeys/add/")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("link", name="I have kept them")).to_be_visible()

    leave(page)
    verified = {"authenticatorId": authenticator.authenticator_id, "isUserVerified": False}
    authenticator.send("WebAuthn.setUserVerified", verified)
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("The passkey did not answer, or it was turned away.")).to_be_visible()

    authenticator.send("WebAuthn.setUserVerified", verified | {"isUserVerified": True})
    User.objects.filter(pk=person.pk).update(is_active=False)
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("This account may not sign in.")).to_be_visible()
    page.goto("/admin/")
    expect(page.get_by_label("Username")).to_be_visible()


def test_a_recovery_code_opens_where_the_phone_is_gone(tab: Page) -> None:
    person = make_person("anna", "viewer")
    give_app(person)
    codes = give_recovery_codes(person)
    page = tab
    log_in(page)
    page.get_by_label("Code").fill(codes[4])
    page.get_by_role("button", name="Continue").click()
    expect_overview(page)
    page.goto("/admin/account/")
    expect(page.get_by_text("9 codes are left.")).to_be_visible()

    page.get_by_role("link", name="Make new codes").click()
    page.get_by_role("button", name="Make new codes").click()
    expect(page.get_by_role("textbox", name="Recovery codes")).not_to_have_value(re.compile("|".join(codes)))


@pytest.fixture
def mails(settings: Any) -> Iterator[Queue[Any]]:
    """What comes to a mail server on loopback, which is the one of the service."""
    taken: Queue[Any] = Queue()

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            taken.put(message_from_bytes(envelope.content))
            return "250 taken"

    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    controller = Controller(Handler(), hostname=settings.EMAIL_HOST, port=settings.EMAIL_PORT)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_USE_TLS = False
    yield taken
    controller.stop()


def test_a_forgotten_password_is_set_anew_by_a_link_in_an_e_mail(tab: Page, mails: Queue[Any]) -> None:
    make_person("anna", "viewer", email="anna@example.com")
    page = tab
    page.goto("/admin/")
    page.get_by_role("link", name="Forgotten your password?").click()
    expect_to_fit(page)
    page.get_by_label("Email").fill("Anna@example.com")
    page.get_by_role("button", name="Send the e-mail").click()
    expect(page.get_by_text("an e-mail with a link is on its way")).to_be_visible()

    mail = mails.get(timeout=20)
    assert mail["To"] == "anna@example.com"
    text = mail.get_payload(decode=True).decode()
    page.goto(re.search(r"http://\S+", text.partition("minutes:")[2])[0])  # type: ignore[index]
    page.get_by_label("New password", exact=True).fill("anna@example.com")
    page.get_by_label("New password, once more").fill("anna@example.com")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("too similar").first).to_be_visible()
    expect_to_fit(page)
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password, once more").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_label("Username")).to_be_visible()

    log_in(page, NEW)
    expect_overview(page)
    assert mails.empty()
