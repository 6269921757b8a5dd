"""Sites over the API."""

from functools import partial
from typing import Any

import pytest

from tests.at_once import at_once
from tests.factories import ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db


def test_a_site_lives_and_is_removed_when_it_is_empty(administrator: ApiClient) -> None:
    made = administrator.post("/sites", {"name": "North", "timezone": "Europe/Berlin", "latitude": 52.5})
    site = made.json()
    camera = make_camera()
    administrator.patch(f"/cameras/{camera.pk}", {"site": site["id"]})

    busy = administrator.delete(f"/sites/{site['id']}")
    administrator.patch(f"/cameras/{camera.pk}", {"site": None})
    empty = administrator.delete(f"/sites/{site['id']}")

    assert (made.status_code, made["Location"]) == (201, f"/sites/{site['id']}")
    assert list(site) == ["id", "name", "timezone", "location", "latitude", "longitude"]
    assert (busy.status_code, empty.status_code) == (409, 204)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Taken"),
        ("name", ""),
        ("timezone", "Mars/Phobos"),
        ("timezone", "../etc/passwd"),
        ("latitude", 90.1),
        ("latitude", "52"),
        ("longitude", -180.5),
        ("longitude", True),
        ("nonsense", 1),
        ("id", "0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"),
    ],
)
def test_a_bad_site_is_400_by_name(administrator: ApiClient, field: str, value: Any) -> None:
    make_site("Taken")
    site = make_site("Mine")

    for answer in (
        administrator.post("/sites", {"name": "New", field: value}),
        administrator.patch(f"/sites/{site.pk}", {field: value}),
    ):
        assert answer.status_code == 400, answer.content
        assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.django_db(transaction=True)
def test_whoever_races_the_removal_of_a_site_is_refused_and_nobody_gets_a_500() -> None:
    client = ApiClient(make_token("administrator"))
    client.get("/sites")
    for number in range(15):
        site, camera = make_site(f"Site {number}"), make_camera()
        here = str(site.pk)
        calls = [
            ("DELETE", f"/sites/{here}", None),
            ("PATCH", f"/sites/{here}", {"location": "x"}),
            ("POST", "/cameras", {"name": "new", "connection_string": "rtsp://h/", "site": here}),
            ("PATCH", f"/cameras/{camera.pk}", {"site": here}),
        ]
        answers = at_once(*(partial(client.request, *call) for call in calls))
        statuses = [answer.status_code for answer in answers]
        assert len(statuses) == 4
        assert set(statuses) <= {200, 201, 204, 400, 404, 409}, statuses
