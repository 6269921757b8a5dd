"""Single sign-on: who comes in, what they may then, and what of a provider's answers is believed."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cameras.models import Site
from controlplane.access import claimed_roles, first_passwords
from controlplane.access.identity_provider import fetching, id_tokens
from controlplane.access.identity_provider.faults import ClockOff
from controlplane.access.memberships import roles_of
from controlplane.access.models import AuditEntry, SingleSignOn
from tests.factories import make_site
from tests.identity_provider import (
    CLIENT,
    CODE,
    DISCOVERY,
    FOREIGN_KEY,
    PUBLISHED_KEYS,
    SECRET,
    Behaviour,
    NowAnd,
    Provider,
    running_provider,
    send,
    signed,
)
from tests.people import PASSWORD, SECOND_FACTOR, SIGN_IN, code_of, give_app, is_signed_in, make_person, sign_in

BEGIN = "/admin/account/single-sign-on/"
CALLBACK = f"{BEGIN}callback/"
ACCOUNT = "/admin/account/"
UNTRUSTED = "cannot be trusted"
AWAY = "does not answer"
CLOCKS = "too far apart"
NO_ROLE = "gives you no role here"
pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with running_provider() as provider:
        settings.OIDC_ISSUER = provider.issuer
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT, SECRET
        settings.OIDC_ROLES_CLAIM = "groups"
        settings.OIDC_ROLE_MAP = {
            "cctv-admins": ["administrator"],
            "north-ops": ["operator@North"],
            "north-watch": ["viewer@North", "viewer@Nowhere"],
        }
        yield provider


@pytest.fixture
def north(db: None) -> Site:
    return make_site("North")


def begin(client: Client, address: str = BEGIN, following: str = "") -> str:
    """The address at the provider that the browser is led to."""
    page = client.post(address, {"next": following} if following else {})
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.content.decode())
    assert found, page.content.decode()
    return unescape(found[1])


def come(client: Client, provider: Provider, following: str = "", **claims: Any) -> Any:
    """Sign in at the provider, and come back."""
    return client.get(provider.authorize(begin(client, following=following), **claims))


def name_in(client: Client) -> str:
    """Who is signed in."""
    return User.objects.get(pk=client.session["_auth_user_id"]).username


def words_after(client: Client, answer: Any) -> str:
    """What the page says to which the answer leads, for who is not signed in."""
    assert answer.status_code == 302
    assert answer["Location"].startswith(SIGN_IN)
    assert not is_signed_in(client)
    return unescape(client.get(answer["Location"]).content.decode())


# --- Whether it is there ------------------------------------------------------------------------------------


def test_without_an_issuer_there_is_no_button_and_no_address() -> None:
    person = make_person()
    client = Client()
    assert "single-sign-on" not in client.get(SIGN_IN).content.decode()
    sign_in(client)
    assert "Single sign-on" not in client.get(ACCOUNT).content.decode()

    for page in ("", "callback/", "connect/", "disconnect/"):
        assert client.get(f"{BEGIN}{page}").status_code == 404
        assert client.post(f"{BEGIN}{page}").status_code == 404
    assert not SingleSignOn.objects.filter(user=person).exists()


# --- Coming in ----------------------------------------------------------------------------------------------


def test_who_comes_the_first_time_is_made_with_the_roles_of_the_claim(provider: Provider, north: Site) -> None:
    client = Client()
    assert f"Sign in with {provider.issuer.removeprefix('http://')}" in client.get(SIGN_IN).content.decode()

    answer = come(
        client, provider, "/admin/preferences/",
        groups=["north-ops", "something else"], email="olga@example.com", given_name="Olga", family_name="Ona\0",
    )  # fmt: skip

    assert (answer.status_code, answer["Location"]) == (302, "/admin/preferences/")
    assert client.get("/admin/preferences/").status_code == 200
    person = User.objects.get()
    assert (person.username, person.email, person.get_full_name()) == ("olga", "olga@example.com", "Olga Ona")
    assert (person.is_staff, person.is_superuser, person.has_usable_password()) == (True, False, False)
    assert roles_of(person) == {north.pk: "operator"}
    assert name_in(client) == "olga"
    trail = AuditEntry.objects.filter(object_type="user").order_by("pk")
    assert [(entry.action, entry.by, entry.before, entry.after) for entry in trail] == [
        ("user.created", "single sign-on", None, None),
        ("user.roles_changed", "single sign-on", [], ["operator at North"]),
        ("user.signed_in", "user:olga", None, None),
    ]
    assert provider.asked == [DISCOVERY, DISCOVERY, "/token", "/keys"]


def test_roles_follow_the_claim_at_each_sign_in_and_who_has_none_left_is_told_so(
    provider: Provider, north: Site
) -> None:
    client = Client()
    come(client, provider, groups=["cctv-admins", "north-watch"])
    person = User.objects.get()
    assert roles_of(person) == {None: "administrator", north.pk: "viewer"}
    elsewhere = client

    client = Client()
    come(client, provider, groups=["north-watch", "north-ops"])
    assert roles_of(User.objects.get()) == {north.pk: "operator"}
    assert elsewhere.get("/admin/auth/user/").status_code == 403

    client = Client()
    words = words_after(client, come(client, provider, groups=["north-Ops"]))
    assert NO_ROLE in words
    assert roles_of(User.objects.get()) == {}
    assert elsewhere.get("/cameras").status_code == 403
    last = AuditEntry.objects.filter(object_id=str(person.pk)).order_by("-pk")[:2]
    assert [(entry.action, entry.before, entry.after) for entry in last] == [
        ("user.sign_in_failed", None, None),
        ("user.roles_changed", ["operator at North"], []),
    ]


def test_who_has_no_role_is_not_even_made(provider: Provider) -> None:
    client = Client()

    assert NO_ROLE in words_after(client, come(client, provider))

    assert not User.objects.exists()


def test_nobody_is_known_by_their_name_or_address(provider: Provider) -> None:
    local = make_person("olga", "administrator", email="olga@example.com")
    client = Client()

    come(client, provider, groups=["cctv-admins"], email="olga@example.com", email_verified=True)

    assert name_in(client) == "olga-2"
    other = Client()
    come(other, provider, groups=["cctv-admins"], sub="subject-2", preferred_username="OLGA")
    assert name_in(other) == "OLGA-3"
    assert not SingleSignOn.objects.filter(user=local).exists()


def test_the_same_subject_of_another_issuer_is_somebody_else(provider: Provider) -> None:
    come(Client(), provider, groups=["cctv-admins"])
    SingleSignOn.objects.update(issuer="https://other.example")

    come(Client(), provider, groups=["cctv-admins"])

    assert User.objects.count() == 2


def test_who_may_not_sign_in_is_told_so_and_stays_as_they_were(provider: Provider) -> None:
    come(Client(), provider, groups=["cctv-admins"])
    User.objects.update(is_active=False)
    client = Client()

    answer = come(client, provider, groups=[])

    assert "This account may not sign in." in words_after(client, answer)
    assert roles_of(User.objects.get()) == {None: "administrator"}


# --- What else is asked -------------------------------------------------------------------------------------


def test_the_provider_asks_for_second_factors_and_a_password_here_is_another_way(
    provider: Provider, settings: Any
) -> None:
    settings.REQUIRE_MFA = "everybody"
    client = Client()
    come(client, provider, groups=["cctv-admins"])
    assert client.get("/admin/auth/user/").status_code == 200
    assert client.get("/cameras").status_code == 200

    person = User.objects.get()
    person.set_password(PASSWORD)
    person.save()
    first_passwords.require_change(person, timezone.now())
    come(client := Client(), provider)
    assert client.get("/admin/auth/user/").status_code == 200
    sign_in(client := Client(), "olga")
    assert client.get("/admin/auth/user/")["Location"] == f"{ACCOUNT}password/"


def test_a_session_that_goes_on_with_a_password_has_its_steps_again(provider: Provider, settings: Any) -> None:
    client = Client()
    come(client, provider, groups=["cctv-admins"])
    person = User.objects.get()
    person.set_password(PASSWORD)
    person.save()
    settings.REQUIRE_MFA = "everybody"
    come(client := Client(), provider)
    assert client.get("/admin/auth/user/").status_code == 200

    client.post("/admin/logout/")
    sign_in(client, "olga")

    assert client.get("/admin/auth/user/")["Location"] == ACCOUNT


def test_who_has_added_a_second_factor_here_gives_it_here_too(provider: Provider) -> None:
    come(Client(), provider, groups=["cctv-admins"])
    give_app(User.objects.get())
    client = Client()

    assert come(client, provider)["Location"] == SECOND_FACTOR
    assert not is_signed_in(client)
    assert client.post(SECOND_FACTOR, {"code": code_of()}).status_code == 302
    assert client.get("/admin/auth/user/").status_code == 200


def test_without_a_password_one_shows_who_one_is_at_the_provider(provider: Provider) -> None:
    client = Client()
    come(client, provider, groups=["cctv-admins"])
    session = client.session
    session["account_authentication_methods"] = [{"method": "single_sign_on", "at": time.time() - 400}]
    session.save()

    answer = client.get(f"{ACCOUNT}app/add/")
    assert answer["Location"] == f"{BEGIN}?next=%2Fadmin%2Faccount%2Fapp%2Fadd%2F"
    assert "Sign in with" in client.get(answer["Location"]).content.decode()
    assert come(client, provider, f"{ACCOUNT}app/add/")["Location"] == f"{ACCOUNT}app/add/"

    assert client.get(f"{ACCOUNT}app/add/").status_code == 200


# --- Connecting ---------------------------------------------------------------------------------------------


def connect(client: Client, provider: Provider, **claims: Any) -> str:
    answer = client.get(provider.authorize(begin(client, f"{BEGIN}connect/"), **claims))
    assert answer["Location"] == ACCOUNT
    return unescape(client.get(ACCOUNT).content.decode())


def test_a_person_connects_their_account_themselves_and_then_comes_by_it(provider: Provider, north: Site) -> None:
    make_person("anna", "administrator")
    client = Client()
    sign_in(client)

    page = connect(client, provider, groups=["north-ops"])

    assert "You can sign in with" in page
    assert roles_of(User.objects.get()) == {None: "administrator"}  # until they come by it
    come(other := Client(), provider)
    assert name_in(other) == "anna"
    assert roles_of(User.objects.get()) == {north.pk: "operator"}

    assert client.post(f"{BEGIN}disconnect/")["Location"] == ACCOUNT
    assert not SingleSignOn.objects.exists()
    done = AuditEntry.objects.filter(action__contains="single_sign_on").order_by("pk").values_list("action", "by")
    assert list(done) == [
        ("user.single_sign_on_connected", "user:anna"),
        ("user.single_sign_on_disconnected", "user:anna"),
    ]


def test_an_account_is_one_persons(provider: Provider) -> None:
    come(Client(), provider, groups=["cctv-admins"])
    make_person("anna", "viewer")
    client = Client()
    sign_in(client)

    assert "is another person's here" in connect(client, provider)

    assert SingleSignOn.objects.get().user.username == "olga"


def test_who_has_no_password_stays_connected(provider: Provider) -> None:
    come(client := Client(), provider, groups=["cctv-admins"])

    client.post(f"{BEGIN}disconnect/")

    assert "could not come in any more" in client.get(ACCOUNT).content.decode()
    assert SingleSignOn.objects.exists()


@pytest.mark.parametrize("page", ["connect/", "disconnect/"])
def test_connecting_is_for_who_is_signed_in_and_has_just_shown_it(provider: Provider, page: str) -> None:
    assert Client().post(f"{BEGIN}{page}")["Location"].startswith(SIGN_IN)
    make_person()
    client = Client()
    sign_in(client)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 400}]
    session.save()

    assert client.post(f"{BEGIN}{page}")["Location"].startswith(f"{ACCOUNT}again/")
    assert not SingleSignOn.objects.exists()


# --- What ties the way back to the way there ----------------------------------------------------------------


def test_an_answer_counts_once_in_the_browser_that_asked_and_only_for_a_while(provider: Provider) -> None:
    client = Client()
    back = provider.authorize(begin(client), groups=["cctv-admins"])
    begun_elsewhere, other = "begun elsewhere", Client()

    assert begun_elsewhere in words_after(other, other.get(back))
    assert begun_elsewhere in words_after(other, other.get(CALLBACK))
    assert provider.asked == [DISCOVERY]
    assert client.get(back).status_code == 302
    assert is_signed_in(client)
    client.post("/admin/logout/")
    assert begun_elsewhere in words_after(client, client.get(back))

    back = provider.authorize(begin(client))
    assert begun_elsewhere in words_after(client, client.get(re.sub("state=.", "state=", back)))
    back = provider.authorize(begin(client))
    session = client.session
    session["single_sign_on_attempt"] |= {"at": time.time() - 600}
    session.save()
    assert begun_elsewhere in words_after(client, client.get(back))


def test_who_does_not_go_on_at_the_provider_is_asked_again_and_no_failure(provider: Provider) -> None:
    client = Client()
    state = provider.authorize(begin(client, following="/admin/preferences/")).partition("&state=")[2]

    answer = client.get(f"{CALLBACK}?error=access_denied&state={state}")

    assert answer["Location"] == f"{SIGN_IN}?next=%2Fadmin%2Fpreferences%2F"
    assert "You have not signed in with" in words_after(client, answer)
    assert not AuditEntry.objects.exists()


def test_it_leads_nowhere_else(provider: Provider) -> None:
    assert come(Client(), provider, "https://evil.example/", groups=["cctv-admins"])["Location"] == "/admin/"


# --- What is not believed -----------------------------------------------------------------------------------


BAD_CLAIMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "another issuer": ({"iss": "https://evil.example"}, UNTRUSTED, "InvalidIssuerError"),
    "no issuer": ({"iss": None}, UNTRUSTED, "MissingRequiredClaimError"),
    "another nonce": ({"nonce": "of-another-sign-in"}, UNTRUSTED, "nonce"),
    "a nonce that is none": ({"nonce": ["\ud800"]}, UNTRUSTED, "nonce"),
    "no nonce": ({"nonce": None}, UNTRUSTED, "MissingRequiredClaimError"),
    "another audience": ({"aud": "another-client"}, UNTRUSTED, "InvalidAudienceError"),
    "several audiences": ({"aud": [CLIENT, "another-client"]}, UNTRUSTED, "azp"),
    "no subject": ({"sub": ""}, UNTRUSTED, "subject"),
    "a long subject": ({"sub": "s" * 256}, UNTRUSTED, "subject"),
    "a subject that no database takes": ({"sub": "s\0"}, UNTRUSTED, "subject"),
    "a number for a subject": ({"sub": 7}, UNTRUSTED, "InvalidSubjectError"),
    "a time that is none": ({"exp": "tomorrow"}, UNTRUSTED, "exp"),
    "a time without end": ({"iat": float("inf")}, UNTRUSTED, "iat"),
    "ended": ({"exp": NowAnd(-61)}, CLOCKS, "ended"),
    "an hour old": ({"iat": NowAnd(-3_600)}, CLOCKS, "ago"),
    "a clock two minutes behind": ({"iat": NowAnd(-120), "exp": NowAnd(180)}, CLOCKS, "ago"),
    "a clock two minutes ahead": ({"iat": NowAnd(120), "exp": NowAnd(420)}, CLOCKS, "in the future"),
    "not yet good": ({"nbf": NowAnd(120)}, CLOCKS, "in the future"),
}


def refused(client: Client, provider: Provider, words: str, cause: str, **claims: Any) -> None:
    """They are not let in, within 5 seconds; the page and the log say why, and neither says a secret."""
    started = time.monotonic()
    with structlog.testing.capture_logs() as lines:
        answer = come(client, provider, groups=["cctv-admins"], **claims)
    assert time.monotonic() - started < 5
    page = words_after(client, answer)
    assert words in page
    (line,) = [line for line in lines if line["log_level"] == "warning"]
    assert cause in line["cause"]
    said = page + json.dumps(lines, default=str)
    assert [secret for secret in (SECRET, CODE, "an-access-T0KEN", "eyJhbGci") if secret in said] == []
    assert not User.objects.exists()
    assert AuditEntry.objects.latest("pk").action == "user.sign_in_failed"


@pytest.mark.parametrize(("claims", "words", "cause"), BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(
    provider: Provider, claims: dict[str, Any], words: str, cause: str
) -> None:
    refused(Client(), provider, words, cause, **claims)


@pytest.mark.parametrize(
    ("iat", "exp", "is_fine"),
    [(-60, 1, True), (60, 300, True), (0, -59, True), (-61, 300, False), (61, 300, False), (0, -60, False)],
)
def test_clocks_may_be_a_minute_apart(iat: int, exp: int, is_fine: bool) -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    at = int(now.timestamp())
    expected = {"issuer": "https://login.example.com", "client_id": CLIENT, "nonce": "n"}
    token = signed(
        {"iss": expected["issuer"], "aud": CLIENT, "sub": "s", "nonce": "n", "iat": at + iat, "exp": at + exp}
    )

    with nullcontext() if is_fine else pytest.raises(ClockOff):
        id_tokens.claims_of(token, PUBLISHED_KEYS, **expected, backdated_seconds=0, now=now)


def test_a_provider_that_dates_its_tokens_back_is_taken_where_the_settings_say_so(
    provider: Provider, settings: Any
) -> None:
    settings.OIDC_BACKDATED_SECONDS = 300
    come(client := Client(), provider, groups=["cctv-admins"], iat=NowAnd(-300), nbf=NowAnd(-300))
    assert is_signed_in(client)


def without_signature(claims: dict[str, Any]) -> str:
    return signed(claims, key=None, algorithm="none")


def signed_with_the_secret(claims: dict[str, Any]) -> str:
    return signed(claims, key=SECRET * 4, algorithm="HS256")


def of_another_key(claims: dict[str, Any]) -> str:
    return signed(claims, key=FOREIGN_KEY)


def of_an_unknown_key(claims: dict[str, Any]) -> str:
    return signed(claims, key=FOREIGN_KEY, kid="k2")


def changed_afterwards(claims: dict[str, Any]) -> str:
    head, _body, signature = signed(claims).split(".")
    body = signed(claims | {"sub": "somebody-else"}).split(".")[1]
    return f"{head}.{body}.{signature}"


@pytest.mark.parametrize(
    ("sign", "cause"),
    [
        (without_signature, "not signed by an algorithm"),
        (signed_with_the_secret, "not signed by an algorithm"),
        (of_another_key, "InvalidSignatureError"),
        (of_an_unknown_key, "publishes no key"),
        (changed_afterwards, "InvalidSignatureError"),
        (lambda claims: "no.token", "DecodeError"),
        (lambda claims: ["a", "list"], "no ID token"),
        (lambda claims: None, "no ID token"),
    ],
    ids=["alg none", "a shared secret", "another key", "unknown key", "changed", "no token", "a list", "nothing"],
)
def test_a_token_that_the_provider_has_not_signed_lets_nobody_in(
    provider: Provider, sign: Any, cause: str
) -> None:
    provider.sign = sign

    refused(Client(), provider, UNTRUSTED, cause)


def answering(value: Any, status: int = 200) -> Behaviour:
    return lambda handler: send(handler, value, status)


def closing(handler: Any) -> None:
    handler.close_connection = True


def redirecting(handler: Any) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/keys")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


TOO_LONG = b" " * (fetching.MAX_ANSWER + 1)


@pytest.mark.parametrize("path", ["/token", "/keys"])
@pytest.mark.parametrize(
    ("behaviour", "words", "cause"),
    [
        (closing, AWAY, "could not be reached"),
        (redirecting, AWAY, "answered 302"),
        (answering({}, 503), AWAY, "answered 503"),
        (answering({"error": "invalid_grant", "error_description": CODE}, 400), UNTRUSTED, "400 (invalid_grant)"),
        (answering({"error": f"{SECRET} {CODE}"}, 401), UNTRUSTED, "answered 401"),
        (answering(TOO_LONG), UNTRUSTED, "more than"),
        (answering(b"[" * 100_000), UNTRUSTED, "no JSON object"),
        (answering(b"\xff"), UNTRUSTED, "no JSON object"),
        (answering([]), UNTRUSTED, "no JSON object"),
    ],
    ids=["closes", "redirects", "503", "400", "401", "too long", "deep", "no text", "a list"],
)
def test_an_answer_that_is_none_lets_nobody_in(
    provider: Provider, path: str, behaviour: Behaviour, words: str, cause: str
) -> None:
    provider.behaviour[path] = behaviour

    refused(Client(), provider, words, cause)


@pytest.mark.parametrize(
    "keys", [{}, {"keys": 7}, {"keys": [7, {}]}, {"keys": [{"kid": "k1", "kty": "RSA", "n": 7, "e": []}]}]
)
def test_keys_that_are_none_let_nobody_in(provider: Provider, keys: Any) -> None:
    provider.behaviour["/keys"] = answering(keys)

    refused(Client(), provider, UNTRUSTED, "")


def page_of_begin(provider: Provider) -> tuple[str, list[Any]]:
    client = Client()
    with structlog.testing.capture_logs() as lines:
        answer = client.post(BEGIN)
    return words_after(client, answer), [line["cause"] for line in lines if "cause" in line]


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"token_endpoint": 7}, "token_endpoint"),
        ({"token_endpoint": "http://login.example.com/token"}, "token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://[/"}, "authorization_endpoint"),
    ],
)
def test_a_configuration_that_leads_astray_leads_nowhere(
    provider: Provider, document: dict[str, Any], cause: str
) -> None:
    provider.document = document

    words, causes = page_of_begin(provider)

    assert UNTRUSTED in words
    assert len(causes) == 1
    assert cause in causes[0]


# --- A provider that is away --------------------------------------------------------------------------------


def hanging(handler: Any) -> None:
    gone.wait(8)


def dripping(handler: Any) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000:
        if gone.wait(0.2):
            return
        handler.wfile.write(bytes([byte]))


gone = threading.Event()


@pytest.fixture
def _gone_at_the_end() -> Iterator[None]:
    gone.clear()
    yield
    gone.set()


@pytest.mark.usefixtures("_gone_at_the_end")
@pytest.mark.parametrize(("path", "behaviour"), [(DISCOVERY, dripping), ("/token", hanging)])
def test_a_provider_that_hangs_is_given_up_within_five_seconds_and_a_password_still_opens(
    provider: Provider, path: str, behaviour: Behaviour
) -> None:
    make_person("anna", "administrator")
    client = Client()
    back = provider.authorize(begin(client))
    provider.behaviour[path] = behaviour

    started = time.monotonic()
    answer = client.get(back)
    assert time.monotonic() - started < 5
    page = words_after(client, answer)
    assert AWAY in page
    assert "log in with a password" in page
    sign_in(client)
    assert is_signed_in(client)


def test_a_provider_that_is_not_there_is_said_so_at_once(provider: Provider, settings: Any) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:9"

    words, causes = page_of_begin(provider)

    assert AWAY in words
    assert "could not be reached" in causes[0]


def test_only_so_many_wait_for_the_provider_at_one_time(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_places", threading.BoundedSemaphore(1))
    fetching._places.acquire()

    words, causes = page_of_begin(provider)

    assert AWAY in words
    assert "wait for the provider already" in causes[0]
    assert provider.asked == []


# --- Throttling ---------------------------------------------------------------------------------------------


def test_ten_answers_that_are_not_believed_are_a_quarter_of_an_hour_of_429_and_outages_are_not(
    provider: Provider,
) -> None:
    for _ in range(11):
        provider.behaviour["/token"] = closing
        come(Client(), provider)
    for _ in range(10):
        provider.behaviour["/token"] = answering({"error": "invalid_grant"}, 400)
        come(Client(), provider)
    provider.behaviour.clear()

    answer = come(client := Client(), provider, groups=["cctv-admins"])

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 800
    assert not is_signed_in(client)
    make_person()
    sign_in(client)
    assert is_signed_in(client)  # another way in


# --- The claim of roles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "roles"),
    [
        ({"groups": "cctv-admins"}, {"fleet": "administrator"}),
        ({"groups": ["north-watch"]}, {"north": "viewer"}),
        ({"groups": ["north-watch", "north-ops", "north-ops"]}, {"north": "operator"}),
        ({"groups": ["x" * 10_000, "", "CCTV-ADMINS", "north-ops"]}, {"north": "operator"}),
        ({"groups": ["north-ops"] + [f"g{number}" for number in range(999)]}, {"north": "operator"}),
        ({"groups": []}, {}),
        ({"groups": None}, {}),
        ({}, {}),
        ({"groups": 7}, None),
        ({"groups": True}, None),
        ({"groups": 0}, None),
        ({"groups": {"cctv-admins": True}}, None),
        ({"groups": [["cctv-admins"]]}, None),
        ({"groups": ["cctv-admins", 7]}, None),
        ({"groups": ["cctv-admins"] * 1_001}, None),
        ({"groups": ["cctv-admins"] * 10_000}, None),
    ],
)
def test_what_the_claim_gives(
    provider: Provider, north: Site, claim: dict[str, Any], roles: dict[str, str] | None
) -> None:
    come(Client(), provider, groups=["cctv-admins"])
    client = Client()
    provider.claims.pop("groups")

    answer = come(client, provider, **claim)

    where = {"fleet": None, "north": north.pk}
    if roles:
        assert is_signed_in(client)
    else:
        assert (NO_ROLE if roles == {} else "cannot be read") in words_after(client, answer)
    wanted = {"fleet": "administrator"} if roles is None else roles  # what cannot be read changes nothing
    assert roles_of(User.objects.get()) == {where[place]: role for place, role in wanted.items()}


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["cctv-admins"]}}),
        ("https://example.com/roles", {"https://example.com/roles": ["cctv-admins"]}),
    ],
)
def test_a_claim_may_stand_within_another_or_have_dots_in_its_name(
    settings: Any, name: str, claims: dict[str, Any]
) -> None:
    settings.OIDC_ROLES_CLAIM = name
    settings.OIDC_ROLE_MAP = {"cctv-admins": ["administrator"]}

    assert claimed_roles.roles_in(claims) == {None: "administrator"}
    assert claimed_roles.roles_in({"realm_access": "a text"}) == {}


def test_a_site_may_be_named_by_its_id(settings: Any, north: Site) -> None:
    settings.OIDC_ROLES_CLAIM = "groups"
    settings.OIDC_ROLE_MAP = {"ops": [f"operator@{north.pk}"]}

    assert claimed_roles.roles_in({"groups": "ops"}) == {north.pk: "operator"}
