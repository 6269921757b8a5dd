"""Tokens: shown once, stored as a digest, verified from a short memory."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from controlplane.access import tokens
from controlplane.access.models import ApiToken, AuditEntry
from controlplane.access.principals import ADMINISTRATOR, WORKER, Role
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
    held = {permission for permission in ADMINISTRATOR | WORKER if principal.has_perm(permission)}
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


@pytest.mark.parametrize("wrong", [{"role": "king"}, {"role": "viewer", "camera_id": "x", "site_id": "y"}])
def test_an_unknown_role_or_two_bindings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="token"):
        tokens.create_token(name="x", by=AUTHOR, now=now(), **wrong)
