"""What holds for the whole fleet, wherever it is shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cameras.models import FleetVitals
from cameras.status import FleetCondition
from tests.factories import make_camera

pytestmark = pytest.mark.django_db

CONDITIONS = {
    "heard": ("", ""),
    "mass_silence": ("most of the fleet is silent since", "fell silent at once, at"),
    "deaf": ("no ingest process has run since", "No ingest process runs"),
}


def make(condition: str) -> None:
    now = datetime.now(UTC)
    make_camera(desired_state="running", now=now, expected_interval_seconds=1)
    ticked_at = now - timedelta(minutes=5) if condition == "deaf" else now
    mass_silence_began_at = None if condition == "heard" else now - timedelta(minutes=3)
    FleetVitals.objects.update_or_create(
        pk=1, defaults={"ticked_at": ticked_at, "mass_silence_began_at": mass_silence_began_at}
    )


def test_every_condition_is_tried_here_and_documented_with_its_metric() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "reference" / "alerts.md").read_text()
    row = documented.partition("| `controlplane_fleet_condition{condition}` |")[2].partition("\n")[0]

    assert sorted(CONDITIONS) == sorted(FleetCondition)
    assert [condition for condition in FleetCondition if f"`{condition}`" not in row] == []


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_condition_is_reported_to_machines_and_people(condition: str, viewer: Any) -> None:
    make(condition)
    detail, shown = CONDITIONS[condition]

    ready = viewer.get("/readyz")
    assert ready.status_code == 200
    assert detail in ready.json()["checks"]["fleet"]["detail"]
    metrics = viewer.get("/metrics").content.decode()
    assert [
        name for name in CONDITIONS if f'controlplane_fleet_condition{{condition="{name}"}} 1.0' in metrics
    ] == [condition]
    people = Client()
    people.force_login(User.objects.create_superuser("root"))
    page = people.get("/admin/").content.decode()
    assert shown in page
    assert ("cp-notice-danger" in page) == bool(shown)


def test_a_camera_that_is_silent_in_a_mass_silence_says_so_in_the_api(viewer: Any) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    camera = make_camera(desired_state="running", now=long_ago, expected_interval_seconds=10)
    camera.vitals.last_contact = long_ago + timedelta(minutes=1)
    camera.vitals.save()
    assert viewer.get(f"/cameras/{camera.pk}").json()["status"] == "offline"

    FleetVitals.objects.update_or_create(pk=1, defaults={"mass_silence_began_at": long_ago + timedelta(minutes=1)})

    body = viewer.get(f"/cameras/{camera.pk}").json()
    assert (body["status"], body["status_reason"].partition(":")[0]) == ("stale", "mass_silence")
    assert [row["status"] for row in viewer.get("/cameras?status=stale").json()] == ["stale"]
    assert viewer.get("/cameras?status=offline").json() == []
