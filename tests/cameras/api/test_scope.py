"""Different roles at different places, and tokens that are bound to several, through the API."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cameras.change_feed import current_cursor
from cameras.models import Camera, Site
from controlplane.access import tokens
from controlplane.access.models import ApiToken
from tests.factories import BRIEF, ApiClient, make_camera, make_holder, make_site, make_token

pytestmark = pytest.mark.django_db

Holding = Callable[..., ApiClient]


@pytest.fixture
def holding(monkeypatch: pytest.MonkeyPatch) -> Holding:
    """A client that holds several roles, each in a scope of its own."""

    def client(*held: tuple[Any, ...]) -> ApiClient:
        principal = make_holder(*held)
        monkeypatch.setattr(tokens, "principal_of", lambda token: principal)
        return ApiClient(make_token("viewer"))

    return client


@pytest.fixture
def sites() -> tuple[Site, Site, Site]:
    return make_site("A"), make_site("B"), make_site("C")


def names(client: ApiClient, path: str) -> list[str]:
    return [row["name"] for row in client.get(path).json()]


#: the act, and its answers at A, B and C of an operator and orchestrator at A who is viewer at B and nothing at C
ACTS: list[tuple[str, str, Any, tuple[int, int, int]]] = [
    ("GET", "/cameras/{camera}", None, (200, 200, 404)),
    ("PATCH", "/cameras/{camera}", {"desired_state": "running"}, (200, 403, 404)),
    ("PATCH", "/cameras/{camera}", {"name": "x"}, (403, 403, 404)),
    ("GET", "/cameras/{camera}/credentials", None, (200, 403, 404)),
    ("GET", "/telemetry/{camera}", None, (200, 200, 404)),
    ("GET", "/telemetry/{camera}/gaps?from=2026-03-01T00:00:00Z", None, (200, 200, 404)),
    ("GET", "/telemetry/{camera}/transitions", None, (200, 200, 404)),
    ("GET", "/cameras/{camera}/availability", None, (200, 200, 404)),
    ("GET", "/sites/{site}/availability", None, (200, 200, 404)),
    ("GET", "/sites/{site}", None, (200, 200, 404)),
    ("GET", "/sites/{site}/occupancy?from=2026-03-01T00:00:00Z&bucket=1h", None, (200, 200, 404)),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), ACTS, ids=[f"{row[0]} {row[1]}" for row in ACTS])
def test_what_is_seen_and_not_held_is_403_and_what_is_not_seen_is_404(
    holding: Holding, sites: tuple[Site, Site, Site], method: str, path: str, body: Any, expected: tuple[int, ...]
) -> None:
    cameras = [make_camera(site=site) for site in sites]
    client = holding(("operator", sites[0]), ("orchestrator", sites[0]), ("viewer", sites[1]))

    answers = [
        client.request(method, path.format(camera=camera.pk, site=site.pk), body)
        for camera, site in zip(cameras, sites, strict=True)
    ]

    assert tuple(answer.status_code for answer in answers) == expected
    assert all(
        answer["Content-Type"] == "application/problem+json" for answer in answers if answer.status_code >= 400
    )
    states = set(Camera.objects.exclude(site=sites[0]).values_list("name", "desired_state"))
    assert states == {("Gate", "stopped")}, "nothing happened where it was refused"


def test_lists_and_the_feed_hold_what_may_be_seen_and_no_camera_without_a_site(
    holding: Holding, sites: tuple[Site, Site, Site], administrator: ApiClient
) -> None:
    cursor = current_cursor()
    in_a, in_b, _in_c = (make_camera(site.name, site=site) for site in sites)
    make_camera("nowhere")
    administrator.patch(f"/cameras/{in_a.pk}", {"site": str(sites[1].pk)})
    administrator.patch(f"/cameras/{in_a.pk}", {"site": str(sites[2].pk)})
    client = holding(("operator", sites[0]), ("viewer", sites[1]))

    assert names(client, "/cameras") == ["B"]
    assert names(client, "/sites") == ["A", "B"]
    assert [row["camera_id"] for row in client.get("/telemetry/latest").json()] == [str(in_b.pk)]
    feed = client.get(f"/cameras/changes?since={cursor}").json()["changes"]
    assert [(change["kind"], change["camera_id"]) for change in feed] == [
        ("created", str(in_a.pk)), ("created", str(in_b.pk)), ("updated", str(in_a.pk)), ("deleted", str(in_a.pk)),
    ]  # fmt: skip


def test_cameras_are_made_and_moved_only_between_places_where_one_may(
    holding: Holding, sites: tuple[Site, Site, Site]
) -> None:
    a, b, c = sites
    camera, other = make_camera("in A", site=a), make_camera("in B", site=b)
    client = holding(("administrator", a), ("viewer", b))

    def moved(row: Camera, site: Site | None) -> tuple[int, list[str]]:
        answer = client.patch(f"/cameras/{row.pk}", {"site": str(site.pk) if site else None})
        fields = [] if answer.status_code == 200 else [error["field"] for error in answer.json()["errors"]]
        return answer.status_code, fields

    assert moved(camera, b) == (403, ["site"])
    assert moved(camera, c) == (403, ["site"])
    assert moved(camera, None) == (403, ["site"])
    assert moved(camera, a) == (200, [])
    assert moved(other, a) == (403, [])
    made = [client.post("/cameras", {**BRIEF, "site": str(site.pk)}).status_code for site in sites]
    assert made == [201, 403, 403]
    assert client.post("/cameras", BRIEF).json()["errors"][0]["field"] == "site"
    both = holding(("administrator", a), ("administrator", b))
    assert both.patch(f"/cameras/{camera.pk}", {"site": str(b.pk)}).json()["site"] == str(b.pk)


def test_sites_are_changed_by_who_holds_them_and_not_by_who_holds_a_camera_there(
    holding: Holding, sites: tuple[Site, Site, Site]
) -> None:
    a, b, c = sites
    make_camera(site=c)
    client = holding(("administrator", a), ("viewer", b), ("administrator", make_camera(site=b)))

    assert [client.patch(f"/sites/{site.pk}", {"location": "x"}).status_code for site in sites] == [200, 403, 404]
    assert [client.delete(f"/sites/{site.pk}").status_code for site in sites] == [204, 403, 404]
    assert client.post("/sites", {"name": "New"}).status_code == 403


# --- Tokens that are bound to several ---------------------------------------------------------------------


def test_a_token_of_two_sites_and_a_camera_sees_and_touches_these(sites: tuple[Site, Site, Site]) -> None:
    a, b, c = sites
    in_a, in_b, in_c, alone = (
        make_camera("a", site=a),
        make_camera("b", site=b),
        make_camera("c", site=c),
        make_camera("alone"),
    )
    client = ApiClient(make_token("operator", a, b, alone))

    assert names(client, "/cameras") == ["a", "alone", "b"]
    assert names(client, "/sites") == ["A", "B"]
    changed = [
        client.patch(f"/cameras/{camera.pk}", {"desired_state": "running"}).status_code
        for camera in (in_a, in_b, alone, in_c)
    ]
    assert changed == [200, 200, 200, 404]


def test_a_worker_of_two_cameras_and_a_site_reads_and_watches_these_and_how_to_reach_them() -> None:
    cursor = current_cursor()
    site = make_site()
    one, two, there = make_camera("one"), make_camera("two"), make_camera("there", site=site)
    other = make_camera("other", site=make_site("Other"))
    client = ApiClient(make_token("worker", one, two, site))

    for path in ("/cameras/{}", "/cameras/{}/credentials"):
        answers = [client.get(path.format(camera.pk)).status_code for camera in (one, two, there, other)]
        assert answers == [200, 200, 200, 404]
    assert names(client, "/cameras") == ["one", "there", "two"]
    changes = client.get(f"/cameras/changes?since={cursor}").json()["changes"]
    assert [change["name"] for change in changes] == ["one", "two", "there"]
    refused = [client.get(path).status_code for path in ("/sites", f"/telemetry/{one.pk}", "/metrics", "/docs")]
    assert refused == [403, 403, 403, 403]
    assert client.patch(f"/cameras/{one.pk}", {"desired_state": "running"}).status_code == 403


def test_what_goes_leaves_the_token_the_rest_and_the_last_one_takes_it_along(administrator: ApiClient) -> None:
    site, empty = make_site("Site"), make_site("Empty")
    one, two = make_camera("one", site=site), make_camera("two")
    secret = make_token("viewer", one, two, empty)
    client = ApiClient(secret)
    make_camera("stranger")

    assert administrator.delete(f"/cameras/{one.pk}").status_code == 204
    assert names(client, "/cameras") == ["two"]
    assert names(client, "/sites") == ["Empty"]
    assert administrator.delete(f"/sites/{empty.pk}").status_code == 204
    assert names(client, "/cameras") == ["two"]
    assert administrator.delete(f"/cameras/{two.pk}").status_code == 204

    assert client.get("/cameras").status_code == 401
    assert ApiToken.objects.get(role="viewer").revoked_at
    tokens.memory.__init__()  # type: ignore[misc]  # as another process
    assert tokens.verify(secret, datetime.now(UTC)) is None
