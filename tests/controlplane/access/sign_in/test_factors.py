"""A person's own second factors: adding and removing them, and where their secrets are not."""

import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from controlplane.access.models import AuditEntry, Session, SignInFailures
from controlplane.access.session_store import SessionStore
from tests.people import (
    SECOND_FACTOR,
    SEED,
    code_of,
    give_app,
    give_recovery_codes,
    is_signed_in,
    make_person,
    seed_shown,
    sign_in,
)

ACCOUNT = "/admin/account/"
ADD_APP = f"{ACCOUNT}app/add/"
REMOVE_APP = f"{ACCOUNT}app/remove/"
CODES = f"{ACCOUNT}recovery-codes/"
AGAIN = f"{ACCOUNT}again/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """Anna, who has signed in by her password just now."""
    make_person()
    client = Client()
    sign_in(client)
    return client


def audited() -> list[tuple[str, list[str]]]:
    found = AuditEntry.objects.filter(action__startswith="user.").exclude(action="user.signed_in").order_by("pk")
    return list(found.values_list("action", "fields"))


def stored_sessions() -> list[dict[str, Any]]:
    return [SessionStore().decode(row.session_data) for row in Session.objects.all()]


def let_pass(client: Client, seconds: int) -> None:
    """As if she had signed in so much earlier."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def codes_shown(page: Any) -> list[str]:
    return re.findall(r"\b\d{8}\b", page.content.decode().partition("x-on:focus")[2])


def add_app(client: Client) -> tuple[str, Any]:
    """The secret of the app, and the page with the recovery codes."""
    seed = seed_shown(client.get(ADD_APP))
    return seed, client.post(ADD_APP, {"code": code_of(seed)}, follow=True)


def test_an_app_is_added_with_recovery_codes_that_are_shown_once(client: Client) -> None:
    seed, page = add_app(client)
    codes = codes_shown(page)
    assert page.request["PATH_INFO"] == CODES
    assert len(codes) == 10
    assert not any(code in client.get(CODES).content.decode() for code in codes)

    for factor, opens in ((code_of(seed), False), (codes[0], True)):  # the code was used for adding the app
        other = Client()
        sign_in(other)
        other.post(SECOND_FACTOR, {"code": factor})
        assert is_signed_in(other) == opens
    assert audited()[:2] == [("user.factor_added", ["totp"]), ("user.recovery_codes_made", [])]


def test_the_first_factor_ends_sessions_that_a_password_alone_has_opened_and_the_next_ones_end_none(
    client: Client,
) -> None:
    guessed = Client()
    sign_in(guessed)
    add_app(client)
    assert (is_signed_in(client), is_signed_in(guessed)) == (True, False)
    assert audited()[-1] == ("user.sessions_ended", [])

    other = Client()
    other.force_login(User.objects.get())
    client.post(REMOVE_APP)
    Authenticator.objects.create(user=User.objects.get(), type=Authenticator.Type.WEBAUTHN, data={})
    add_app(client)
    assert is_signed_in(other)


def test_a_wrong_code_adds_no_app_and_leaves_the_secret_as_it_is(client: Client) -> None:
    seed = seed_shown(client.get(ADD_APP))
    page = client.post(ADD_APP, {"code": "000000"})

    assert "This did not work" in page.content.decode()
    assert seed_shown(page) == seed
    assert not Authenticator.objects.exists()
    assert audited() == []


def test_secrets_of_factors_stand_nowhere_in_clear(client: Client, caplog: Any, settings: Any) -> None:
    seed = seed_shown(client.get(ADD_APP))
    assert "mfa.totp.secret" in json.dumps(stored_sessions())
    assert seed not in json.dumps(stored_sessions())
    page = client.post(ADD_APP, {"code": code_of(seed)}, follow=True)
    codes = codes_shown(page)

    stored = [json.dumps(factor.data) for factor in Authenticator.objects.all()]
    entries = [json.dumps(list(AuditEntry.objects.values_list("action", "object_name", "fields")))]
    everywhere = "\n".join([*stored, *entries, json.dumps(stored_sessions()), caplog.text])
    assert len(stored) == 2
    assert [secret for secret in (seed, *codes) if secret in everywhere] == []


def test_factors_survive_a_rotation_of_the_keys(settings: Any) -> None:
    person = make_person()
    give_app(person)
    codes = give_recovery_codes(person)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_ENCRYPTION_KEYS]

    call_command("rotate_field_keys")
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]

    for factor in (code_of(), codes[3]):
        client = Client()
        sign_in(client)
        client.post(SECOND_FACTOR, {"code": factor})
        assert is_signed_in(client)


def test_a_secret_that_no_key_opens_is_told_in_words(settings: Any) -> None:
    give_app(make_person())
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    client = Client()
    sign_in(client)

    answer = client.post(SECOND_FACTOR, {"code": code_of()}, headers={"Accept": "text/html"})

    assert answer.status_code == 503
    assert "FIELD_ENCRYPTION_KEYS" in answer.content.decode()
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "address", [ADD_APP, REMOVE_APP, CODES, f"{CODES}make/", f"{ACCOUNT}passkeys/add/"], ids=lambda at: at[15:]
)
def test_five_minutes_after_signing_in_factors_are_changed_only_by_who_shows_again_that_it_is_them(
    address: str,
) -> None:
    person = make_person()
    if address not in (ADD_APP, f"{ACCOUNT}passkeys/add/"):
        give_app(person)
        give_recovery_codes(person)
    client = Client()
    sign_in(client)
    if address not in (ADD_APP, f"{ACCOUNT}passkeys/add/"):
        client.post(SECOND_FACTOR, {"code": code_of()})
    let_pass(client, 299)
    assert client.get(address).status_code == 200
    let_pass(client, 2)

    assert client.get(address)["Location"].startswith(f"{AGAIN}?next=")
    assert client.post(f"{AGAIN}?next={address}", {"password": "not-her-password"}).status_code == 200
    assert client.get(address).status_code == 302
    assert client.post(f"{AGAIN}?next={address}", {"password": "a-password-for-one-test"})["Location"] == address
    assert client.get(address).status_code == 200


def test_who_has_an_app_may_show_by_its_code_that_it_is_them() -> None:
    give_app(make_person())
    client = Client()
    sign_in(client)
    client.post(SECOND_FACTOR, {"code": code_of(periods_ago=1)})
    let_pass(client, 600)

    answer = client.post(f"{AGAIN}code/?next={REMOVE_APP}", {"code": code_of()})

    assert answer["Location"] == REMOVE_APP
    assert client.get(REMOVE_APP).status_code == 200


def test_the_last_factor_takes_the_recovery_codes_with_it() -> None:
    person = make_person()
    give_app(person)
    give_recovery_codes(person)
    client = Client()
    sign_in(client)
    client.post(SECOND_FACTOR, {"code": code_of()})

    assert client.post(REMOVE_APP)["Location"] == ACCOUNT

    assert not Authenticator.objects.exists()
    assert audited() == [("user.factor_removed", ["totp"])]
    sign_in(other := Client())
    assert is_signed_in(other)


def test_new_recovery_codes_take_the_place_of_the_old_ones() -> None:
    person = make_person()
    give_app(person)
    old = give_recovery_codes(person)
    client = Client()
    sign_in(client)
    client.post(SECOND_FACTOR, {"code": code_of()})

    new = codes_shown(client.post(f"{CODES}make/", follow=True))

    assert len(new) == 10
    assert not set(new) & set(old)
    assert audited() == [("user.recovery_codes_made", [])]


def test_another_persons_passkey_is_not_there(client: Client) -> None:
    other = make_person("bert")
    passkey = Authenticator.objects.create(user=other, type="webauthn", data={"name": "x", "credential": {}})

    for method in ("get", "post"):
        assert getattr(client, method)(f"{ACCOUNT}passkeys/{passkey.pk}/remove/").status_code == 404
    assert Authenticator.objects.filter(pk=passkey.pk).exists()


RESPONSE = {"clientDataJSON": "e30", "attestationObject": "oA", "authenticatorData": "AA", "signature": "AA"}
WHOLE = {"id": "AA", "rawId": "AA", "type": "public-key", "response": RESPONSE}
NO_PASSKEYS = [
    "", "{}", "[]", "null", '"x"', "1", '{"id": 1}', "not json", '{"response": null}',
    *(json.dumps(WHOLE | {"response": {**RESPONSE, "userHandle": handle}}) for handle in ("", "AA", "MQ", 7, None)),
    *(json.dumps(WHOLE | {"response": {**RESPONSE, name: wrong}}) for name in RESPONSE for wrong in (7, "%", "gYGB" * 9)),
]  # fmt: skip


@pytest.mark.parametrize("address", ["passkeys/add/", "login/passkey/"])
def test_what_is_no_passkey_is_turned_away(client: Client, address: str) -> None:
    who = Client() if address.startswith("login") else client
    for credential in NO_PASSKEYS:
        SignInFailures.objects.all().delete()  # each is one, and ten are too many
        who.get(f"{ACCOUNT}{address}")
        answer = who.post(f"{ACCOUNT}{address}", {"name": "x", "credential": credential})

        assert answer.status_code in (200, 302), credential
    assert not Authenticator.objects.exists()
    assert who is client or not is_signed_in(who)


def test_the_overview_says_what_there_is(client: Client) -> None:
    assert "Add an app" in client.get(ACCOUNT).content.decode()
    person = User.objects.get(username="anna")
    give_app(person)
    give_recovery_codes(person)

    page = client.get(ACCOUNT).content.decode()

    assert "Remove the app" in page
    assert "10 codes are left" in page
    assert SEED not in page


def test_a_session_of_before_knows_no_time_of_signing_in_and_is_asked_again() -> None:
    person = make_person()
    client = Client()
    client.force_login(person)

    assert client.get(ADD_APP)["Location"].startswith(AGAIN)
