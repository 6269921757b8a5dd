"""The list of cameras: its filters, its search, and what it costs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cameras.models import CameraVitals
from tests.admin_client import CAMERAS, administrator, operator, viewer
from tests.factories import make_camera, make_site

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db
FLEET = f"{CAMERAS}fleet/"
NEW_URL = "rtsp://user:Typed-0nce@10.0.0.6/other"


def test_the_list_is_sorted_by_status_the_most_urgent_first(viewer: Client) -> None:
    now = datetime.now(UTC)
    for name, heard_ago, desired_state in [
        ("healthy", 0, "running"),
        ("stale", 40, "running"),
        ("offline", 4_000, "running"),
        ("stopped", 4_000, "stopped"),
        ("orphaned", 0, "stopped"),
    ]:
        row = make_camera(name, desired_state=desired_state, now=now - timedelta(days=1))
        CameraVitals.objects.filter(pk=row.pk).update(
            last_contact=now - timedelta(seconds=heard_ago), last_sample_at=now - timedelta(seconds=heard_ago)
        )

    def listed(query: str) -> list[str]:
        return [camera.name for camera in viewer.get(CAMERAS + query).context["cl"].result_list]

    assert listed("?o=1") == ["offline", "orphaned", "stale", "healthy", "stopped"]
    assert listed("?o=-1&status=stale") == ["stale"]
    assert listed("?o=-1") == ["stopped", "healthy", "stale", "orphaned", "offline"]


# When each camera was started or stopped, and when it was last heard.
HOUR, WEEK, YEAR = timedelta(hours=1, seconds=1), timedelta(days=7, seconds=1), timedelta(days=365)
SILENCES = {
    "heard now": ("running", YEAR, timedelta()),
    "heard an hour ago": ("running", YEAR, HOUR),
    "heard a week ago": ("running", YEAR, WEEK),
    "never heard": ("running", YEAR, None),
    "heard a week ago, started an hour ago": ("running", HOUR, WEEK),
    "started now, never heard": ("running", timedelta(), None),
    "stopped": ("stopped", YEAR, WEEK),
    "stopped, never heard": ("stopped", YEAR, None),
}


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("5m", set(SILENCES) - {"heard now", "started now, never heard", "stopped", "stopped, never heard"}),
        ("1h", set(SILENCES) - {"heard now", "started now, never heard", "stopped", "stopped, never heard"}),
        ("6h", {"heard a week ago", "never heard"}),
        ("7d", {"heard a week ago", "never heard"}),
        ("30d", {"never heard"}),
    ],
)
def test_silent_for_longer_means_running_cameras_by_their_start_or_last_contact(
    viewer: Client, chosen: str, names: set[str]
) -> None:
    now = datetime.now(UTC)
    for name, (desired_state, ago, heard_ago) in SILENCES.items():
        camera = make_camera(name, desired_state=desired_state, now=now - ago)
        if heard_ago is not None:
            CameraVitals.objects.filter(pk=camera.pk).update(
                last_contact=now - heard_ago, last_sample_at=now - heard_ago
            )

    listed = viewer.get(f"{CAMERAS}?silent={chosen}").context["cl"].result_list

    assert {camera.name for camera in listed} == names


@pytest.mark.parametrize(("chosen", "names"), [("Contended", {"two"}), ("WorkerFailed", set())])
def test_the_list_is_filtered_by_condition(viewer: Client, chosen: str, names: set[str]) -> None:
    make_camera("one")
    CameraVitals.objects.filter(camera=make_camera("two")).update(contended_at=datetime.now(UTC))

    listed = viewer.get(f"{CAMERAS}?condition={chosen}").context["cl"].result_list

    assert {camera.name for camera in listed} == names


@pytest.mark.parametrize("count", [1, 50])
def test_the_last_day_of_a_page_is_a_few_queries(
    viewer: Client, django_assert_num_queries: Any, count: int
) -> None:
    cameras = [make_camera(f"Gate {n}", site=make_site(f"Site {n}")) for n in range(count)]
    asked = "&".join(f"camera={camera.pk}&site={camera.site_id}" for camera in cameras)
    viewer.get(f"{CAMERAS}last-day/")

    with django_assert_num_queries(LAST_DAY_QUERIES):
        answer = viewer.get(f"{CAMERAS}last-day/?{asked}&camera=nonsense")

    assert answer.content.decode().count("data-day=") == 2 * count


LAST_DAY_QUERIES = 7
