"""Who did what, where and when: the filters of the change log and of the audit trail."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from cameras import actions, site_actions
from cameras.models import Camera, Change, DesiredState
from controlplane.access.principals import unlimited
from tests.admin_client import administrator, viewer
from tests.factories import make_camera, make_site

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db

CHANGES, AUDIT = "/admin/cameras/change/", "/admin/access/auditentry/"
EVENING, NIGHT, MORNING = (datetime(2026, 7, day, hour, tzinfo=UTC) for day, hour in ((1, 18), (1, 23), (2, 7)))


def stop(cameras: list[Camera], by: str, at: datetime, via: str = "admin") -> None:
    actions.set_desired_state(
        camera_ids=[camera.pk for camera in cameras],
        desired_state=DesiredState.STOPPED,
        by=unlimited(by).author(via),
        now=at,
    )


@pytest.fixture
def log(db: None) -> dict[str, Any]:
    """Cameras of two sites, stopped in the evening, in the night and in the morning."""
    oslo, rome = make_site("Oslo", timezone="Europe/Oslo"), make_site("Rome")
    first, second = (make_camera(name, site=oslo, desired_state="running", now=EVENING) for name in ("O1", "O2"))
    third = make_camera("R1", site=rome, desired_state="running", now=EVENING)
    stop([third, first], "user:olga", NIGHT)  # one block, which begins with either
    stop([second], "token:night-shift", MORNING, via="api")
    actions.update_camera(
        camera_id=first.pk, values={"notes": "wet"}, by=unlimited("user:olga").author("admin"), now=MORNING
    )
    return {"oslo": oslo.pk, "rome": rome.pk}


def found(client: Client, query: str, **ids: Any) -> list[tuple[str, str]]:
    """Who did what to how many, newest first."""
    rows = client.get(f"{CHANGES}?{query.format(**ids)}").context["cl"].result_list
    return [(row.by, f"{row.block.action} {row.block.count}") for row in rows]


OLGA, SHIFT = ("user:olga", "stopped 2"), ("token:night-shift", "stopped 1")
NOTED = ("user:olga", "changed 1")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from=2026-07-01T20:00", [NOTED, SHIFT, OLGA]),
        ("from=2026-07-01T23:00&until=2026-07-02T07:00", [OLGA]),
        ("from=2026-07-01T23:00:01", [NOTED, SHIFT]),
        ("from=2026-07-02", [NOTED, SHIFT]),
        ("from=2026-07-02T08:59%2B02:00&until=2026-07-02T09:01%2B02:00", [NOTED, SHIFT]),
        ("from=2026-07-01T20:00&who=olga", [NOTED, OLGA]),
        ("who=NIGHT-shift", [SHIFT]),
        ("site={oslo}&field=desired_state", [SHIFT, OLGA]),
        ("site={rome}&field=desired_state", [OLGA]),
        ("site={oslo}&field=desired_state&from=2026-07-01T22:00&until=2026-07-02T06:00", [OLGA]),
        ("field=notes", [NOTED]),
        ("field=zone_config", []),
        ("via=api", [SHIFT]),
        ("who=nobody", []),
        ("from=&until=&who=&site=&field=notes&via=", [NOTED]),
    ],
)
def test_the_change_log_answers_who_changed_what_where_and_when(
    viewer: Client, log: dict[str, Any], query: str, expected: list[Any]
) -> None:
    assert found(viewer, query, **log) == expected


def test_a_moment_without_a_zone_is_in_that_of_the_person(viewer: Client, log: dict[str, Any]) -> None:
    viewer.post("/admin/preferences/", {"time_zone": "Europe/Oslo"})

    assert found(viewer, "from=2026-07-02T00:59&until=2026-07-02T01:01") == [OLGA]
    assert "From (Europe/Oslo)" in viewer.get(CHANGES).content.decode()


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("from=yesterday", "Must be a date and a time"),
        ("until=2026-13-01", "Must be a date and a time"),
        ("from=0001-01-01T00:00", "Must be a date and a time"),
        ("until=9999-12-31T23:59", "Must be a date and a time"),
        ("who=" + "w" * 1001, "A search has at most"),
        ("who=a%00b", "who"),
        ("site=oslo", "Must be the id of a site."),
        ("field=sealed_connection", "Must be one of"),
        ("at__gte=2026-01-01", "There is no such parameter in this list"),
        ("by__regex=x", "There is no such parameter in this list"),
    ],
)
def test_what_no_filter_takes_is_refused_in_words(viewer: Client, query: str, fault: str) -> None:
    page = viewer.get(f"{CHANGES}?{query}")

    assert page.status_code == 400
    assert fault in page.content.decode()


def test_a_site_that_is_gone_has_no_changes(viewer: Client, log: dict[str, Any]) -> None:
    assert found(viewer, f"site={uuid4()}") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("action=site.", ["site.deleted", "site.updated"]),
        ("action=deleted", ["site.deleted"]),
        ("who=olga", ["site.deleted"]),
        ("who=olga&action=updated", []),
        ("from=2026-07-01T18:00&until=2026-07-01T23:00", ["site.updated"]),
        ("action=site.&until=2026-07-01T18:00", []),
    ],
)
def test_the_audit_trail_answers_who_did_what_when(administrator: Client, query: str, expected: list[str]) -> None:
    site = make_site("Rome", now=datetime(2026, 7, 3, tzinfo=UTC))
    anna, olga = (unlimited(f"user:{name}").author("admin") for name in ("anna", "olga"))
    site_actions.update_site(site=site, values={"location": "yard"}, by=anna, now=EVENING)
    site_actions.retire_site(site=site, by=olga, now=NIGHT)

    rows = administrator.get(f"{AUDIT}?{query}").context["cl"].result_list
    assert [row.action for row in rows if row.action != "site.created"] == expected


@pytest.mark.parametrize("sites", [1, 50])
def test_filters_cost_the_same_few_queries(viewer: Client, django_assert_num_queries: Any, sites: int) -> None:
    for number in range(sites):
        site = make_site(f"S{number}")
        stop([make_camera(site=site, desired_state="running", now=EVENING)], "user:olga", NIGHT)
    query = f"?who=olga&site={site.pk}&field=desired_state&from=2026-07-01"
    viewer.get(f"{CHANGES}{query}")

    with django_assert_num_queries(5):
        assert len(viewer.get(f"{CHANGES}{query}").context["cl"].result_list) == 1
    assert Change.objects.count() == 2 * sites
