"""Incidents in the admin: who sees which, what a row says, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from telemetry.alerts.incident_models import Incident
from tests.admin_client import operator, sign_in, viewer
from tests.factories import make_camera, make_site

__all__ = ["operator", "viewer"]
pytestmark = pytest.mark.django_db
INCIDENTS = "/admin/alerts/incident/"


def begin(title: str = "Dock 7", hours: float = 1, **values: Any) -> Incident:
    """One that began so many hours ago."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    given = {"key": title, "causes": ["camera.offline"], **values}
    return Incident.objects.create(title=title, began_at=at, **given)


def rows_of(client: Client, query: str = "") -> list[tuple[str, str, str]]:
    """The day, the sentence and the note of each row."""
    changelist = client.get(f"{INCIDENTS}{query}").context["cl"]
    return [
        (day, shown.row.sentence, shown.row.note.replace("\xa0", " "))
        for day, of_day in changelist.days
        for shown in of_day
    ]


def test_what_is_not_over_stands_first_whenever_it_began_and_says_whose_it_is(viewer: Client) -> None:
    begin("Old", 50, causes=["camera.failing", "camera.offline"])
    begin("Over", 1.02, state="resolved", ended_at=datetime.now(UTC), reopened=2)
    begin("Mine", 2, state="acknowledged", acknowledged_by="user:anna")

    assert rows_of(viewer)[:2] == [
        ("Not over", "Mine: Camera offline", "For 2 hours. Acknowledged by anna."),
        ("Not over", "Old: Camera failing, Camera offline", "For 2 days."),
    ]
    (over,) = rows_of(viewer, "?state__exact=resolved")
    assert over[1:] == ("Over: Camera offline", "It lasted 1 hour. It came back 2 times.")
    assert rows_of(viewer, "?q=nothing") == []


@pytest.mark.parametrize("count", [1, 50])
def test_the_list_takes_as_many_queries_for_one_as_for_fifty(
    count: int, viewer: Client, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        site = make_site(f"Site {number}")
        begin(f"Gate {number}", site_id=site.pk, camera_id=make_camera(f"Gate {number}", site=site).pk)
    viewer.get(INCIDENTS)
    viewer.get("/admin/")

    with django_assert_num_queries(6):
        assert len(rows_of(viewer)) == count
    with django_assert_num_queries(12):
        assert viewer.get("/admin/").context["attention"] == []


def test_of_a_site_its_people_see_what_is_there_and_a_viewer_only_reads() -> None:
    north = make_site("North")
    here = begin("Gate", site_id=north.pk)
    there = begin("Elsewhere")
    reader = sign_in("viewer", north, name="vera")

    assert [row[1] for row in rows_of(reader)] == ["Gate: Camera offline"]
    assert reader.get(f"{INCIDENTS}{there.pk}/change/").status_code == 404
    assert not reader.get(f"{INCIDENTS}{here.pk}/change/").context["may_act"]
    assert reader.post(f"{INCIDENTS}{here.pk}/change/", {"acknowledge": "1"}).status_code == 403
    assert [incident.title for incident in reader.get("/admin/").context["incidents"]] == ["Gate: Camera offline"]


def test_an_acknowledgement_of_what_is_over_meanwhile_is_told_and_what_was_typed_is_kept(operator: Client) -> None:
    incident = begin(state="resolved", ended_at=datetime.now(UTC))

    page = operator.post(f"{INCIDENTS}{incident.pk}/change/", {"acknowledge": "1", "note": "On my way."})

    assert page.context["form"].non_field_errors() == [
        "This incident is over: there is nothing to acknowledge. A note can still be added."
    ]
    assert page.context["form"]["note"].value() == "On my way."
    assert not incident.entries.exists()


def test_a_camera_of_an_open_incident_is_not_listed_a_second_time(viewer: Client) -> None:
    site = make_site("North")
    long_ago = datetime.now(UTC) - timedelta(days=2)
    cameras = [
        make_camera(name, site=site if name == "Of the site" else None, desired_state="running", now=long_ago)
        for name in ("Alone", "Of the site", "Told")
    ]
    begin("Told", camera_id=cameras[2].pk)
    begin("North", site_id=site.pk, key="site")

    assert [line["name"] for line in viewer.get("/admin/").context["attention"]] == ["Alone"]
