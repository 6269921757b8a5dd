"""The audit trail in the admin: filtered by who, what, when and address, and downloaded as it is filtered."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.test import Client

from controlplane.access import audit
from controlplane.access.admin import audit_trail
from controlplane.access.models import AuditEntry
from controlplane.access.principals import Principal
from controlplane.addresses import Source
from tests.admin_client import administrator, viewer

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db

LIST, CSV = "/admin/access/auditentry/", "/admin/access/auditentry/csv/"
NIGHT, MORNING = datetime(2026, 7, 1, 23, tzinfo=UTC), datetime(2026, 7, 2, 7, tzinfo=UTC)


@pytest.fixture
def trail(administrator: Client) -> Client:
    AuditEntry.objects.all().delete()
    for principal, name, address, action, at in (
        ("user:17", "olga", "203.0.113.9", "site.updated", NIGHT),
        ("user:18", "olga", "203.0.113.99", "site.deleted", MORNING),
        ("token:a-b", "=cmd|x", "2001:db8::1", "credentials.revealed", MORNING),
    ):
        by = Principal(principal, f"user:{name}", ()).author("api", Source(address, "ours"))
        facts = {"object_type": "site", "object_id": "x", "object_name": name, "fields": ["name", "location"]}
        audit.record(by=by, now=at, action=action, **facts)  # type: ignore[arg-type]
    return administrator


def downloaded(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{CSV}?{query}" if query else CSV)
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="audit-trail.csv"'
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


FILTERS = [
    ("", ["token:a-b", "user:18", "user:17"]),
    ("who=olga", ["user:18", "user:17"]),
    ("who=user:17", ["user:17"]),
    ("who=token:a-b", ["token:a-b"]),
    ("action=site.", ["user:18", "user:17"]),
    ("address=203.0.113.9", ["user:17"]),
    ("from=2026-07-02T07:00", ["token:a-b", "user:18"]),
    ("from=2026-07-01T22:00&until=2026-07-02T07:00&q=olga", ["user:17"]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_what_is_listed_is_what_is_downloaded(trail: Client, query: str, expected: list[str]) -> None:
    page = trail.get(f"{LIST}?{query}" if query else LIST)

    assert [row.principal for row in page.context["cl"].result_list] == expected
    assert f'href="{CSV}{"?" if query else ""}' in page.content.decode()
    assert [row["principal"] for row in downloaded(trail, query)] == expected
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.object_count, entry.by) == ("audit.exported", len(expected), "user:anna")


def test_the_file_holds_every_fact_and_is_safe_in_a_spreadsheet(trail: Client) -> None:
    first = downloaded(trail, "action=credentials.revealed")[0]

    assert int(first.pop("id")) > 0
    assert first == {
        "at": "2026-07-02T07:00:00.000000Z", "by": "user:=cmd|x", "principal": "token:a-b", "via": "api",
        "address": "2001:db8::1", "request_id": "ours", "client_request_id": "", "action": "credentials.revealed",
        "object_type": "site", "object_id": "x", "object_name": "'=cmd|x", "object_count": "1",
        "fields": "name; location", "before": "", "after": "",
    }  # fmt: skip


def test_more_than_a_file_takes_is_refused_in_words(trail: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "MAX_DOWNLOADED", 2)

    refused = trail.get(CSV)

    assert refused.status_code == 400
    assert "more than 2 entries" in refused.json()["detail"]
    assert len(downloaded(trail, "who=olga")) == 2


@pytest.mark.parametrize("query", ["address__regex=(.|.)*!", "from=yesterday", "nonsense=1"])
def test_the_download_takes_the_filters_of_the_list_and_nothing_else(trail: Client, query: str) -> None:
    assert trail.get(f"{CSV}?{query}").status_code == 400


def test_who_may_not_read_the_trail_downloads_nothing(viewer: Client) -> None:
    assert viewer.get(CSV).status_code == 403
