"""A colleague is one form, and signs in at once, with a password of their own from then on."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from controlplane.access.memberships import roles_of
from tests.admin_client import make_person
from tests.browser.conftest import PASSWORD, axe_violations
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(page: Page, username: str, password: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login/" not in url)


def change_first_password(page: Page, password: str) -> None:
    page.get_by_label("Present password").fill(password)
    page.get_by_label("New password", exact=True).fill("seven-tall-lamps-in-a-row")
    page.get_by_label("New password, once more").fill("seven-tall-lamps-in-a-row")
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/admin/")


def sign_out(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/admin/")


def test_a_new_colleague_is_one_form_and_signs_in_at_once(administrator: Page) -> None:
    make_camera("Gate", desired_state="running")
    page = administrator
    page.goto("/admin/auth/user/add/")
    assert axe_violations(page) == []
    page.get_by_label("Username").fill("olga")
    page.get_by_label("First name").fill("Olga")
    page.get_by_label("Email address").fill("olga@example.com")
    page.locator("[name=memberships-0-role]").select_option("Operator")
    page.get_by_role("button", name="Save", exact=True).click()
    secret = page.get_by_role("textbox", name="Secret")
    expect(secret).to_be_visible()
    password = secret.input_value()
    assert axe_violations(page) == []

    sign_out(page)
    sign_in(page, "olga", password)
    expect(page.get_by_text("Somebody else has set your password.")).to_be_visible()
    assert axe_violations(page) == []
    change_first_password(page, password)
    page.goto("/admin/cameras/camera/")
    page.get_by_role("link", name="Gate").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped by olga at")).to_be_visible()
    assert page.locator("a[href*='camera/add']").count() == 0  # an operator, and no more


def test_a_role_is_changed_by_one_choice_and_a_typed_password_is_looked_at(administrator: Page) -> None:
    page = administrator
    page.goto("/admin/auth/user/add/")
    page.get_by_label("Username").fill("vera")
    page.get_by_label("Password", exact=True).fill("seen-While-typed-7")
    page.get_by_role("button", name="Show what is typed").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="vera").first.click()
    expect(page.locator("[name=memberships-0-role]")).to_have_value("viewer")
    expect(page.get_by_label("May sign in")).to_be_checked()
    assert axe_violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("[name=memberships-0-role]").select_option("Administrator")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert roles_of(User.objects.get(username="vera")) == {None: "administrator"}

    sign_out(page)
    sign_in(page, "vera", "seen-While-typed-7")
    change_first_password(page, "seen-While-typed-7")
    page.goto("/admin/auth/user/add/")
    expect(page.get_by_label("Username")).to_be_visible()


def test_who_has_a_role_at_one_site_sees_that_site_and_operates_there(administrator: Page) -> None:
    north, south = make_site("North"), make_site("South of all")
    gate, _ = make_camera("Gate", site=north), make_camera("Pier", site=south)
    vera = make_person("vera", "viewer")
    vera.set_password(PASSWORD)
    vera.save()
    page = administrator
    page.goto(f"/admin/auth/user/{vera.pk}/change/")
    page.locator("[name=memberships-0-role]").select_option("operator")
    page.locator("[name=memberships-0-place]").select_option("North")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Operator: North")).to_be_visible()

    sign_out(page)
    sign_in(page, "vera", PASSWORD)
    for address in ("/admin/", "/admin/cameras/camera/", "/admin/cameras/site/", "/admin/cameras/change/"):
        page.goto(address)
        expect(page.get_by_text("North").first).to_be_visible()
        shown = page.locator("body").inner_text()
        assert [name for name in ("South of all", "Pier") if name in shown] == [], address
    page.goto(f"/admin/cameras/camera/{gate.pk}/change/")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("1 camera started.")).to_be_visible()
