"""Availability over REST: what is answered, to whom, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from cameras import actions
from cameras.models import Camera, Site
from telemetry.alerts.models import Transition
from telemetry.api import availability
from telemetry.availability import reports
from tests.factories import AUTHOR, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db

# The clocks of Berlin were put forward on 29 March, and are on 30 March at noon.
NOW = datetime(2026, 3, 30, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = "2026-03-28T23:00:00Z"


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def make(name: str, site: Site | None, *changes: tuple[float, str, str]) -> Camera:
    """A camera with its statuses, each by how many hours ago it began, and why."""
    camera = make_camera(name, now=NOW - 600 * HOUR, site=site)
    for hours, status, reason in changes:
        at = NOW - hours * HOUR
        Transition.objects.create(
            camera_id=camera.pk, at=at, detected_at=at, from_status="pending", to_status=status, reason=reason
        )
    return camera


def test_a_camera_has_totals_days_of_its_site_and_downtimes(viewer: ApiClient) -> None:
    site = make_site(timezone="Europe/Berlin")
    camera = make(
        "Gate", site, (500, "healthy", ""), (30, "stale", "late"), (29.5, "offline", "silent"),
        (20, "healthy", ""), (1, "failing", "no_frames"),
    )  # fmt: skip

    answer = viewer.get(f"/cameras/{camera.pk}/availability?from={BERLIN}").json()

    nothing = {"left_out_seconds": 0.0, "unknown_seconds": 0.0}
    whole = {"up_seconds": 24 * 3600.0, "down_seconds": 11 * 3600.0, "percent": 100 * 24 / 35, **nothing}
    assert answer == {
        "camera_id": str(camera.pk),
        "start": "2026-03-28T23:00:00.000000Z",
        "end": "2026-03-30T10:00:00.000000Z",
        "timezone": "Europe/Berlin",
        **whole,
        "days": [
            {
                "date": "2026-03-29", "start": "2026-03-28T23:00:00.000000Z",
                "up_seconds": 13 * 3600.0, "down_seconds": 10 * 3600.0, "percent": 100 * 13 / 23, **nothing,
            },
            {
                "date": "2026-03-30", "start": "2026-03-29T22:00:00.000000Z",
                "up_seconds": 11 * 3600.0, "down_seconds": 3600.0, "percent": 100 * 11 / 12, **nothing,
            },
        ],
        "downtimes": [
            {
                "start": "2026-03-29T04:00:00.000000Z", "end": "2026-03-29T14:00:00.000000Z",
                "seconds": 36000.0, "status": "offline", "reason": "silent",
            },
            {
                "start": "2026-03-30T09:00:00.000000Z", "end": None,
                "seconds": 3600.0, "status": "failing", "reason": "no_frames",
            },
        ],
    }  # fmt: skip
    ended = viewer.get(f"/cameras/{camera.pk}/availability?from={BERLIN}&to=2026-03-29T05:00:00Z").json()
    assert [each["end"] for each in ended["downtimes"]] == ["2026-03-29T05:00:00.000000Z"]


def test_a_site_and_the_fleet_add_up_their_cameras_while_they_were_there(viewer: ApiClient) -> None:
    north, south = make_site("North"), make_site("South")
    moved = make("Moved", north, (500, "offline", "silent"))
    make("Stays", north, (500, "healthy", ""))
    actions.update_camera(camera_id=moved.pk, values={"site": south.pk}, by=AUTHOR, now=NOW - 6 * HOUR)
    query = "from=2026-03-29T22:00:00Z"

    def figures(path: str, client: ApiClient = viewer) -> list[float]:
        answer = client.get(f"{path}?{query}").json()
        return [answer[name] / 3600 for name in ("up_seconds", "down_seconds")]

    assert figures(f"/sites/{north.pk}/availability") == [12, 6]
    assert figures(f"/sites/{south.pk}/availability") == [0, 6]
    assert figures("/availability") == [12, 12]
    assert figures("/availability", ApiClient(make_token("viewer", north))) == [12, 6]
    of_a_camera = ApiClient(make_token("viewer", moved))
    assert figures("/availability", of_a_camera) == [0, 12]
    assert figures(f"/sites/{south.pk}/availability", of_a_camera) == [0, 6]


def test_a_table_has_a_line_for_each_day_in_the_time_zone_that_is_asked_for(viewer: ApiClient) -> None:
    site = make_site(timezone="Europe/Berlin")
    make("Gate", site, (500, "healthy", ""))
    path = f"/sites/{site.pk}/availability?from=2026-03-29T06:00:00Z&timezone=America/Lima"

    answer = viewer.get(f"{path}&format=csv")

    assert answer.content.decode().splitlines() == [
        "date,start,up_seconds,down_seconds,left_out_seconds,unknown_seconds,percent",
        "2026-03-29,2026-03-29T06:00:00.000000Z,82800.0,0.0,0.0,0.0,100.0",
        "2026-03-30,2026-03-30T05:00:00.000000Z,18000.0,0.0,0.0,0.0,100.0",
    ]
    assert viewer.get(path, Accept="text/csv").content == answer.content
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Vary"].startswith("Accept, ")


def test_without_a_range_it_is_of_the_last_thirty_days_and_what_is_to_come_is_cut(viewer: ApiClient) -> None:
    answer = viewer.get("/availability").json()
    assert (answer["start"], answer["end"]) == ("2026-02-28T10:00:00.000000Z", "2026-03-30T10:00:00.000000Z")
    assert (len(answer["days"]), answer["percent"]) == (31, None)

    later = viewer.get("/availability?from=2026-03-31T00:00:00Z&to=2026-04-30T00:00:00Z").json()
    assert (later["start"], later["end"], later["days"]) == (answer["end"], answer["end"], [])


WRONG = [
    ("from=2026-03-30", "from", "invalid"),
    ("from=2026-03-30T11:00:00Z", "from", "invalid"),
    ("from=2026-03-30T09:00:00Z&to=2026-03-30T08:00:00Z", "to", "invalid"),
    ("from=2025-02-23T09:59:59Z", "from", "too_large"),
    ("timezone=site", "timezone", "invalid"),
    ("timezone=Mars", "timezone", "invalid"),
    ("format=xml", "format", "invalid"),
    ("bucket=1d", "bucket", "unknown"),
]


@pytest.mark.parametrize(("query", "field", "code"), WRONG)
def test_what_is_wrong_is_named(viewer: ApiClient, query: str, field: str, code: str) -> None:
    answer = viewer.get(f"/availability?{query}")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


def test_four_hundred_days_are_the_most(viewer: ApiClient) -> None:
    assert viewer.get("/availability?from=2025-02-23T10:00:00Z").status_code == 200


def test_too_many_changes_and_too_many_downtimes_are_refused(
    viewer: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = make("Gate", None, (4, "offline", ""), (3, "healthy", ""), (2, "offline", ""))
    path = f"/cameras/{camera.pk}/availability"
    monkeypatch.setattr(availability, "MAX_DOWNTIMES", 1)
    assert viewer.get(path).json()["detail"] == "from: This range has over 1 downtimes: take a shorter one."
    assert viewer.get(f"{path}?format=csv").status_code == 200
    monkeypatch.setattr(reports, "MAX_TRANSITIONS", 2)
    for each in (path, f"{path}?format=csv", "/availability"):
        assert viewer.get(each).json()["errors"][0]["code"] == "too_large"
