"""Stop until later and mute until later: from a camera, from a site and from the list, and what is seen of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from cameras.models import Camera, Hold
from cameras.windows import upkeep
from cameras.windows.models import Occurrence, Window
from tests.admin_client import CAMERAS, bulk, operator, page_of, shown_messages, sign_in, viewer
from tests.cameras.admin.windows.test_pages import WINDOWS, make_window
from tests.factories import make_camera, make_site

__all__ = ["operator", "viewer"]
pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def until(action: str) -> str:
    return f"{WINDOWS}until/{action}/"


def state_of(camera: Camera) -> str:
    return Camera.objects.get(pk=camera.pk).desired_state


def text_of(page: Any) -> str:
    return " ".join(page.content.decode().split())


def test_a_camera_is_stopped_until_tomorrow_in_the_time_of_its_site(operator: Client) -> None:
    camera = make_camera("Gate", site=make_site("North", timezone="Europe/Berlin"), desired_state="running")
    asked = operator.get(f"{until('stop')}?ids={camera.pk}")
    assert "It runs now, and will be stopped:" in text_of(asked)
    tomorrow = (datetime.now(BERLIN) + timedelta(days=1)).date()
    assert f"Tomorrow morning: {tomorrow:%a} {tomorrow} 08:00" in text_of(asked)
    assert not Window.objects.exists()

    done = operator.post(until("stop"), {"ids": str(camera.pk), "until": "morning", "reason": "Painting"})

    assert done["Location"] == page_of(camera)
    assert f"1 camera is stopped until {tomorrow} 08:00 CE" in shown_messages(done)
    window = Window.objects.get()
    assert (window.ends, window.zone, window.reason, window.rule) == (
        f"{tomorrow}T08:00:00", "Europe/Berlin", "Painting", "",
    )  # fmt: skip
    assert state_of(camera) == "stopped"
    page = text_of(operator.get(page_of(camera)))
    link = f'<a class="cp-link" href="{WINDOWS}{window.pk}/change/">Stopped by a window until {tomorrow} 08:00 CE'
    assert link in page
    assert "Stop until…" not in page  # it is stopped
    assert link in text_of(operator.get(CAMERAS))
    upkeep.begin_and_end(datetime(tomorrow.year, tomorrow.month, tomorrow.day, 8, tzinfo=BERLIN))
    assert (state_of(camera), Hold.objects.exists()) == ("running", False)


def test_a_site_is_muted_and_its_cameras_say_so(operator: Client) -> None:
    site = make_site("North", timezone="Europe/Berlin")
    camera = make_camera("Gate", site=site, desired_state="running")
    elsewhere = make_camera("Yard")
    asked = text_of(operator.get(f"{until('mute')}?site={site.pk}"))
    assert "Nobody will be notified of 1 camera." in asked

    sent = {"site": str(site.pk), "until": "moment", "moment": "2035-01-01T06:00", "reason": "Cabling <b>"}
    done = operator.post(until("mute"), sent)

    assert done["Location"] == f"/admin/cameras/site/{site.pk}/change/"
    assert "1 camera is muted until 2035-01-01 06:00 CET." in shown_messages(done)
    assert state_of(camera) == "running"
    mark = "Muted until 2035-01-01 06:00 CET</a>: <bdi>Cabling &lt;b&gt;</bdi>"
    assert mark in text_of(operator.get(page_of(camera)))
    assert mark in text_of(operator.get(done["Location"]))
    assert text_of(operator.get(CAMERAS)).count(mark) == 1
    assert "Muted until" not in text_of(operator.get(page_of(elsewhere)))


def test_many_are_stopped_from_the_list_which_is_there_again_as_it_was_filtered(operator: Client) -> None:
    cameras = [make_camera(name, desired_state="running") for name in ("A", "B")]
    idle = make_camera("Attic")
    filters = "?desired_state__exact=running"
    asked = operator.post(
        f"{CAMERAS}{filters}",
        {"action": "stop_cameras_until", "_selected_action": [str(camera.pk) for camera in [*cameras]]},
    )
    assert "2 of 2 cameras run now" in text_of(asked)
    ids = asked.context["ids"]
    done = operator.post(f"{until('stop')}{filters}", {"ids": f"{ids},{idle.pk}", "until": "hour"})
    assert done["Location"] == f"{CAMERAS}{filters}"
    assert "2 cameras are stopped until" in shown_messages(done)
    assert set(Hold.objects.values_list("pk", flat=True)) == {camera.pk for camera in cameras}
    muted = bulk(operator, "mute_cameras_until", [idle])
    assert "Nobody will be notified of 1 camera." in text_of(muted)


def test_what_would_do_nothing_is_not_offered(operator: Client) -> None:
    camera = make_camera()
    page = text_of(operator.get(f"{until('stop')}?ids={camera.pk}"))
    assert ("nothing to stop" in page, 'name="until"' in page) == (True, False)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "until"),
        ({"until": "never"}, "until"),
        ({"until": "moment"}, "moment"),
        ({"until": "moment", "moment": "soon"}, "moment"),
        ({"until": "moment", "moment": "2020-01-01T00:00"}, "moment"),
        ({"until": "moment", "moment": "2199-01-01T00:00"}, "moment"),
        ({"until": "hour", "reason": "a\x07b"}, "reason"),
        ({"until": "hour", "reason": "w" * 201}, "reason"),
    ],
)
@pytest.mark.once
def test_what_is_wrong_is_said_at_its_field_and_nothing_stops(
    operator: Client, sent: dict[str, str], field: str
) -> None:
    camera = make_camera(desired_state="running")
    page = operator.post(until("stop"), {"ids": str(camera.pk)} | sent)
    assert list(page.context["form"].errors) == [field]
    assert (state_of(camera), Window.objects.exists()) == ("running", False)


@pytest.mark.parametrize(
    "query", ["", "?ids=", "?ids=gate", "?ids=5c0d9e1a-74b2-4f8e-8b11-d2f6a3907c58", "?site=x"]
)
def test_what_names_nothing_asks_to_choose_again(operator: Client, query: str) -> None:
    answer = operator.get(f"{until('stop')}{query}")
    assert (answer.status_code, "choose the cameras again" in shown_messages(answer)) == (302, True)


def test_who_may_stop_a_part_stops_nothing_else() -> None:
    north, south = make_site("North"), make_site("South")
    here, there = make_camera(site=north, desired_state="running"), make_camera(site=south)
    client = sign_in("operator", north, name="olga")
    other = sign_in("viewer", name="vera")
    client.post(until("mute"), {"ids": f"{here.pk},{there.pk}", "until": "hour"})
    # What is not seen is gone.
    assert Window.objects.get().covered.get().camera_id == here.pk
    assert client.get(f"{until('mute')}?site={south.pk}").status_code == 302
    assert other.get(f"{until('mute')}?ids={here.pk}").status_code == 403
    assert "Mute until…" not in text_of(other.get(page_of(here)))
    assert Window.objects.count() == 1


@pytest.mark.parametrize("count", [1, 50])
def test_marks_of_a_list_take_two_queries_at_most(
    viewer: Client, django_assert_num_queries: Any, count: int
) -> None:
    site = make_site("North")
    for number in range(count):
        make_camera(str(number), site=site, desired_state="running")
    make_window(site=str(site.pk), reason="Roof")
    make_window(site=str(site.pk), action="mute")
    viewer.get(CAMERAS)

    # As a list of stopped cameras, and the windows, and who is held.
    with django_assert_num_queries(9):
        page = text_of(viewer.get(CAMERAS))

    assert page.count("Stopped by a window until") == page.count("Muted until") == count


def test_a_camera_that_somebody_started_meanwhile_is_not_held(operator: Client) -> None:
    camera = make_camera(desired_state="running")
    make_window(cameras=[str(camera.pk)])
    operator.post(f"{CAMERAS}{camera.pk}/desired-state/", {"desired_state": "running"})
    assert "Stopped by a window" not in text_of(operator.get(page_of(camera)))
    assert Occurrence.objects.at(datetime.now(UTC)).count() == 1
