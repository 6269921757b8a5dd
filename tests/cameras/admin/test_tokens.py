"""Tokens in the admin: shown once, revoked by a post, and never more than who makes them may do."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client

from controlplane.access import tokens
from controlplane.access.models import ApiToken, AuditEntry
from controlplane.access.scope import Scope
from tests.admin_client import TOKENS, administrator, sign_in, told, viewer
from tests.factories import AUTHOR, make_camera, make_site

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db


def make_by_form(client: Client, **typed: Any) -> Any:
    return client.post(f"{TOKENS}add/", {"name": "worker 1", "role": "worker", **typed})


def test_a_token_is_shown_once_and_kept_nowhere(administrator: Client) -> None:
    camera = make_camera()

    page = make_by_form(administrator, camera=str(camera.pk))

    secret = page.context["secret"]
    token = ApiToken.objects.get()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert secret in page.content.decode()
    assert (token.digest, token.camera_id) == (tokens.digest_of(secret), camera.pk)
    reported = tokens.verify(secret, datetime.now(UTC)).scope_for("telemetry.report_sample")
    assert reported == Scope(cameras=frozenset({camera.pk}))
    assert not any(secret in cookie.value for cookie in page.cookies.values())
    assert secret not in json.dumps(dict(administrator.session.items()))
    assert secret not in LogEntry.objects.get().change_message
    for path in (TOKENS, f"{TOKENS}{token.pk}/change/", "/admin/"):
        assert secret not in administrator.get(path).content.decode()


def test_a_token_with_a_fault_is_not_made(administrator: Client) -> None:
    site = make_site()
    camera = make_camera(site=site)

    both = make_by_form(administrator, camera=str(camera.pk), site=str(site.pk))
    past = make_by_form(administrator, expires_at_0="2020-01-01", expires_at_1="00:00:00")
    unknown = make_by_form(administrator, role="king")
    nameless = make_by_form(administrator, name=" ")

    faults = [page.context["adminform"].form.errors.keys() for page in (both, past, unknown, nameless)]
    assert faults == [{"site"}, {"expires_at"}, {"role"}, {"name"}]
    assert not ApiToken.objects.exists()


def test_nobody_makes_a_token_that_may_do_more_than_they(groups: None) -> None:
    client = sign_in("Operators", name="olga")
    olga = User.objects.get(username="olga")
    olga.user_permissions.set(Group.objects.get(name="Administrators").permissions.filter(codename="add_apitoken"))

    assert make_by_form(client, role="administrator").status_code == 200
    assert not ApiToken.objects.exists()
    assert make_by_form(client, role="operator").context["secret"]


def test_a_token_is_revoked_by_a_post_and_never_changed_or_deleted(administrator: Client, viewer: Client) -> None:
    token, secret = tokens.create_token(name="w", role="viewer", by=AUTHOR, now=datetime.now(UTC))
    page = f"{TOKENS}{token.pk}/change/"

    administrator.get(f"{TOKENS}{token.pk}/revoke/")
    assert viewer.post(f"{TOKENS}{token.pk}/revoke/").status_code == 403
    assert administrator.post(page, {"name": "x"}).status_code == 403
    assert administrator.post(f"{TOKENS}{token.pk}/delete/", {"post": "yes"}).status_code == 403
    assert tokens.verify(secret, datetime.now(UTC))

    response = administrator.post(f"{TOKENS}{token.pk}/revoke/")

    assert "1 token revoked." in told(response)
    assert tokens.verify(secret, datetime.now(UTC)) is None
    assert "Revoked" in administrator.get(page).content.decode()
    assert AuditEntry.objects.filter(action="token.revoked", by="user:anna", door="admin").count() == 1
