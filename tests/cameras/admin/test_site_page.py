"""The page of a site: what it says of its cameras, and in how many queries."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from cameras.models import CameraVitals
from tests.admin_client import administrator, sign_in, viewer
from tests.factories import make_camera, make_site

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db


def page_of(site: Any) -> str:
    return f"/admin/cameras/site/{getattr(site, 'pk', site)}/change/"


def test_cameras_in_trouble_come_first_and_only_those_of_the_site_count(viewer: Client) -> None:
    site, now = make_site("North", timezone="Asia/Kathmandu"), datetime.now(UTC)
    for name in ("Alley", "Bridge", "Court"):
        make_camera(name, site=site, desired_state="running", now=now - timedelta(days=1))
    make_camera("Deck", site=site)
    make_camera("Elsewhere", site=make_site("South"), desired_state="running", now=now - timedelta(days=1))
    heard = CameraVitals.objects.filter(camera__name__in=["Alley", "Bridge"])
    heard.update(
        last_contact=now, last_sample_at=now, latest_timestamp=now, latest_occupancy=4, latest_confidence=1.0
    )

    page = viewer.get(page_of(site))

    assert [camera["name"] for camera in page.context["cameras"]] == ["Court", "Alley", "Bridge", "Deck"]
    counts = {status["status"]: status["count"] for status in page.context["statuses"]}
    assert counts == {"healthy": 2, "offline": 1, "stopped": 1}
    assert (page.context["occupancy"], page.context["known"]) == (8, 2)
    assert all(f"site__id__exact={site.pk}" in status["url"] for status in page.context["statuses"])
    assert page.context["compare_days"] == 7


@pytest.mark.parametrize("count", [1, 60])
def test_it_takes_the_same_few_queries_for_one_camera_and_for_many(
    viewer: Client, django_assert_num_queries: Any, count: int
) -> None:
    site = make_site()
    for number in range(count):
        make_camera(f"Gate {number:02}", site=site, desired_state="running")
    viewer.get(page_of(site))

    # The session, the person, their permissions (2), the site, the interruptions, the counts, the cameras, the windows.
    with django_assert_num_queries(8):
        page = viewer.get(page_of(site))

    assert len(page.context["cameras"]) == min(count, 50)
    assert ("see all of them" in page.content.decode()) == (count > 50)


def test_editing_is_offered_to_whoever_may_and_opens_where_a_fault_is(administrator: Client) -> None:
    site = make_site("North")
    reader = sign_in("viewer", name="reader")

    assert 'href="#edit"' in administrator.get(page_of(site)).content.decode()
    assert 'href="#edit"' not in reader.get(page_of(site)).content.decode()
    refused = administrator.post(page_of(site), {"name": "", "timezone": "UTC"})
    assert "x-init=\"activeTab = 'edit'\"" in refused.content.decode()


def test_the_page_is_asked_for_the_part_of_it_that_changes(
    viewer: Client, administrator: Client, django_assert_num_queries: Any
) -> None:
    site = make_site("North")
    make_camera("Gate", site=site, desired_state="running")

    def part(client: Client, of: Any = site) -> Any:
        return client.get(page_of(of), headers={"X-Refresh": "1"})

    with django_assert_num_queries(8):
        found = part(viewer)

    text = found.content.decode()
    assert (found.status_code, "X-As-Of" in found.headers, "<html" in text, "Gate" in text) == (
        200, True, False, True
    )  # fmt: skip
    assert ('href="#edit"' in text, 'href="#edit"' in part(administrator).content.decode()) == (False, True)
    assert part(sign_in("", name="stranger")).status_code == 403
    assert part(viewer, uuid4()).status_code == 404
