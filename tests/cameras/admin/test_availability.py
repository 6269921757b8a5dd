"""The pages of availability: of a camera with its downtimes, of a site, by days and by month."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from cameras.models import Camera
from telemetry.alerts.models import Transition
from telemetry.availability import reports
from tests.admin_client import make_person, signed_in
from tests.factories import make_camera, make_site

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 30, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def vera() -> Client:
    return signed_in(make_person("vera", "viewer"))


def make_gate(**values: Any) -> Camera:
    """Healthy but for ten minutes yesterday, and down for the last hour."""
    camera = make_camera(now=NOW - timedelta(days=60), **values)
    for hours, status, reason in ((1_000, "healthy", ""), (26, "offline", "silent"), (26 - 1 / 6, "healthy", ""), (1, "failing", "no_frames")):  # fmt: skip
        at = NOW - timedelta(hours=hours)
        Transition.objects.create(
            camera_id=camera.pk, at=at, detected_at=at, from_status="pending", to_status=status, reason=reason
        )
    return camera


def page_of(client: Client, row: Any, query: str = "") -> Any:
    return client.get(f"/admin/cameras/{row._meta.model_name}/{row.pk}/availability/{query}")


def test_a_camera_has_days_of_its_site_and_downtimes(vera: Client) -> None:
    camera = make_gate(site=make_site(timezone="Europe/Berlin"))

    page = page_of(vera, camera, "?days=7")

    found = page.context["found"]
    assert [day["day"] for day in found["days"]] == [f"2026-03-{number}" for number in range(30, 23, -1)]
    assert found["days"][1] == {
        "day": "2026-03-29", "percent": "99.27 %", "up": "22\xa0hours, 50\xa0minutes", "down": "10\xa0minutes", "left_out": "–", "unknown": "–",
    }  # fmt: skip
    assert [
        (each["start"], each["end"], each["lasted"].replace("\xa0", " "), each["status"])
        for each in found["downtimes"]
    ] == [
        ("2026-03-30 11:00:00 CEST", "", "1 hour", "failing"),
        ("2026-03-29 10:00:00 CEST", "2026-03-29 10:10:00 CEST", "10 minutes", "offline"),
    ]
    text = page.content.decode()
    assert ("it lasts" in text, "Europe/Berlin" in text) == (True, True)
    csv = f"/cameras/{camera.pk}/availability?from=2026-03-23T23%3A00%3A00Z&amp;to=2026-03-30T10%3A00%3A00Z&amp;format=csv"
    assert csv in text
    assert vera.get(csv.replace("&amp;", "&")).status_code == 200


def test_a_site_adds_up_its_cameras_and_has_no_downtimes(vera: Client) -> None:
    site = make_site(timezone="Europe/Berlin")
    make_gate(site=site)
    make_camera("Attic", site=site, now=NOW - timedelta(days=60))

    page = page_of(vera, site)

    assert len(page.context["found"]["days"]) == 30
    assert "Downtimes" not in page.content.decode()
    assert f"/sites/{site.pk}/availability?" in page.content.decode()
    assert f"/admin/cameras/site/{site.pk}/availability/" in vera.get(f"/admin/cameras/site/{site.pk}/change/").content.decode()  # fmt: skip


#: what is chosen, and the first and the last day
RANGES = [
    ("", "2026-03-01", "2026-03-30"),
    ("?days=30", "2026-03-01", "2026-03-30"),
    ("?month=2026-03", "2026-03-01", "2026-03-30"),
    ("?month=2026-02", "2026-02-01", "2026-02-28"),
    ("?month=2025-03", "2025-03-01", "2025-03-31"),
]


@pytest.mark.parametrize(("query", "first", "last"), RANGES)
def test_a_range_is_of_whole_days_up_to_today(vera: Client, query: str, first: str, last: str) -> None:
    found = page_of(vera, make_gate(), query).context["found"]

    assert (found["first"], found["last"]) == (first, last)


@pytest.mark.parametrize(
    "query", ["?days=8", "?days=x", "?month=2025-02", "?month=2026-04", "?month=x", "?month="]
)
def test_another_range_is_refused_and_says_which_there_are(vera: Client, query: str) -> None:
    answer = page_of(vera, make_gate(), query)

    assert answer.status_code == 400
    assert b"Must be" in answer.content


def test_too_much_to_read_is_said(vera: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_TRANSITIONS", 1)

    assert "choose a shorter one" in page_of(vera, make_gate()).content.decode()
