"""What the audit trail knows of sign-ins, refusals and commands: who, whence, in which request."""

import json
import logging
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from controlplane.access import allowance, refusals, sign_ins
from controlplane.access.models import AuditEntry
from controlplane.access.tokens import revoke_tokens
from controlplane.addresses import is_trusted_proxy
from telemetry import asgi as tier
from telemetry.ingest.queues import close_queues
from tests.asgi_client import AsgiClient
from tests.factories import AUTHOR, ApiClient, make_site, make_token, token_id_of
from tests.people import SIGN_IN

pytestmark = pytest.mark.django_db

PASSWORD = "long-and-of-four-words"


@pytest.fixture(autouse=True)
def _new_allowances(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, each, in_all in ((refusals, 20, 500), (sign_ins, 100, 1_000)):
        monkeypatch.setattr(module, "allowance", allowance.Allowance(each, in_all))


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password=PASSWORD, is_staff=True)


def try_to_sign_in(name: str, password: str, **headers: str) -> Any:
    return Client(headers=headers).post(SIGN_IN, {"login": name, "password": password})


def trail(*columns: str, **filters: Any) -> list[Any]:
    return list(AuditEntry.objects.filter(**filters).order_by("pk").values_list(*columns, flat=len(columns) == 1))


def test_signing_in_and_out_is_written_with_person_address_and_both_ids_of_the_request(
    anna: User, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    is_trusted_proxy.cache_clear()
    client = Client(headers={"X-Forwarded-For": "made-up, 203.0.113.9", "X-Request-ID": "the-proxy-7"})

    signed_in = client.post(SIGN_IN, {"login": "anna", "password": PASSWORD})
    signed_out = client.post("/admin/logout/")

    is_trusted_proxy.cache_clear()
    whence = ("203.0.113.9", "the-proxy-7", "user:anna", f"user:{anna.pk}", str(anna.pk))
    assert trail("action", "request_id", "address", "client_request_id", "by", "principal", "object_id") == [
        ("user.signed_in", signed_in["X-Request-ID"], *whence),
        ("user.signed_out", signed_out["X-Request-ID"], *whence),
    ]


def test_of_a_failed_sign_in_only_a_name_that_exists_is_written_and_the_answer_tells_nothing(anna: User) -> None:
    known, unknown, strange = (
        try_to_sign_in(name, "wrong") for name in ("anna", "My-passw0rd-in-the-wrong-field", "an\x01na" * 100)
    )

    assert known.status_code == unknown.status_code == strange.status_code == 200
    assert known.content.count(b"correct username and password") == unknown.content.count(
        b"correct username and password"
    )
    assert trail("action", "by", "principal", "object_id", "object_name", "address") == [
        ("user.sign_in_failed", "nobody", "", str(anna.pk), "anna", "127.0.0.1"),
        ("user.sign_in_failed", "nobody", "", "", "", "127.0.0.1"),
    ], "what no name can be is refused by the form, and no attempt"
    assert "passw0rd" not in str(list(AuditEntry.objects.values()))


def test_refusals_are_written_with_the_id_of_the_token_also_where_another_has_had_its_name() -> None:
    secrets = []
    for _ in range(2):
        secrets.append(make_token("viewer", name="gate"))
        assert ApiClient(secrets[-1]).post("/sites", {"name": "North"}).status_code == 403
        revoke_tokens(ids=[token_id_of(secrets[-1])], by=AUTHOR, now=timezone.now())

    assert trail("by", "principal", "object_name", "via", action="request.refused") == [
        ("token:gate", f"token:{token_id_of(secret)}", "POST /sites", "api") for secret in secrets
    ]


def test_refusals_in_the_admin_are_written(anna: User) -> None:
    client = Client()
    client.force_login(anna)

    assert client.get("/admin/access/auditentry/").status_code == 403
    assert trail("action", "by", "via", "object_name") == [
        ("request.refused", "user:anna", "admin", "GET /admin/access/auditentry/")
    ]


@pytest.mark.django_db(transaction=True)
def test_refusals_of_what_does_not_come_to_django_are_written() -> None:
    secret = make_token("viewer")
    AuditEntry.objects.all().delete()
    client = AsgiClient(tier.application, close_queues, serves_all=False)
    headers = {"Authorization": f"Bearer {secret}", "X-Request-ID": "mine"}

    answers = [client.request("POST", "/telemetry/\x00x", b"{}", headers).status_code for _ in range(2)]
    client.close()

    assert answers == [403, 403]
    assert (
        trail("action", "principal", "object_name", "client_request_id")
        == [("request.refused", f"token:{token_id_of(secret)}", "POST /telemetry/?x", "mine")] * 2
    )


def test_refusals_do_not_fill_the_trail_and_what_was_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer, other = ApiClient(make_token("viewer", name="a")), ApiClient(make_token("viewer", name="b"))
    monkeypatch.setattr(refusals, "allowance", allowance.Allowance(each=3, in_all=5))
    monkeypatch.setattr(allowance, "WINDOW_SECONDS", 3_600.0)
    AuditEntry.objects.all().delete()

    for client in (viewer,) * 10 + (other,) * 10:
        assert client.post("/sites", {"name": "North"}).status_code == 403
    assert trail("by", "fields") == [("token:a", [])] * 3 + [("token:b", ["7 more before"])] + [("token:b", [])]
    monkeypatch.setattr(allowance, "WINDOW_SECONDS", 0.0)
    viewer.post("/sites", {"name": "North"})

    assert trail("by", "fields")[5:] == [("token:a", ["8 more before"])]


def test_a_refusal_stands_where_the_trail_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_entry: Any) -> None:
        raise refusals.DATABASE_AWAY[0]

    viewer = ApiClient(make_token("viewer"))
    monkeypatch.setattr(refusals.audit, "record", away)

    assert viewer.post("/sites", {"name": "North"}).status_code == 403


def test_the_line_of_a_request_names_who_asked_and_whence(
    anna: User, caplog: pytest.LogCaptureFixture, django_assert_num_queries: Any
) -> None:
    secret = make_token("viewer")
    viewer, person = ApiClient(secret), Client()
    person.force_login(anna)
    viewer.get("/sites")
    caplog.set_level(logging.INFO, "controlplane.request")

    with django_assert_num_queries(1):
        viewer.get("/sites", **{"X-Request-ID": "mine"})
    person.get("/admin/preferences/")
    Client().get("/livez")

    lines = [record.msg for record in caplog.records if record.name == "controlplane.request"]
    assert [(line["principal"], line["address"]) for line in lines[-3:]] == [
        (f"token:{token_id_of(secret)}", "127.0.0.1"),
        (f"user:{anna.pk}", "127.0.0.1"),
        ("", "127.0.0.1"),
    ]
    assert lines[-3]["client_request_id"] == "mine"
    assert len({line["request_id"] for line in lines[-3:]}) == 3
    assert secret not in json.dumps(lines, default=str)


def test_commands_that_change_people_or_the_clock_are_written(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt="": PASSWORD)
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

    call_command("createsuperuser", "--no-input", username="root", email="root@example.com", stdout=StringIO())
    call_command("changepassword", "anna", stdout=StringIO())
    call_command("accept_clock", stdout=StringIO())

    assert trail("action", "principal", "via", "object_name", "fields") == [
        ("user.created", "command:createsuperuser", "command", "root", ["is_superuser"]),
        ("user.updated", "command:changepassword", "command", "anna", ["password"]),
        ("clock.accepted", "command:accept_clock", "command", "", []),
    ]


def test_the_deletion_of_a_site_is_written(administrator: ApiClient) -> None:
    site = make_site()

    assert administrator.delete(f"/sites/{site.pk}").status_code == 204
    assert trail("action", "object_name", "by", action="site.deleted") == [
        ("site.deleted", "North", "token:administrator")
    ]
    assert AUTHOR.principal.id not in trail("principal", action="site.deleted")
