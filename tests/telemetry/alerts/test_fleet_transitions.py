"""Changes of status of all cameras: in pages, by camera, site, status and time, and only where one may see."""

from datetime import timedelta
from typing import Any

import pytest

from cameras.models import Camera, Site
from telemetry.alerts.models import Transition
from tests.factories import NOW, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db


def change(camera: Camera, minute: int, status: str, site: Site | None = None) -> None:
    at = NOW + timedelta(minutes=minute)
    Transition.objects.create(
        camera_id=camera.pk, camera_name=camera.name, site_id=site.pk if site else None, at=at, detected_at=at,
        from_status="pending", to_status=status, reason="x",
    )  # fmt: skip


@pytest.fixture
def fleet() -> dict[str, Any]:
    north, south = make_site("North"), make_site("South")
    moved, other, alone = make_camera("Moved", site=south), make_camera("Other", site=north), make_camera("Alone")
    change(moved, 0, "healthy", north)
    change(other, 1, "offline", north)
    change(alone, 2, "healthy")
    change(moved, 2, "stale", south)
    change(moved, 3, "offline", south)
    return {
        "north": north.pk,
        "south": south.pk,
        "moved": moved.pk,
        "other": other.pk,
        "rows": (north, south, moved),
    }


def seen(client: ApiClient, query: str = "") -> list[tuple[str, str]]:
    return [(row["camera_name"], row["to_status"]) for row in client.get(f"/transitions{query}").json()]


ALL = [
    ("Moved", "offline"),
    ("Alone", "healthy"),
    ("Moved", "stale"),
    ("Other", "offline"),
    ("Moved", "healthy"),
]
FILTERS = [
    ("", [0, 1, 2, 3, 4]),
    ("?camera={moved}", [0, 2, 4]),
    ("?camera={north}", []),
    ("?site={north}", [3, 4]),
    ("?site=null", [1]),
    ("?status=offline", [0, 3]),
    ("?status=offline,stale&site={south}", [0, 2]),
    ("?from=2026-03-04T12:01:00Z&to=2026-03-04T12:03:00Z", [1, 2, 3]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_they_are_filtered_and_the_newest_come_first(
    viewer: ApiClient, fleet: dict[str, Any], query: str, expected: list[int]
) -> None:
    assert seen(viewer, query.format(**fleet)) == [ALL[number] for number in expected]


def test_a_principal_sees_what_happened_in_its_scope(fleet: dict[str, Any]) -> None:
    north, south, moved = fleet["rows"]

    assert seen(ApiClient(make_token("viewer", north))) == [ALL[3], ALL[4]]
    assert seen(ApiClient(make_token("viewer", south))) == [ALL[0], ALL[2]]
    assert seen(ApiClient(make_token("viewer", moved))) == [ALL[0], ALL[2], ALL[4]]
    assert seen(ApiClient(make_token("viewer", south)), f"?site={north.pk}") == []


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_meet_also_among_changes_of_one_moment(viewer: ApiClient, fleet: dict[str, Any], limit: int) -> None:
    found: list[Any] = []
    path: str | None = f"/transitions?limit={limit}"
    while path:
        answer = viewer.get(path)
        found += answer.json()
        link = answer.headers.get("Link")
        path = link.partition(">")[0].removeprefix("<http://testserver") if link else None

    assert [(row["camera_name"], row["to_status"]) for row in found] == ALL


WRONG = [
    ("camera=x", "camera"),
    ("site=x", "site"),
    ("status=broken", "status"),
    ("status=offline,offline", "status"),
    ("from=yesterday", "from"),
    ("limit=1001", "limit"),
    ("cursor=x", "cursor"),
    ("zone=x", "zone"),
]


@pytest.mark.parametrize(("query", "field"), WRONG)
def test_what_is_wrong_is_named(viewer: ApiClient, query: str, field: str) -> None:
    answer = viewer.get(f"/transitions?{query}")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("count", [1, 50])
def test_a_page_takes_one_query_beside_those_of_the_token(
    viewer: ApiClient, count: int, django_assert_num_queries: Any
) -> None:
    camera = make_camera()
    for number in range(count):
        change(camera, number, "offline")
    viewer.get("/transitions")

    with django_assert_num_queries(1):
        assert len(viewer.get("/transitions").json()) == count
