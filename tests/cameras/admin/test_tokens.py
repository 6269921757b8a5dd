"""Tokens in the admin: shown once, revoked by a post, and never more than who makes them may do."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from cameras import actions, site_actions
from cameras.models import Site
from controlplane.access import tokens
from controlplane.access.models import ApiToken, AuditEntry
from tests.admin_client import TOKENS, administrator, form_of, give, make_person, shown_messages, signed_in, viewer
from tests.factories import AUTHOR, make_camera, make_site, make_token, scope_of, token_id_of

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db


def create_for(site: Site) -> Any:
    return token_id_of(make_token("viewer", site))


def make_by_form(client: Client, **typed: Any) -> Any:
    return client.post(f"{TOKENS}add/", {"name": "worker 1", "role": "worker", **typed})


def test_a_token_is_shown_once_and_kept_nowhere(administrator: Client) -> None:
    camera = make_camera()

    page = make_by_form(administrator, cameras=str(camera.pk))

    secret = page.context["secret"]
    token = ApiToken.objects.get()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert secret in page.content.decode()
    assert token.digest == tokens.digest_of(secret)
    reported = tokens.verify(secret, datetime.now(UTC)).scope_for("telemetry.report_sample")
    assert reported == scope_of(camera)
    assert not any(secret in cookie.value for cookie in page.cookies.values())
    assert secret not in json.dumps(dict(administrator.session.items()))
    assert secret not in LogEntry.objects.get().change_message
    for path in (TOKENS, f"{TOKENS}{token.pk}/change/", "/admin/"):
        assert secret not in administrator.get(path).content.decode()


def test_the_form_proposes_a_year_and_takes_no_end(administrator: Client) -> None:
    proposed = form_of(administrator.get(f"{TOKENS}add/"), "apitoken_form")["expires_at"]
    make_by_form(administrator, expires_at=proposed)
    make_by_form(administrator, name="for ever", expires_at="")
    again = make_by_form(administrator)

    first, endless = ApiToken.objects.order_by("created_at")
    assert timedelta(days=364, hours=23) < first.expires_at - first.created_at <= timedelta(days=365)  # type: ignore[operator]
    assert endless.expires_at is None
    assert again.context["adminform"].form.errors.keys() == {"name"}


def test_a_token_with_a_fault_is_not_made(administrator: Client) -> None:
    camera = make_camera()

    strange = make_by_form(administrator, cameras=[str(camera.pk), str(uuid4())], sites="x")
    past = make_by_form(administrator, expires_at="2020-01-01T00:00")
    unknown = make_by_form(administrator, role="king")
    nameless = make_by_form(administrator, name=" ")

    faults = [page.context["adminform"].form.errors.keys() for page in (strange, past, unknown, nameless)]
    assert faults == [{"sites", "cameras"}, {"expires_at"}, {"role"}, {"name"}]
    assert not ApiToken.objects.exists()


def test_nobody_makes_a_token_that_may_do_more_than_they(db: None) -> None:
    north, south = make_site("North"), make_site("South")
    olga = make_person("olga")
    give(olga, ("administrator", north), ("operator", south))
    client = signed_in(olga)

    assert make_by_form(client, role="viewer").status_code == 200
    # She may operate there, and give nothing.
    assert make_by_form(client, role="operator", sites=str(south.pk)).status_code == 200
    assert make_by_form(client, role="worker", cameras=str(make_camera(site=south).pk)).status_code == 200
    assert not ApiToken.objects.exists()
    assert make_by_form(client, role="administrator", sites=str(north.pk)).context["secret"]


def test_nobody_binds_a_token_to_what_they_do_not_hold() -> None:
    mine, other = make_site("Mine"), make_site("Other")
    inside, outside = make_camera("inside", site=mine), make_camera("outside", site=other)
    clerk = signed_in(make_person("clerk", "administrator", mine))
    elsewhere = create_for(other)

    faults = {
        "role": {},
        "sites": {"sites": str(other.pk)},
        "cameras": {"cameras": [str(inside.pk), str(outside.pk)]},
    }
    for field, bound_to in faults.items():
        page = make_by_form(clerk, **bound_to)
        assert page.context["adminform"].form.errors.keys() == {field}
        assert not {"Other", "outside"} & set(page.content.decode().split())
    assert make_by_form(clerk, sites=str(mine.pk), cameras=str(inside.pk)).context["secret"]
    assert [token.name for token in clerk.get(TOKENS).context["cl"].result_list] == ["worker 1"]
    assert clerk.get(f"{TOKENS}{elsewhere}/change/").status_code == 404
    assert clerk.post(f"{TOKENS}{elsewhere}/revoke/").status_code == 404
    clerk.post(TOKENS, {"action": "revoke_selected", "_selected_action": [str(elsewhere)]})
    assert ApiToken.objects.get(pk=elsewhere).revoked_at is None


def test_a_token_is_bound_to_several_and_the_pages_say_to_which(administrator: Client) -> None:
    sites = [make_site(name) for name in ("North", "<South>")]
    cameras = [make_camera(f"Gate {number}") for number in range(4)]
    chosen = {"sites": [str(site.pk) for site in sites], "cameras": [str(camera.pk) for camera in cameras]}

    secret = make_by_form(administrator, **chosen).context["secret"]

    reported = tokens.verify(secret, datetime.now(UTC)).scope_for("telemetry.report_sample")
    assert reported == scope_of(*sites, *cameras)
    page = f"{TOKENS}{ApiToken.objects.get().pk}/change/"
    in_words = "site <bdi>&lt;South&gt;</bdi>, site <bdi>North</bdi>, camera <bdi>Gate 0</bdi>"
    assert f"{in_words} and 3 more" in administrator.get(TOKENS).content.decode()
    assert (
        f"{in_words}, camera <bdi>Gate 1</bdi>, camera <bdi>Gate 2</bdi>"
        in administrator.get(page).content.decode()
    )
    actions.retire_cameras(camera_ids=[camera.pk for camera in cameras], by=AUTHOR, now=datetime.now(UTC))
    assert "Gate" not in administrator.get(page).content.decode()
    for site in sites:
        site_actions.retire_site(site=site, by=AUTHOR, now=datetime.now(UTC))
    gone = administrator.get(page).content.decode()
    assert "what is deleted: sees nothing" in gone
    assert "sees all" not in gone


def test_a_token_is_revoked_by_a_post_and_never_changed_or_deleted(administrator: Client, viewer: Client) -> None:
    token, secret = tokens.create_token(name="w", role="viewer", by=AUTHOR, now=datetime.now(UTC))
    page = f"{TOKENS}{token.pk}/change/"

    administrator.get(f"{TOKENS}{token.pk}/revoke/")
    assert viewer.post(f"{TOKENS}{token.pk}/revoke/").status_code == 403
    assert administrator.post(page, {"name": "x"}).status_code == 403
    assert administrator.post(f"{TOKENS}{token.pk}/delete/", {"post": "yes"}).status_code == 403
    assert tokens.verify(secret, datetime.now(UTC))

    response = administrator.post(f"{TOKENS}{token.pk}/revoke/")

    assert "1 token revoked." in shown_messages(response)
    assert tokens.verify(secret, datetime.now(UTC)) is None
    assert "Revoked" in administrator.get(page).content.decode()
    assert AuditEntry.objects.filter(action="token.revoked", by="user:anna", via="admin").count() == 1
