"""The audit trail over REST: who reads it, what is found by which filter, and pages without gaps."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from controlplane.access import audit
from controlplane.access.models import AuditEntry
from controlplane.access.principals import Principal
from controlplane.addresses import Source
from tests.admin_client import give
from tests.factories import NOW, ApiClient, make_site, make_token

pytestmark = pytest.mark.django_db

FIRST, SECOND = ("first-id", "first"), ("second-id", "second")


def write(minute: int, name: str = "anna", action: str = "site.updated", **values: Any) -> None:
    """An entry at a minute after NOW; `objects` makes it one of several."""
    principal = Principal(values.pop("principal", f"user:{name}"), f"user:{name}", ())
    by = principal.author("api", Source(values.pop("address", ""), "ours", "theirs"))
    facts = {"by": by, "now": NOW + timedelta(minutes=minute), "action": action, "object_type": "site"}
    if "objects" in values:
        audit.record_together(**facts, **values)
    else:
        audit.record(**facts, object_id="x", object_name="North", **values)


@pytest.fixture
def trail(administrator: ApiClient) -> ApiClient:
    AuditEntry.objects.all().delete()
    write(0, address="203.0.113.9")
    write(1, "olga", principal="user:7", fields=["name"])
    write(1, "olga", principal="user:8", action="site.deleted")
    write(2, action="credentials.revealed", objects=[FIRST, SECOND], address="203.0.113.9")
    write(3, action="user.signed_in")
    return administrator


def minutes(client: ApiClient, query: str = "") -> list[float]:
    answer = client.get(f"/audit?{query}" if query else "/audit")
    assert answer.status_code == 200, answer.content
    moments = [entry["at"] for entry in answer.json()]
    return [(timezone.datetime.fromisoformat(at) - NOW) / timedelta(minutes=1) for at in moments]


FILTERS = [
    ("", [3, 2, 1, 1, 0]),
    ("principal=user:7", [1]),
    ("by=user:olga", [1, 1]),
    ("action=site.updated", [1, 0]),
    ("action=site.", [1, 1, 0]),
    ("action=site", []),
    ("object=x", [3, 1, 1, 0]),
    ("object=first-id", [2]),
    ("object=second-id", [2]),
    ("address=203.0.113.9", [2, 0]),
    ("from=2026-03-04T12:01:00Z", [3, 2, 1, 1]),
    ("to=2026-03-04T12:01:00Z", [0]),
    ("from=2026-03-04T12:01:00Z&to=2026-03-04T12:02:00Z&action=site.&by=user:olga", [1, 1]),
]


@pytest.mark.parametrize(("query", "found"), FILTERS)
def test_entries_are_found_by_who_what_when_and_whence(
    trail: ApiClient, query: str, found: list[float], django_assert_num_queries: Any
) -> None:
    trail.get("/me")

    with django_assert_num_queries(1):
        assert minutes(trail, query) == found


def test_an_entry_says_who_by_id_whence_and_in_which_request(trail: ApiClient) -> None:
    (entry,) = trail.get("/audit?action=site.updated&principal=user:7").json()

    assert entry.pop("id") > 0
    assert entry == {
        "at": "2026-03-04T12:01:00.000000Z", "by": "user:olga", "principal": "user:7", "via": "api",
        "address": "", "request_id": "ours", "client_request_id": "theirs", "action": "site.updated",
        "object_type": "site", "object_id": "x", "object_name": "North", "object_count": 1, "fields": ["name"],
        "before": None, "after": None,
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_have_each_entry_once_also_of_one_moment_and_beside_new_ones(trail: ApiClient, limit: int) -> None:
    expected = [entry["id"] for entry in trail.get("/audit").json()]
    seen: list[int] = []
    path = f"/audit?limit={limit}"
    while path:
        answer = trail.get(path)
        seen += [entry["id"] for entry in answer.json()]
        link = answer.headers.get("Link")
        path = link[1 : link.index(">")].removeprefix("http://testserver") if link else ""
        write(9)

    assert seen == expected


def test_only_administrators_of_the_whole_fleet_read_it() -> None:
    site = make_site()
    tokens = [make_token(role) for role in ("viewer", "operator", "orchestrator", "worker")]
    tokens.append(make_token("administrator", site))
    people = {name: User.objects.create_user(name, is_staff=True) for name in ("of-a-site", "of-all")}
    give(people["of-a-site"], ("administrator", site))
    give(people["of-all"], ("administrator", None))
    statuses = []
    for person in people.values():
        client = ApiClient()
        client.client.force_login(person)
        statuses.append(client.get("/audit").status_code)

    assert [ApiClient(secret).get("/audit").status_code for secret in tokens] == [403] * 5
    assert statuses == [403, 200]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("from=yesterday", "from"),
        ("from=2026-03-04T12:00:00Z&to=2026-03-04T12:00:00Z", "to"),
        ("action=", "action"),
        ("action=a%00", "action"),
        ("who=anna", "who"),
        ("cursor=nonsense", "cursor"),
        ("cursor=WyIyMDI2LTAzLTA0VDEyOjAwOjAwWiIsOTIyMzM3MjAzNjg1NDc3NTgwOF0", "cursor"),  # an id of 2**63
    ],
)
def test_what_cannot_be_asked_is_named(administrator: ApiClient, query: str, field: str) -> None:
    answer = administrator.get(f"/audit?{query}")

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
