"""Tokens: shown once, stored as a digest, verified from a short memory."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from controlplane.access import tokens
from controlplane.access.models import ApiToken, AuditEntry, TokenBinding
from controlplane.access.principals import ADMINISTRATOR, OF_ORCHESTRATORS, WORKER, Role
from controlplane.access.scope import NOWHERE, WHOLE_FLEET, Scope
from tests.at_once import at_once
from tests.factories import AUTHOR, make_token

pytestmark = pytest.mark.django_db


def now() -> datetime:
    return datetime.now(UTC)


def test_a_token_has_256_random_bits_and_only_its_digest_is_stored() -> None:
    secret = make_token("worker")

    token = ApiToken.objects.get()
    assert secret.startswith("cpt_")
    assert len(secret) == len("cpt_") + 43
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM access_apitoken")
        assert secret[8:] not in str(cursor.fetchall())
    assert AuditEntry.objects.get().action == "token.created"


@pytest.mark.parametrize("role", Role)
def test_each_role_answers_has_perm_as_its_table_says(role: Role) -> None:
    principal = tokens.verify(make_token(role), now())

    assert principal is not None
    held = {
        permission for permission in ADMINISTRATOR | WORKER | OF_ORCHESTRATORS if principal.has_perm(permission)
    }
    assert held == role.permissions


def test_a_remembered_token_costs_no_query(django_assert_num_queries: Any) -> None:
    secret = make_token("viewer")

    with django_assert_num_queries(1):
        for _ in range(3):
            assert tokens.verify(secret, now())


def test_an_unknown_token_costs_one_query_and_a_foreign_text_none(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        for _ in range(3):
            assert tokens.verify("cpt_unknown", now()) is None
    with django_assert_num_queries(0):
        assert tokens.verify("Basic", now()) is None


def test_a_revocation_takes_effect_here_at_once_and_elsewhere_when_the_memory_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, elsewhere = make_token("viewer"), tokens.TokenMemory()
    token = ApiToken.objects.get()
    assert tokens.verify(here, now())
    elsewhere.look_up([token.digest], now())

    revoked = tokens.revoke_tokens(ids=[token.pk], by=AUTHOR, now=now())

    assert (revoked, tokens.verify(here, now())) == (1, None)
    assert elsewhere.recall(token.digest)[1] is not None
    later = tokens.time.monotonic() + tokens.REMEMBER_SECONDS
    monkeypatch.setattr(tokens.time, "monotonic", lambda: later)
    assert elsewhere.recall(token.digest) == (False, None)
    assert tokens.revoke_tokens(ids=[token.pk], by=AUTHOR, now=now()) == 0


def test_a_token_that_expires_while_it_is_remembered_is_dead_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = make_token("viewer", expires_at=now() + timedelta(seconds=10))
    assert tokens.verify(secret, now())

    later = tokens.time.time() + 10
    monkeypatch.setattr(tokens.time, "time", lambda: later)

    assert tokens.verify(secret, now()) is None


def test_last_used_is_written_once_a_minute() -> None:
    secret = make_token("viewer")
    tokens.verify(secret, now())
    tokens.verify(secret, now())
    assert ApiToken.objects.get().last_used_at is None

    tokens.memory.flush_last_used(now())

    assert ApiToken.objects.get().last_used_at is not None


@pytest.mark.parametrize("wrong", [{"role": "king"}, {"role": "viewer", "scope": NOWHERE}])
def test_an_unknown_role_and_a_binding_to_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="token"):
        tokens.create_token(name="x", by=AUTHOR, now=now(), **wrong)


# --- Bindings ---------------------------------------------------------------------------------------------


def reports_in(secret: str) -> Scope | None:
    principal = tokens.verify(secret, now())
    return principal.scope_for("telemetry.report_sample") if principal else None


def test_a_token_is_held_to_all_that_it_is_bound_to(django_assert_num_queries: Any) -> None:
    scope = Scope(frozenset({uuid4(), uuid4()}), frozenset({uuid4(), uuid4()}))
    bound, unbound = make_token("worker", scope=scope), make_token("worker")

    with django_assert_num_queries(2):  # the token and its bindings
        assert reports_in(bound) == scope
        assert reports_in(bound) == scope
    assert reports_in(unbound) == WHOLE_FLEET


def test_tokens_are_looked_up_in_two_queries_however_many_and_made_up_ones_in_one(
    django_assert_num_queries: Any,
) -> None:
    made_up = [tokens.digest_of(f"cpt_{number}") for number in range(500)]
    known = [tokens.digest_of(make_token("viewer", scope=Scope(frozenset({uuid4()})))) for _ in range(20)]

    with django_assert_num_queries(1):
        tokens.memory.look_up(made_up, now())
    with django_assert_num_queries(2):
        tokens.memory.look_up(made_up + known, now())


def test_a_token_loses_what_goes_and_is_revoked_with_the_last_of_it() -> None:
    site, camera = uuid4(), uuid4()
    secret = make_token("worker", scope=Scope(frozenset({site}), frozenset({camera})))
    other, unbound = make_token("worker", scope=Scope(frozenset({uuid4()}))), make_token("worker")

    assert reports_in(secret)
    tokens.unbind_from_cameras(camera_ids=[camera], by=AUTHOR, now=now())
    assert reports_in(secret) == Scope(frozenset({site}))
    tokens.unbind_from_cameras(camera_ids=[camera], by=AUTHOR, now=now())
    tokens.unbind_from_site(site_id=site, by=AUTHOR, now=now())

    assert tokens.verify(secret, now()) is None
    assert reports_in(other)
    assert reports_in(unbound) == WHOLE_FLEET
    trail = AuditEntry.objects.exclude(action="token.created").order_by("pk").values_list("action", "fields")
    assert list(trail) == [
        ("token.binding_lost", [f"camera {camera}"]),
        ("token.binding_lost", [f"site {site}"]),
        ("token.revoked", []),
    ]


def test_what_was_revoked_before_is_not_audited_again() -> None:
    camera = uuid4()
    make_token("worker", scope=Scope(cameras=frozenset({camera})))
    token = ApiToken.objects.get()
    tokens.revoke_tokens(ids=[token.pk], by=AUTHOR, now=now())

    tokens.unbind_from_cameras(camera_ids=[camera], by=AUTHOR, now=now())

    assert not token.bindings.exists()
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["token.created", "token.revoked"]


def test_a_token_whose_bindings_went_by_another_way_sees_nothing() -> None:
    secret = make_token("administrator", scope=Scope(frozenset({uuid4()})))
    TokenBinding.objects.all().delete()

    principal = tokens.verify(secret, now())

    assert principal is not None
    assert [name for name in ADMINISTRATOR | WORKER if principal.has_perm(name)] == []


@pytest.mark.django_db(transaction=True)
def test_of_two_bindings_that_go_at_once_one_is_seen_to_be_the_last() -> None:
    for _ in range(10):
        cameras = [uuid4(), uuid4()]
        secret = make_token("worker", scope=Scope(cameras=frozenset(cameras)))

        at_once(*(partial(tokens.unbind_from_cameras, camera_ids=[pk], by=AUTHOR, now=now()) for pk in cameras))

        assert tokens.verify(secret, now()) is None


def test_a_binding_names_either_a_camera_or_a_site() -> None:
    make_token("viewer")
    token = ApiToken.objects.get()
    for wrong in ({}, {"camera_id": uuid4(), "site_id": uuid4()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            TokenBinding.objects.create(token=token, **wrong)


@pytest.mark.django_db(transaction=True)
def test_tokens_that_share_a_name_are_numbered_by_the_migration() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("access", "0010_audit_facts")])
    try:
        old = executor.loader.project_state([("access", "0010_audit_facts")]).apps.get_model("access", "ApiToken")
        long, at = "x" * 100, now()
        names = ["gate", "gate", "gate (2)", "gate", long, long, "gate", "alone"]
        for number, name in enumerate(names):
            revoked_at = at if number == 6 else None
            created_at = at - timedelta(hours=number)
            old.objects.create(
                name=name, digest=number, hint=number, role="viewer", created_at=created_at, revoked_at=revoked_at
            )
    finally:
        call_command("migrate", verbosity=0)

    assert list(ApiToken.objects.order_by("-created_at").values_list("name", flat=True)) == [
        "gate (4)", "gate (3)", "gate (2)", "gate", "x" * 96 + " (2)", long, "gate", "alone",
    ]  # fmt: skip
    assert AuditEntry.objects.filter(action="token.updated", principal="command:migrate").count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_tokens_were_bound_to_is_kept_by_the_migration_and_none_gains_by_going_back() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("access", "0002_groups")])
    try:
        old = executor.loader.project_state([("access", "0002_groups")]).apps.get_model("access", "ApiToken")
        camera, site = uuid4(), uuid4()
        for name, bound_to in {"camera": {"camera_id": camera}, "site": {"site_id": site}, "fleet": {}}.items():
            old.objects.create(name=name, digest=name, hint=name, role="worker", created_at=now(), **bound_to)
    finally:
        call_command("migrate", verbosity=0)
    scopes = {
        token.name: tokens.principal_of(token).scope_for("telemetry.report_sample")
        for token in ApiToken.objects.prefetch_related("bindings")
    }
    assert scopes == {
        "camera": Scope(cameras=frozenset({camera})), "site": Scope(frozenset({site})), "fleet": WHOLE_FLEET,
    }  # fmt: skip

    TokenBinding.objects.create(token=ApiToken.objects.get(name="site"), camera_id=camera)
    executor = MigrationExecutor(connection)
    executor.migrate([("access", "0002_groups")])
    try:
        rows = old.objects.order_by("name").values_list("name", "camera_id", "site_id", "revoked_at")
        assert [(*row[:3], row[3] is not None) for row in rows if row[0] != "site"] == [
            ("camera", camera, None, False),
            ("fleet", None, None, False),
        ]
        assert old.objects.get(name="site").revoked_at, "a token of two places is none of one"
    finally:
        call_command("migrate", verbosity=0)
