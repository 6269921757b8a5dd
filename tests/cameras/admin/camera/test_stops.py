"""A stopped camera says who stopped it, when and why."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cameras import actions
from cameras.models import Camera, CameraVitals, Change, DesiredState
from controlplane.access.principals import unlimited
from tests.admin_client import CAMERAS, administrator, bulk, confirm, operator, page_of, shown_messages, viewer
from tests.factories import ApiClient, make_camera, make_site, make_token

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def set_state(camera: Camera, state: str, by: str, at: datetime, why: str = "") -> None:
    actions.set_desired_state(
        camera_ids=[camera.pk],
        desired_state=DesiredState(state),
        by=unlimited(by).author("admin"),
        now=at,
        note=why,
    )


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.content.decode()))


@pytest.mark.parametrize(
    ("by", "hours_ago", "why", "in_list", "on_page"),
    [
        ("user:olga", 2, "", "Stopped by olga at 10:00 UTC.", "Stopped by olga at 12:00 CEST."),
        ("user:olga", 2, "Roof works", "Stopped by olga at 10:00 UTC: Roof works", "at 12:00 CEST: Roof works"),
        ("token:night", 13, "", "by the token night at 2026-06-30 23:00 UTC.", "at 01:00 CEST."),
        ("command:demo", 36, "", "by command:demo at 2026-06-30 00:00 UTC.", "at 2026-06-30 02:00 CEST."),
    ],
)
def test_the_list_and_the_page_say_who_stopped_a_camera_when_and_why(
    viewer: Client, time_machine: Any, by: str, hours_ago: int, why: str, in_list: str, on_page: str
) -> None:
    time_machine.move_to(NOW, tick=False)
    site = make_site("Berlin", timezone="Europe/Berlin")
    camera = make_camera(site=site, desired_state="running", now=NOW - timedelta(days=9))
    set_state(camera, "stopped", "user:earlier", NOW - timedelta(days=5), "long ago")
    set_state(camera, "running", "user:earlier", NOW - timedelta(days=4))
    set_state(camera, "stopped", by, NOW - timedelta(hours=hours_ago), why)
    actions.update_camera(
        camera_id=camera.pk, values={"notes": "since"}, by=unlimited("user:other").author("api"), now=NOW
    )

    assert in_list in text_of(viewer.get(CAMERAS))
    assert on_page in text_of(viewer.get(page_of(camera)))


def test_a_camera_that_still_reports_says_who_stopped_it_too(viewer: Client, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    camera = make_camera(desired_state="running", now=NOW - timedelta(days=1))
    set_state(camera, "stopped", "user:olga", NOW - timedelta(minutes=5), "Roof works")
    CameraVitals.objects.update(last_contact=NOW, last_sample_at=NOW)

    for page in (viewer.get(CAMERAS), viewer.get(page_of(camera)), viewer.get("/admin/")):
        assert "Stopped, but a worker goes on reporting. Stopped by olga at 11:55 UTC: Roof works" in text_of(page)


def test_a_camera_that_never_ran_was_stopped_by_nobody(viewer: Client) -> None:
    camera = make_camera(now=datetime.now(UTC))
    api = ApiClient(make_token("viewer"))

    for page in (viewer.get(CAMERAS), viewer.get(page_of(camera))):
        assert "Nobody has started this camera yet." in text_of(page)
        assert "Somebody stopped" not in text_of(page)
    codes = [
        api.get(f"/cameras/{camera.pk}").json()["status_reason"],
        api.get("/cameras?fields=status_reason").json()[0]["status_reason"],
    ]
    assert codes == ["never_started: Nobody has started this camera yet."] * 2


def test_one_that_was_stopped_after_it_ran_was_started_before(viewer: Client) -> None:
    camera = make_camera(desired_state="running", now=NOW)
    set_state(camera, "stopped", "user:olga", NOW + timedelta(hours=1))
    api = ApiClient(make_token("viewer"))

    assert api.get(f"/cameras/{camera.pk}").json()["status_reason"].startswith("stopped_on_purpose: ")


def test_a_reason_is_given_for_one_camera_and_for_many(operator: Client) -> None:
    one, two, three = (make_camera(name, desired_state="running", now=NOW) for name in ("A", "B", "C"))
    operator.post(f"{CAMERAS}{one.pk}/desired-state/", {"desired_state": "stopped", "reason": " Lens cleaning "})
    confirm(operator, bulk(operator, "stop_cameras", [two, three]), reason="Roof works until Friday")

    notes = Change.objects.filter(kind="updated").order_by("revision").values_list("name", "note")
    assert sorted(notes) == [
        ("A", "Lens cleaning"), ("B", "Roof works until Friday"), ("C", "Roof works until Friday"),
    ]  # fmt: skip
    history = operator.get(f"{CAMERAS}{two.pk}/history/").content.decode()
    assert '<p class="cp-remark"><bdi>Roof works until Friday</bdi></p>' in history


@pytest.mark.parametrize(
    ("reason", "fault"), [("a\x07b", "control character"), ("w" * 201, "at most 200 characters")]
)
def test_a_reason_that_cannot_be_kept_stops_nothing(operator: Client, reason: str, fault: str) -> None:
    camera = make_camera(desired_state="running", now=NOW)
    alone = operator.post(f"{CAMERAS}{camera.pk}/desired-state/", {"desired_state": "stopped", "reason": reason})
    asked = confirm(operator, bulk(operator, "stop_cameras", [camera]), reason=reason)

    assert fault in shown_messages(alone)
    assert fault in " ".join(asked.context["form"].errors["reason"])
    assert Camera.objects.get().desired_state == "running"


@pytest.mark.parametrize("count", [1, 50])
def test_who_stopped_the_cameras_of_a_page_is_one_query(
    viewer: Client, django_assert_num_queries: Any, count: int
) -> None:
    for number in range(count):
        camera = make_camera(str(number), desired_state="running", now=NOW)
        set_state(camera, "stopped", "user:olga", NOW + timedelta(seconds=number + 1))
    viewer.get(CAMERAS)

    with django_assert_num_queries(8):  # one more than a list of running cameras
        page = viewer.get(CAMERAS)

    assert text_of(page).count("Stopped by olga") == count
