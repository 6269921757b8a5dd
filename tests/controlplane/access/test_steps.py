"""What a person has to do after signing in: until then nothing else opens, in the admin or in the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cameras.api.watch import _principal_of_session
from controlplane.access import first_passwords, second_factors
from controlplane.access.people import PeopleBackend
from controlplane.access.steps import Step, step_of
from controlplane.problems import Problem
from tests.factories import make_token
from tests.people import PASSWORD, give_app, give_recovery_codes, make_person

ACCOUNT = "/admin/account/"
PASSWORD_PAGE = f"{ACCOUNT}password/"
NEW = "seven-tall-lamps-in-a-row"
pytestmark = pytest.mark.django_db


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize(
    ("required_of", "role", "superuser", "has_app", "step"),
    [
        ("nobody", "administrator", False, False, None),
        ("nobody", "", True, False, None),
        ("administrators", "viewer", False, False, None),
        ("administrators", "operator", False, False, None),
        ("administrators", "administrator", False, False, Step.SECOND_FACTOR),
        ("administrators", "administrator", False, True, None),
        ("administrators", "", True, False, Step.SECOND_FACTOR),
        ("administrators", "", True, True, None),
        ("everybody", "viewer", False, False, Step.SECOND_FACTOR),
        ("everybody", "viewer", False, True, None),
        ("everybody", "", False, False, Step.SECOND_FACTOR),
    ],
)
def test_who_needs_a_second_factor(
    settings: Any, required_of: str, role: str, superuser: bool, has_app: bool, step: Step | None
) -> None:
    settings.REQUIRE_MFA = required_of
    person = make_person("anna", role, is_superuser=superuser)
    if has_app:
        give_app(person)
    else:
        give_recovery_codes(person)  # codes alone are no second factor

    assert step_of(PeopleBackend().get_user(person.pk), {}) == step


@pytest.mark.parametrize(
    ("step", "leads_to", "within"),
    [
        (Step.FIRST_PASSWORD, PASSWORD_PAGE, [PASSWORD_PAGE]),
        (Step.SECOND_FACTOR, ACCOUNT, [ACCOUNT, PASSWORD_PAGE]),
    ],
    ids=["first password", "second factor"],
)
def test_until_the_step_is_taken_nothing_else_opens(
    settings: Any, step: Step, leads_to: str, within: list[str]
) -> None:
    person = make_person("anna", "administrator")
    settings.REQUIRE_MFA = "administrators"
    if step is Step.FIRST_PASSWORD:
        first_passwords.require_change(person, timezone.now())
    client = signed_in(person)

    for page in (
        "/admin/",
        "/admin/cameras/camera/",
        "/admin/auth/user/",
        "/admin/preferences/",
        "/admin/search/?s=a",
    ):
        assert client.get(page)["Location"] == leads_to
        assert client.post(page).status_code == 403
    for address in ("/cameras", "/sites", "/me", "/schema", "/metrics"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()["detail"]) == (403, step.value)
    assert client.post("/cameras", {}, content_type="application/json").status_code == 403
    for page in within:
        assert client.get(page).status_code == 200
    assert client.post("/admin/logout/").status_code == 200
    token = {"Authorization": f"Bearer {make_token('viewer')}"}
    assert signed_in(person).get("/cameras", headers=token).status_code == 200  # a token is no session


def test_a_first_password_is_changed_and_then_the_rest_opens() -> None:
    person = make_person("anna", "viewer")
    first_passwords.require_change(person, timezone.now())
    client = signed_in(person)
    given = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}

    same = client.post(PASSWORD_PAGE, given | {"password1": PASSWORD, "password2": PASSWORD})
    assert "This is the present one" in same.content.decode()
    assert client.get("/admin/").status_code == 302
    assert client.post(PASSWORD_PAGE, given)["Location"] == "/admin/"

    assert client.get("/admin/").status_code == 200
    person.refresh_from_db()
    assert person.check_password(NEW)


def test_what_is_asked_at_every_request_costs_no_query_of_its_own(
    settings: Any, django_assert_num_queries: Any
) -> None:
    settings.REQUIRE_MFA = "administrators"
    person = make_person("anna", "administrator")
    give_app(person)
    with django_assert_num_queries(1):
        loaded = PeopleBackend().get_user(person.pk)
        assert step_of(loaded, {}) is None
        assert second_factors.has_one(loaded)


def test_waiting_for_changes_is_refused_too(settings: Any) -> None:
    """That endpoint stands beside Django, and reads the session by itself."""
    settings.REQUIRE_MFA = "administrators"
    client = signed_in(make_person("anna", "administrator"))

    with pytest.raises(Problem) as refused:
        _principal_of_session(client.session.session_key)

    assert (refused.value.status, refused.value.detail) == (403, Step.SECOND_FACTOR.value)
