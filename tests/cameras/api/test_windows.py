"""Windows over REST: who may, what is refused, and what the answers say."""

from typing import Any

import pytest

from cameras.models import Camera
from cameras.windows.models import Window
from tests.factories import ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db
LATER = {"action": "stop", "ends": "2035-01-01T00:00"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rule": "FREQ=DAILY", "starts": "2034-12-31T22:00"}, "rule"),
        ({"rule": "FREQ=SECONDLY;COUNT=9", "starts": "2034-12-31T22:00"}, "rule"),
        ({"starts": "2035-01-02T00:00"}, "ends"),
        ({"ends": "2020-01-01T00:00", "starts": "2019-01-01T00:00"}, "ends"),
        ({"ends": "2035-01-01T00:00Z"}, "ends"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": "a\nb"}, "reason"),
        ({"action": "burn"}, "action"),
        ({"everything": False}, "site"),
        ({"cameras": ["5c0d9e1a-74b2-4f8e-8b11-d2f6a3907c58"]}, "cameras"),
        ({"cameras": []}, "site"),
        ({"site": "5c0d9e1a-74b2-4f8e-8b11-d2f6a3907c58", "everything": None}, "everything"),
        ({"colour": "red"}, "colour"),
        ({"created_by": "me"}, "created_by"),
    ],
)
def test_what_is_wrong_is_said_by_field_and_nothing_is_stored(
    given: dict[str, Any], field: str, operator: ApiClient
) -> None:
    whole = {} if {"cameras", "everything"} & given.keys() else {"everything": True}
    answer = operator.post("/windows", {**LATER, **whole, **given})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Window.objects.exists()


@pytest.mark.parametrize("name", ["id", "created_at", "next_at", "lasts_until"])
def test_what_an_answer_says_beside_is_read_only(name: str, operator: ApiClient) -> None:
    refused = operator.post("/windows", {**LATER, "everything": True, name: None})
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [(name, "read_only")]


def test_an_operator_of_a_site_stops_there_and_nowhere_else() -> None:
    north, south = make_site("North"), make_site("South")
    here, there = make_camera(site=north, desired_state="running"), make_camera(site=south)
    client = ApiClient(make_token("operator", north))
    assert client.post("/windows", {**LATER, "everything": True}).status_code == 403
    assert client.post("/windows", {**LATER, "site": str(south.pk)}).status_code == 400
    assert client.post("/windows", {**LATER, "cameras": [str(here.pk), str(there.pk)]}).status_code == 400
    made = client.post("/windows", {**LATER, "site": str(north.pk)})
    assert made.status_code == 201
    assert Camera.objects.get(pk=here.pk).desired_state == "stopped"
    everything = ApiClient(make_token("operator")).post("/windows", {**LATER, "everything": True}).json()
    address = f"/windows/{everything['id']}"
    assert client.get(address).status_code == 200
    assert client.request("DELETE", address).status_code == 403
    assert client.post(f"{address}/end").status_code == 403
    assert client.delete(made["Location"]).status_code == 204
    assert Camera.objects.get(pk=here.pk).desired_state == "stopped"  # the other window lasts


@pytest.mark.parametrize("count", [1, 50])
def test_a_list_takes_the_same_queries(count: int, operator: ApiClient, django_assert_num_queries: Any) -> None:
    camera = make_camera()
    for _number in range(count):
        operator.post("/windows", {**LATER, "cameras": [str(camera.pk)]})
    with django_assert_num_queries(3):
        assert len(operator.get("/windows").json()) == count
