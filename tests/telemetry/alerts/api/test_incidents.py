"""Incidents over REST: who sees which, what is answered, and what people do with them."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.access.models import AuditEntry
from telemetry.alerts.incident_models import Incident
from tests.factories import NOW, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db


def begin(title: str = "Gate", minutes: float = 0, **values: Any) -> Incident:
    """One that began so many minutes after NOW."""
    at = NOW + timedelta(minutes=minutes)
    given = {"key": f"camera:{title}", "causes": ["camera.offline"], **values}
    incident = Incident.objects.create(title=title, began_at=at, **given)
    incident.entries.create(at=at, event="began", text=f"{title} is offline.")
    return incident


def titles(answer: Any) -> list[str]:
    return [incident["title"] for incident in answer.json()]


@pytest.fixture
def operator(db: None) -> ApiClient:
    return ApiClient(make_token("operator"))


def test_they_are_listed_newest_first_in_pages_and_chosen_by_state_place_and_time(operator: ApiClient) -> None:
    north = make_site("North")
    camera = make_camera("Gate", site=north)
    begin("first", 0, ended_at=NOW, state="resolved", camera_id=camera.pk)
    begin("second", 1, site_id=north.pk)
    begin("third", 2, state="acknowledged")

    assert titles(operator.get("/incidents")) == ["third", "second", "first"]
    page = operator.get("/incidents?limit=2")
    following = page["Link"].partition("<")[2].partition(">")[0].removeprefix("http://testserver")
    assert (titles(page), titles(operator.get(following))) == (["third", "second"], ["first"])
    for query, found in (
        ("state=open", ["second"]),
        ("state=resolved", ["first"]),
        (f"camera={camera.pk}", ["first"]),
        (f"site={north.pk}", ["second"]),
        ("from=2026-03-04T12:01:00Z&to=2026-03-04T12:02:00Z", ["second"]),
    ):
        assert titles(operator.get(f"/incidents?{query}")) == found, query
    for query in ("state=gone", "camera=7", "site=", "colour=red", "limit=0", "cursor=x"):
        assert operator.get(f"/incidents?{query}").status_code == 400, query


@pytest.mark.parametrize("count", [1, 50])
def test_a_page_takes_as_many_queries_for_one_as_for_fifty(
    count: int, operator: ApiClient, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        begin(f"Gate {number}", number)
    operator.get("/incidents")

    with django_assert_num_queries(1):
        assert len(operator.get("/incidents").json()) == count


def test_of_a_site_its_people_see_what_is_there_and_nothing_of_the_fleet() -> None:
    north, south = make_site("North"), make_site("South")
    camera = make_camera("Gate", site=north)
    here = begin("Gate", camera_id=camera.pk, site_id=north.pk)
    begin("North", key="site:north", site_id=north.pk)
    there = begin("South", key="site:south", site_id=south.pk)
    begin("The whole fleet", key="fleet")
    client = ApiClient(make_token("operator", north))

    assert sorted(titles(client.get("/incidents"))) == ["Gate", "North"]
    assert client.get(f"/incidents/{there.pk}").status_code == 404
    assert client.post(f"/incidents/{there.pk}/acknowledge").status_code == 404
    assert client.post(f"/incidents/{here.pk}/acknowledge").status_code == 200
    reader = ApiClient(make_token("viewer", north))
    assert reader.get(f"/incidents/{here.pk}").json()["acknowledged_by"] == "token:operator"
    assert reader.post(f"/incidents/{here.pk}/notes", {"note": "x"}).status_code == 403


def test_it_is_acknowledged_once_and_what_is_said_with_it_stays_in_the_timeline(operator: ApiClient) -> None:
    address = f"/incidents/{begin().pk}"
    other = ApiClient(make_token("administrator"))

    for _ in range(2):
        answer = operator.post(f"{address}/acknowledge", {"note": "I am on my way."})
        assert (answer.status_code, answer.json()["state"]) == (200, "acknowledged")
    assert other.post(f"{address}/acknowledge").json()["acknowledged_by"] == "token:operator"
    assert other.post(f"{address}/acknowledge", {"note": "I help.\nFrom 14:00."}).status_code == 200
    for _ in range(2):
        assert operator.post(f"{address}/notes", {"note": "The switch."}).status_code == 201

    assert [(line["event"], line["by"], line["text"]) for line in operator.get(address).json()["timeline"]] == [
        ("began", "", "Gate is offline."),
        ("acknowledged", "token:operator", "I am on my way."),
        ("note", "token:administrator", "I help.\nFrom 14:00."),
        ("note", "token:operator", "The switch."),
    ]
    assert list(AuditEntry.objects.filter(object_type="incident").values_list("action", flat=True)) == [
        "incident.acknowledged",
        "incident.noted",
        "incident.noted",
    ]


def test_what_is_over_or_part_of_a_greater_one_is_not_acknowledged_and_takes_notes(operator: ApiClient) -> None:
    greater = begin("North", key="site:north")
    over = begin("Over", state="resolved", ended_at=NOW)
    part = begin("Part", state="merged", merged_into=greater)

    for incident, words in ((over, "is over"), (part, str(greater.pk))):
        refused = operator.post(f"/incidents/{incident.pk}/acknowledge", {"note": "Mine."})
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "incident-not-open")
        assert words in refused.json()["detail"]
        assert incident.entries.count() == 1
        assert operator.post(f"/incidents/{incident.pk}/notes", {"note": "It was rain."}).status_code == 201
    timeline = operator.get(f"/incidents/{greater.pk}").json()["timeline"]
    assert [line["text"] for line in timeline] == ["North is offline.", "It was rain."]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("notes", {}, "note"),
        ("notes", {"note": ""}, "note"),
        ("notes", {"note": "\u200b"}, "note"),
        ("notes", {"note": 7}, "note"),
        ("notes", {"note": "x" * 1_001}, "note"),
        ("notes", {"note": "a\u0000b"}, "note"),
        ("acknowledge", {"note": None}, "note"),
        ("acknowledge", {"why": "x"}, "why"),
        ("acknowledge", [], ""),
    ],
)
def test_what_is_wrong_is_said_by_field_and_nothing_is_stored(
    path: str, body: Any, field: str, operator: ApiClient
) -> None:
    incident = begin()

    refused = operator.post(f"/incidents/{incident.pk}/{path}", body)

    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (400, [field])
    assert Incident.objects.get().state == "open"
    assert incident.entries.count() == 1
