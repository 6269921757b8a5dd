"""A person sees where they are signed in, and ends a session elsewhere."""

import pytest
from playwright.sync_api import Page, expect

from controlplane.access.models import AuditEntry, Session
from tests.browser.conftest import PASSWORD, axe_violations

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_session_elsewhere_is_ended_and_asks_for_the_password_again(administrator: Page) -> None:
    page = administrator
    elsewhere = page.context.browser.new_context(  # type: ignore[union-attr]
        base_url=page.url.partition("/admin/")[0],
        user_agent="Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
    )
    other = elsewhere.new_page()
    other.goto("/admin/")
    other.get_by_label("Username").fill("anna")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Log in", exact=True).click()
    other.wait_for_url("**/admin/")

    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_text("anna (this session)")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Firefox on Windows")
    expect(row).to_be_visible()
    assert axe_violations(page) == []
    row.get_by_role("checkbox").check()
    page.get_by_label("Select action to run").select_option("end_selected")
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_text("1 session ended.")).to_be_visible()
    expect(row).to_have_count(0)
    other.goto("/admin/cameras/camera/")
    expect(other.get_by_label("Password", exact=True)).to_be_visible()
    page.goto("/admin/access/auditentry/")
    expect(page.get_by_text("Sessions of “anna” ended by anna: 1", exact=True)).to_be_visible()
    assert Session.objects.exclude(user=None).count() == 1
    assert AuditEntry.objects.filter(action="user.sessions_ended").count() == 1
    elsewhere.close()
