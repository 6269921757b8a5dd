"""Signing in: by password, with a second factor; who is turned away, and where it leads."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from controlplane.access.models import AuditEntry
from controlplane.access.sign_in.urls import urlpatterns
from tests.people import (
    PASSWORD,
    SECOND_FACTOR,
    SIGN_IN,
    code_of,
    give_app,
    give_recovery_codes,
    is_signed_in,
    make_person,
    sign_in,
)

pytestmark = pytest.mark.django_db


def enter(client: Client, code: str) -> Any:
    """The password, and then a code."""
    sign_in(client)
    return client.post(SECOND_FACTOR, {"code": code})


def test_a_password_alone_opens_where_there_is_no_second_factor() -> None:
    make_person()
    client = Client()

    answer = sign_in(client, following="/admin/preferences/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/preferences/")
    assert client.get("/admin/preferences/").status_code == 200


def test_with_a_second_factor_the_password_opens_nothing_until_the_code_was_right() -> None:
    give_app(make_person())
    client = Client()

    assert sign_in(client)["Location"] == SECOND_FACTOR
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    assert client.get("/cameras").status_code == 401
    wrong = client.post(SECOND_FACTOR, {"code": code_of(periods_ago=100)})
    assert wrong.status_code == 200
    assert not is_signed_in(client)
    right = client.post(SECOND_FACTOR, {"code": code_of()})
    assert (right.status_code, right["Location"]) == (302, "/admin/")
    assert is_signed_in(client)


def test_a_code_of_an_app_works_once_in_all_processes_and_none_that_is_older_works_after_it() -> None:
    give_app(make_person())
    now, before = code_of(), code_of(periods_ago=1)

    assert enter(Client(), now).status_code == 302
    cache.clear()  # as in another process, which does not remember it
    again, older = Client(), Client()
    enter(again, now)
    cache.clear()
    enter(older, before)

    assert not is_signed_in(again)
    assert not is_signed_in(older)


def test_a_recovery_code_works_once_in_the_place_of_the_app_and_is_audited() -> None:
    person = make_person()
    give_app(person)
    codes = give_recovery_codes(person)
    first, second = Client(), Client()

    assert enter(first, codes[0]).status_code == 302
    enter(second, codes[0])

    assert is_signed_in(first)
    assert not is_signed_in(second)
    entry = AuditEntry.objects.get(action="user.recovery_code_used")
    assert (entry.by, entry.object_name, entry.fields) == ("user:anna", "anna", [])
    assert enter(second, codes[1]).status_code == 302


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_staff": False}], ids=["disabled", "no staff"])
def test_who_may_not_come_in_reads_the_words_of_a_wrong_password(fields: dict[str, bool]) -> None:
    person = make_person()
    User.objects.filter(pk=person.pk).update(**fields)
    client = Client()

    right, wrong, unknown = (
        sign_in(client), sign_in(client, password="not-the-password"), sign_in(client, name="nobody-of-us"),
    )  # fmt: skip

    said = {" ".join(page.context["form"].non_field_errors()) for page in (right, wrong, unknown)}
    assert said == {"The username and the password do not fit."}
    assert not is_signed_in(client)


def test_a_live_session_of_who_is_no_longer_staff_opens_nothing() -> None:
    person = make_person()
    client = Client()
    sign_in(client)
    User.objects.filter(pk=person.pk).update(is_staff=False)

    assert client.get("/cameras").status_code == 401
    assert client.get("/admin/account/")["Location"].startswith(SIGN_IN)


@pytest.mark.parametrize(
    ("following", "leads_to"),
    [
        ("/admin/cameras/camera/?q=gate", "/admin/cameras/camera/?q=gate"),
        ("", "/admin/"),
        ("https://evil.example/", "/admin/"),
        ("//evil.example/", "/admin/"),
        ("http:///evil.example", "/admin/"),
        ("javascript:alert(1)", "/admin/"),
        ("http://localhost/admin/", "/admin/"),  # one of ALLOWED_HOSTS, but not the one that was called
        ("\\\\evil.example", "/admin/"),
    ],
)
def test_signing_in_leads_back_to_this_service_only(following: str, leads_to: str) -> None:
    make_person()

    assert (
        Client().post(SIGN_IN, {"login": "anna", "password": PASSWORD, "next": following})["Location"] == leads_to
    )


def test_the_login_of_the_admin_leads_to_the_form_and_keeps_where_it_leads_back_to() -> None:
    asked = Client().get("/admin/cameras/camera/?q=a b", follow=True)

    assert [step for step, _status in asked.redirect_chain] == [
        "/admin/login/?next=/admin/cameras/camera/%3Fq%3Da%2520b",
        "/admin/account/login/?next=%2Fadmin%2Fcameras%2Fcamera%2F%3Fq%3Da%2520b",
    ]
    assert 'name="next" value="/admin/cameras/camera/?q=a%20b"' in asked.content.decode()


def test_the_session_gets_another_key_at_sign_in() -> None:
    give_app(make_person())
    client = Client()
    sign_in(client)
    before = client.session.session_key

    client.post(SECOND_FACTOR, {"code": code_of()})

    assert is_signed_in(client)
    assert client.session.session_key != before


NOT_OFFERED = (
    "signup/", "signup/passkey/", "email/", "confirm-email/", "confirm-email/x:y/", "inactive/", "logout/",
    "login/code/", "login/code/confirm/", "reauthenticate/", "reauthenticate/code/", "password/set/",
    "password/change/", "2fa/", "2fa/totp/activate/", "2fa/trust/", "2fa/recovery-codes/download/",
    "2fa/webauthn/signup/", "3rdparty/", "sessions/", "phone/change/", "password/reset/key/1-x/",
    "password/reset/", "password/reset/1-x/",
)  # fmt: skip


def test_what_is_not_offered_of_allauth_is_not_there() -> None:
    """Resetting a password is not, where no mail server is set up."""
    signed_in = Client()
    signed_in.force_login(make_person())

    there = [
        (method, address)
        for client in (signed_in, Client())
        for method in ("get", "post")
        for address in NOT_OFFERED
        if getattr(client, method)(f"/admin/account/{address}").status_code != 404
    ]

    assert there == []


OPEN = {
    "account_login",
    "mfa_login_webauthn",
    "mfa_authenticate",
    "account_reset_password",
    "single_sign_on",
    "single_sign_on_callback",
}


def test_every_page_is_for_who_is_signed_in_but_those_of_signing_in_and_none_is_kept_by_anybody(
    settings: Any,
) -> None:
    settings.EMAIL_HOST = "localhost"
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    opened = set()
    for pattern in urlpatterns[:-1]:
        name = pattern.name or ""
        kwargs = {"pk": 1} if "pk" in pattern.pattern.converters else {}
        if "reset_password_from_key" in name:
            kwargs = {"uidb36": "1", "key": "a-b"}
        for method in ("get", "post"):
            answer = getattr(Client(), method)(reverse(name, kwargs=kwargs))
            leads_to_login = answer.status_code == 302 and answer["Location"].startswith(SIGN_IN)
            if not leads_to_login:
                opened.add(name)
                assert answer["Cache-Control"] == "no-store, no-transform"

    assert opened - OPEN == {"account_reset_password_from_key"}  # says that the link is no longer good
    assert len(urlpatterns) == 21
