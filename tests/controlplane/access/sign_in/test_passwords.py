"""People's own passwords: which are taken, changing them, and setting a forgotten one anew by a mailed link."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from django.utils import timezone

from controlplane.access import first_passwords
from controlplane.access.models import AuditEntry, FirstPassword
from controlplane.access.sign_in import reset_mail
from controlplane.addresses import is_trusted_proxy
from tests.people import PASSWORD, give_app, is_signed_in, make_person, sign_in

CHANGE = "/admin/account/password/"
RESET = "/admin/account/password/reset/"
NEW = "seven-tall-lamps-in-a-row"
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("seven-tall-lamps-in-a-row", None),
        ("zwölf Lampen, in Öl gemalt", None),
        ("8350174629184650", None),  # no rule about kinds of characters
        ("x7#kQ!", "password_too_short"),
        ("fourteen-chars", "password_too_short"),
        ("passwordpassword", "password_easy_to_guess"),
        ("Password12345678", "password_easy_to_guess"),
        ("qwertyuiopasdfgh", "password_easy_to_guess"),
        ("123456789012345678", "password_easy_to_guess"),
        ("aaaaaaaaaaaaaaaaaaa", "password_easy_to_guess"),
        ("controlplane2026", "password_easy_to_guess"),
        ("annaannaanna2026", "password_easy_to_guess"),
        ("anna.of.the.house", "password_too_similar"),
        ("x" * 4_000, "password_easy_to_guess"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_which_passwords_are_taken(password: str, code: str | None) -> None:
    person = User(username="anna", email="anna.of.the.house@example.com")
    codes = []
    try:
        validate_password(password, person)
    except ValidationError as refused:
        codes = [error.code for error in refused.error_list]

    assert (code in codes) if code else codes == []


def change(client: Client, old: str = PASSWORD, new: str = NEW, again: str = NEW) -> Any:
    return client.post(CHANGE, {"oldpassword": old, "password1": new, "password2": again})


def test_a_password_is_changed_by_who_knows_the_present_one_and_other_sessions_end() -> None:
    person = make_person()
    client, elsewhere = Client(), Client()
    client.force_login(person)
    elsewhere.force_login(person)

    for refused in (
        change(client, old="not-the-one"),
        change(client, again="another"),
        change(client, new="short"),
    ):
        assert refused.status_code == 200
    assert change(client)["Location"] == "/admin/account/"

    assert client.get("/admin/account/").status_code == 200
    assert elsewhere.get("/admin/account/").status_code == 302
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert [entry.action for entry in AuditEntry.objects.filter(action__contains="password")] == [
        "user.password_changed"
    ]


def test_the_admins_own_page_for_it_leads_to_ours() -> None:
    client = Client()
    client.force_login(make_person())

    assert client.get("/admin/password_change/")["Location"] == CHANGE


def test_who_signs_in_elsewhere_has_no_password_to_change() -> None:
    person = make_person()
    person.set_unusable_password()
    person.save()
    client = Client()
    client.force_login(person)

    assert client.get(CHANGE).status_code == 404
    assert "Change password" not in client.get("/admin/account/").content.decode()


# --- Forgotten --------------------------------------------------------------------------------------------


def link_for(person: User) -> str:
    message = reset_mail.message_to(person, "http://testserver/")
    return str(re.search(r"http://testserver(/\S+)", str(message.body))[1])  # type: ignore[index]


def set_anew(client: Client, link: str) -> Any:
    """Follow the link, and send the form that it leads to."""
    form = client.get(link)
    assert form.status_code == 302
    assert link.rpartition("-")[2] not in form["Location"]  # the key stands in no address of a page
    return client.post(form["Location"], {"password1": NEW, "password2": NEW})


def test_a_link_sets_the_password_once_and_the_second_factor_stays(settings: Any) -> None:
    settings.EMAIL_HOST = "localhost"
    person = make_person(email="anna@example.com")
    first_passwords.require_change(person, timezone.now())
    give_app(person)
    session = Client()
    session.force_login(person)
    link, client = link_for(person), Client()

    assert set_anew(client, link)["Location"] == "/admin/account/login/"

    assert not is_signed_in(client)
    assert sign_in(client, password=NEW)["Location"].endswith("/second-factor/")
    assert "no longer good" in Client().get(link).content.decode()
    assert session.get("/cameras").status_code == 401
    assert not FirstPassword.objects.exists()
    entry = AuditEntry.objects.get(action="user.password_reset")
    assert (entry.by, entry.object_name) == ("user:anna", "anna")


@pytest.mark.parametrize("change", ["password", "email", "time", "key"])
def test_a_link_is_no_longer_good(settings: Any, time_machine: Any, change: str) -> None:
    settings.EMAIL_HOST = "localhost"
    person = make_person(email="anna@example.com")
    link = link_for(person)
    if change == "password":
        person.set_password("another-one-of-hers")
    elif change == "email":
        person.email = "annas-new-address@example.com"
    elif change == "time":
        time_machine.move_to(timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 1))
    else:
        link = link[:-2] + ("x/" if link[-2] != "x" else "y/")
    person.save()

    page = Client().get(link)

    assert page.status_code == 200
    assert "no longer good" in page.content.decode()


def test_the_answer_is_the_same_whoever_has_the_address(settings: Any, monkeypatch: Any) -> None:
    settings.EMAIL_HOST = "localhost"
    make_person(email="anna@example.com")
    asked = []
    monkeypatch.setattr(reset_mail, "send_later", lambda address, origin: asked.append((address, origin)))

    answers = [Client().post(RESET, {"email": address}) for address in ("anna@example.com", "nobody@example.com")]

    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/admin/account/login/")] * 2
    assert asked == [
        ("anna@example.com", "http://testserver/"),
        ("nobody@example.com", "http://testserver/"),
    ]


def test_an_address_gets_three_mails_an_hour(settings: Any, monkeypatch: Any) -> None:
    settings.EMAIL_HOST = "localhost"
    asked = []
    monkeypatch.setattr(reset_mail, "send_later", lambda address, origin: asked.append(address))

    statuses = [Client().post(RESET, {"email": "anna@example.com"}).status_code for _ in range(4)]

    assert statuses == [302, 302, 302, 429]
    assert len(asked) == 3


@pytest.fixture
def proxy(settings: Any) -> Any:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    is_trusted_proxy.cache_clear()
    yield
    is_trusted_proxy.cache_clear()


def test_who_asks_too_often_holds_up_nobody_else_behind_the_same_proxy(
    settings: Any, monkeypatch: Any, proxy: None
) -> None:
    settings.EMAIL_HOST = "localhost"
    monkeypatch.setattr(reset_mail, "send_later", lambda address, origin: None)

    def ask(address: str, client: str) -> int:
        answer = Client().post(RESET, {"email": f"{address}@example.com"}, headers={"X-Forwarded-For": client})
        return answer.status_code

    statuses = [ask(f"somebody-{number}", "198.51.100.7") for number in range(21)]

    assert (statuses[-2:], ask("anna", "198.51.100.8")) == ([302, 429], 302)


def test_the_link_is_shown_where_a_mail_server_is_set_up(settings: Any) -> None:
    assert RESET not in Client().get("/admin/account/login/").content.decode()
    settings.EMAIL_HOST = "localhost"
    assert RESET in Client().get("/admin/account/login/").content.decode()


def test_the_mail_says_whose_password_where_and_for_how_long(settings: Any) -> None:
    person = make_person(email="anna@example.com")
    message = reset_mail.message_to(person, RequestFactory().get("/").build_absolute_uri("/"))

    assert message.to == ["anna@example.com"]
    assert message.subject == "[Control plane] Set a new password"
    assert '"anna" at http://testserver/' in message.body
    assert "within 60 minutes" in message.body
