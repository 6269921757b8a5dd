"""What was typed outlives the session, without its secrets; an edited form is not left without a question."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Dialog, Page, expect

from cameras.models import Camera, Site
from controlplane.access.models import ApiToken
from telemetry.alerts.models import Subscription
from tests.admin_client import make_person
from tests.browser.conftest import PASSWORD, axe_violations
from tests.browser.test_admin import choose
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "Typed-0nce-only"
OTHER_URL = f"rtsp://user:{SECRET}@10.0.0.9:554/other"
PUT_BACK = "You were signed out before this was saved."
ZONE = {"type": "Polygon", "coordinates": [[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.1]]]}


def end_session(page: Page) -> None:
    page.context.clear_cookies(name="sessionid")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def sign_in(page: Page, username: str = "anna") -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def kept(page: Page) -> str:
    """All that the browser keeps of this tab and of this site."""
    return page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")


def test_a_camera_comes_back_as_it_was_sent_and_its_secret_is_asked_for(administrator: Page) -> None:
    camera = make_camera("Gate")
    page = administrator
    page.goto(f"/admin/cameras/camera/{camera.pk}/change/#settings")
    page.get_by_label("Notes").fill("two\nlines")
    page.locator("#id_connection_string").fill(OTHER_URL)
    page.get_by_role("link", name="Zones").click()
    page.get_by_text("Edit as JSON").click()
    page.locator("#id_zone_config").fill(json.dumps(ZONE))
    end_session(page)
    save(page)

    page.wait_for_url("**/admin/account/login/**")
    assert SECRET not in kept(page)
    sign_in(page)
    expect(page.get_by_text(PUT_BACK)).to_contain_text("Give again what is never kept: Connection string.")
    assert page.url.endswith("#zones")
    expect(page.get_by_role("button", name="zone-1, Area. Points: 3")).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_label("Notes")).to_have_value("two\nlines")
    expect(page.locator("#id_connection_string")).to_have_value("")
    assert axe_violations(page) == []
    assert Camera.objects.get().notes == ""
    page.locator("#id_connection_string").fill(OTHER_URL)
    save(page)

    expect(page.get_by_text("was changed successfully")).to_be_visible()
    stored = Camera.objects.get()
    assert (stored.notes, stored.address, len(stored.zone_config["features"])) == ("two\nlines", "10.0.0.9:554", 1)
    assert "two" not in kept(page)


def fill_site(page: Page) -> None:
    page.get_by_label("Name").fill("North")
    page.get_by_label("Location").fill("Harbour")


def fill_person(page: Page) -> None:
    page.get_by_label("Username").fill("olga")
    page.locator("[name=memberships-0-role]").select_option("Operator")
    page.get_by_label("Password", exact=True).fill(SECRET)


def fill_subscription(page: Page) -> None:
    page.get_by_label("Name").fill("Control room")
    page.get_by_label("Channel").select_option("email")
    page.get_by_label("E-mail addresses").fill("room@example.com")
    page.get_by_label("Grace (seconds)").fill("90")
    page.locator("[name=topics]").first.uncheck()


def fill_token(page: Page) -> None:
    page.get_by_label("Name").fill("worker of the gate")
    page.get_by_label("Role").select_option("worker")
    choose(page, "cameras", "Gat")
    page.get_by_label("Expires").fill("2099-01-01T09:00")


FORMS: list[tuple[str, Callable[[Page], None], Callable[[], Any], Any]] = [
    (
        "cameras/site/add/",
        fill_site,
        lambda: Site.objects.values_list("name", "location").get(),
        ("North", "Harbour"),
    ),
    (
        "auth/user/add/",
        fill_person,
        lambda: list(User.objects.filter(username="olga").values_list("memberships__role", flat=True)),
        ["operator"],
    ),
    (
        "alerts/subscription/add/",
        fill_subscription,
        lambda: [
            (row.name, row.channel, row.addresses, row.grace_seconds, len(row.topics))
            for row in Subscription.objects.all()
        ],
        [("Control room", "email", "room@example.com", 90, 4)],
    ),
    (
        "access/apitoken/add/",
        fill_token,
        lambda: [
            (row.name, row.role, row.bindings.count(), f"{row.expires_at:%Y-%m-%d %H}")
            for row in ApiToken.objects.all()
        ],
        [("worker of the gate", "worker", 1, "2099-01-01 09")],
    ),
]


@pytest.mark.parametrize(("path", "fill", "stored", "expected"), FORMS, ids=[row[0] for row in FORMS])
def test_every_form_comes_back_as_it_was_sent(
    administrator: Page, path: str, fill: Callable[[Page], None], stored: Callable[[], Any], expected: Any
) -> None:
    make_camera("Gate")
    page = administrator
    page.goto(f"/admin/{path}")
    fill(page)
    end_session(page)
    save(page)
    page.wait_for_url("**/admin/account/login/**")
    assert SECRET not in kept(page)
    sign_in(page)
    expect(page.get_by_text(PUT_BACK)).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        save(page)
    page.wait_for_load_state()

    assert stored() == expected


def test_nobody_else_reads_what_was_typed(administrator: Page) -> None:
    oskar = make_person("oskar", "administrator")
    oskar.set_password(PASSWORD)
    oskar.save()
    page = administrator
    page.goto("/admin/cameras/site/add/")
    fill_site(page)
    end_session(page)
    save(page)
    page.wait_for_url("**/admin/account/login/**")
    sign_in(page, "oskar")
    expect(page.get_by_label("Name")).to_have_value("")

    assert page.get_by_text(PUT_BACK).count() == 0
    assert "Harbour" not in kept(page)


def test_a_form_comes_back_when_another_answered_for_the_service(administrator: Page) -> None:
    page = administrator
    page.goto("/admin/cameras/site/add/")
    fill_site(page)
    page.route("**/site/add/", lambda route: route.fulfill(content_type="text/html", body="<p>Maintenance</p>"))
    save(page)
    expect(page.get_by_text("Maintenance")).to_be_visible()
    page.unroute("**/site/add/")
    page.go_back()

    expect(page.get_by_label("Location")).to_have_value("Harbour")
    save(page)
    expect(page.get_by_text("was added successfully")).to_be_visible()
    page.goto("/admin/cameras/site/add/")
    expect(page.get_by_label("Location")).to_have_value("")


def test_leaving_an_edited_form_asks_and_nothing_else_does(administrator: Page) -> None:
    site, camera = make_site("North"), make_camera("Gate")
    page = administrator.context.new_page()
    questions: list[str] = []

    def answer(dialog: Dialog) -> None:
        questions.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", answer)
    for path in (
        f"cameras/site/{site.pk}/change/#edit",
        f"cameras/camera/{camera.pk}/change/#settings",
        f"cameras/camera/{camera.pk}/change/#zones",
        "cameras/camera/add/",
        "alerts/subscription/add/",
        "access/apitoken/add/",
        "auth/user/add/",
        "preferences/",
    ):
        page.goto(f"/admin/{path}")
        page.locator("#content form input:visible, #content form select:visible").first.wait_for()
        page.locator("#content").click(position={"x": 2, "y": 2})  # browsers ask only where somebody has acted
        page.locator("a[href='/admin/']").filter(has_text="Overview").first.click()
        page.wait_for_url("**/admin/")
    assert questions == []

    page.goto(f"/admin/cameras/site/{site.pk}/change/#edit")
    page.get_by_label("Location").fill("Harbour")
    page.locator("a[href='/admin/']").filter(has_text="Overview").first.click()
    expect(page.get_by_label("Location")).to_have_value("Harbour")
    assert questions == ["beforeunload"]
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert questions == ["beforeunload"]
    page.close()
