"""Guessing passwords, codes and passkeys: ten failures, and then a quarter of an hour of 429."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from controlplane.access import throttle
from controlplane.access.models import AuditEntry, SignInFailures
from controlplane.addresses import is_trusted_proxy
from controlplane.problems import Problem
from telemetry.maintenance.table import loops
from tests.admin_client import administrator
from tests.at_once import at_once
from tests.people import (
    PASSWORD,
    SECOND_FACTOR,
    code_of,
    give_app,
    give_recovery_codes,
    is_signed_in,
    make_person,
    sign_in,
)

__all__ = ["administrator"]

pytestmark = pytest.mark.django_db

WRONG = "not-the-password-of-anybody"


@pytest.fixture(autouse=True)
def _proxy(settings: Any) -> Any:
    """So that a test can come from any address."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    is_trusted_proxy.cache_clear()
    yield
    is_trusted_proxy.cache_clear()


def browser(address: str = "203.0.113.9") -> Client:
    return Client(headers={"X-Forwarded-For": address, "Accept": "text/html"})


def fail(times: int, name: str = "anna", address: str = "203.0.113.9") -> list[int]:
    return [sign_in(browser(address), name, WRONG).status_code for _ in range(times)]


def test_ten_failures_are_429_with_the_right_password_too_and_only_for_this_name_from_this_address() -> None:
    make_person("anna")
    make_person("olga")

    assert fail(10) == [200] * 10
    refused, known, other_user, other_address = (
        browser(), browser(), browser(), browser("203.0.113.10"),
    )  # fmt: skip
    answer = sign_in(refused)
    sign_in(known, "nobody-at-all")
    sign_in(other_user, "olga")
    sign_in(other_address)

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 901
    assert "Try again in 15 minutes" in answer.content.decode()
    assert not is_signed_in(refused)
    assert is_signed_in(other_user)
    assert is_signed_in(other_address)


def test_twenty_five_wrong_passwords_and_then_the_right_one_are_429_with_a_row_for_each() -> None:
    make_person("anna")

    statuses = [*fail(25), sign_in(browser()).status_code]

    assert statuses == [200] * 10 + [429] * 16
    rows = AuditEntry.objects.filter(action__startswith="user.sign_in").order_by("pk")
    assert [(row.action, row.object_name, row.address) for row in rows] == [
        ("user.sign_in_failed", "anna", "203.0.113.9")
    ] * 10 + [("user.sign_in_refused", "anna", "203.0.113.9")] * 16


def test_a_name_that_nobody_has_is_answered_like_one_that_exists() -> None:
    make_person("anna")

    assert fail(12, "anna") == fail(12, "nobody") == [200] * 10 + [429] * 2
    assert SignInFailures.objects.count() == 2
    assert "nobody" not in str(list(SignInFailures.objects.values()))


def test_after_a_quarter_of_an_hour_it_begins_anew() -> None:
    person = make_person("anna")
    fail(10)
    SignInFailures.objects.update(last_at=timezone.now() - timedelta(seconds=throttle.LOCKED_SECONDS))

    client = browser()
    sign_in(client)

    assert is_signed_in(client)
    assert not SignInFailures.objects.exists(), person


def test_signing_in_forgets_the_failures_before() -> None:
    make_person("anna")

    for _ in range(3):
        assert fail(9) == [200] * 9
        client = browser()
        sign_in(client)
        assert is_signed_in(client)


@pytest.mark.parametrize("factor", ["app", "recovery codes"])
def test_codes_are_counted_with_passwords_and_a_known_password_buys_no_more_of_them(factor: str) -> None:
    person = make_person("anna")
    give_app(person)
    right = code_of() if factor == "app" else give_recovery_codes(person)[0]
    fail(3)

    statuses: list[int] = []
    for _ in range(9):
        client = browser()
        sign_in(client)  # the password is right each time
        statuses.append(client.post(SECOND_FACTOR, {"code": "000000"}).status_code)
    last = client.post(SECOND_FACTOR, {"code": right})

    assert statuses == [200] * 7 + [302] * 2, (
        "from the eighth on the password is refused, and no code is asked for"
    )
    assert last.status_code == 302
    assert not is_signed_in(client)
    assert sign_in(browser()).status_code == 429


def test_a_form_that_was_not_filled_in_is_no_attempt() -> None:
    make_person("anna")

    for _ in range(12):
        assert sign_in(browser(), "anna", "").status_code == 200

    assert not SignInFailures.objects.filter(failures__gt=0).exists()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, password: client.post("/admin/account/again/", {"password": password}),
        lambda client, password: client.post(
            "/admin/account/password/", {"oldpassword": password, "password1": "x", "password2": "x"}
        ),
    ],
)
def test_a_password_that_is_asked_for_again_is_guarded_too(ask: Callable[[Client, str], Any]) -> None:
    person, client = make_person("anna"), browser()
    client.force_login(person)

    statuses = [ask(client, WRONG).status_code for _ in range(10)]

    assert statuses == [200] * 10
    assert ask(client, PASSWORD).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_attempts_at_once_are_all_counted() -> None:
    def attempt() -> int:
        try:
            throttle.begin(name="anna", address="203.0.113.9", now=timezone.now())
        except Problem as problem:
            return problem.status
        return 200

    assert sorted(at_once(*[attempt] * 14)) == [200] * 10 + [429] * 4


def test_an_administrator_lifts_it(administrator: Client) -> None:
    person = make_person("vera")
    fail(10, "vera")
    assert sign_in(browser(), "vera").status_code == 429

    action = {"action": "let_in_again", "_selected_action": [person.pk]}
    page = administrator.post("/admin/auth/user/", action, follow=True).content.decode()

    client = browser()
    sign_in(client, "vera")
    assert is_signed_in(client)
    assert "1 person may try again." in page
    entry = AuditEntry.objects.get(action="user.failures_forgotten")
    assert (entry.object_name, User.objects.get(pk=entry.object_id)) == ("vera", person)


def test_maintenance_forgets_what_is_over() -> None:
    now = timezone.now()
    for name, seconds in (("old", throttle.LOCKED_SECONDS), ("new", throttle.LOCKED_SECONDS - 60)):
        throttle.begin(name=name, address="x", now=now - timedelta(seconds=seconds))

    throttle.forgotten(now).delete()

    assert SignInFailures.objects.count() == 1
    assert "sign_ins" in [step.name for loop in loops(10) for step in loop.steps]
