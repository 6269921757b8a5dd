"""Sites over the API."""

from typing import Any

import pytest

from tests.factories import ApiClient, make_camera, make_site

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
