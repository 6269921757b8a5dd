"""Bulk actions ask first, and do what they said."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from cameras import actions
from cameras.models import Camera, Change, ChangeKind, DesiredState
from tests.admin_client import CAMERAS, administrator, bulk, confirm, operator, shown_messages, sign_in, viewer
from tests.factories import AUTHOR, make_camera, make_site

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db
FLEET = f"{CAMERAS}fleet/"
NEW_URL = "rtsp://user:Typed-0nce@10.0.0.6/other"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("start_cameras", ["2 cameras will be started", "1 more was chosen and is so already"]),
        ("stop_cameras", ["1 camera will be stopped", "2 more were chosen and are so already"]),
        ("move_cameras", ["3 cameras will be moved", "Their history and samples stay."]),
        ("delete_selected", ["3 cameras will be deleted", "can be restored for 30 days", "1 of them is running"]),
    ],
)
def test_the_page_that_asks_names_how_many_which_and_what_is_lost(
    administrator: Client, action: str, words: list[str]
) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running" if n == 0 else "stopped") for n in range(3)]

    text = re.sub(r"\s+", " ", bulk(administrator, action, cameras).content.decode())

    for part in words:
        assert part in text
    assert "<bdi>Gate 0</bdi>" in text or action == "start_cameras"
    assert not Change.objects.exclude(kind=ChangeKind.CREATED).exists()


def test_cameras_are_moved_to_a_site_and_out_of_all(administrator: Client) -> None:
    site = make_site("North")
    cameras = [make_camera(f"Gate {n}") for n in range(3)]
    asked = bulk(administrator, "move_cameras", cameras)

    there = confirm(administrator, asked, site=str(site.pk))
    again = confirm(administrator, asked, site=str(site.pk))
    wrong = confirm(administrator, asked, site="nonsense")

    assert "3 cameras moved to <bdi>North</bdi>." in shown_messages(there)
    assert "0 cameras moved" in shown_messages(again)
    assert wrong.context["form"].errors
    assert Camera.objects.filter(site=site).count() == 3
    confirm(administrator, asked, site="")
    assert not Camera.objects.filter(site=site).exists()


def test_a_bulk_action_is_one_block_of_the_log(administrator: Client, django_assert_max_num_queries: Any) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running") for n in range(50)]
    asked = bulk(administrator, "stop_cameras", cameras)

    with django_assert_max_num_queries(130):  # two a camera, and a few for all
        confirm(administrator, asked)

    changes = Change.objects.filter(kind="updated").order_by("revision")
    assert [change.revision for change in changes] == list(range(51, 101))
    assert changes.values("at").distinct().count() == 1


def test_what_was_chosen_is_what_was_named_even_if_others_came_since(administrator: Client) -> None:
    make_camera("Gate", desired_state="running")
    asked = administrator.post(
        CAMERAS, {"action": "stop_cameras", "select_across": "1", "_selected_action": [Camera.objects.get().pk]}
    )
    make_camera("Later", desired_state="running")

    confirm(administrator, asked)

    assert Camera.objects.get(desired_state="running").name == "Later"


def test_what_is_gone_meanwhile_is_not_reported_as_stopped_already(administrator: Client) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running") for n in range(4)]
    asked = bulk(administrator, "stop_cameras", cameras)
    actions.retire_camera(camera_id=cameras[0].pk, by=AUTHOR, now=datetime.now(UTC))
    actions.set_desired_state(
        camera_ids=[cameras[1].pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=datetime.now(UTC)
    )

    confirmed = confirm(administrator, asked)

    assert shown_messages(confirmed).startswith("2 cameras stopped. 1 was stopped already. 1 is gone. <a ")


@pytest.mark.parametrize(
    ("group", "verbs"),
    [("viewer", []), ("operator", ["start", "stop"]), ("administrator", ["start", "stop", "move", "delete"])],
)
def test_only_who_may_do_it_to_one_may_do_it_to_many(group: str, verbs: list[str]) -> None:
    client = sign_in(group)
    for verb in ("start", "stop", "move", "delete"):
        camera = make_camera(desired_state="running" if verb == "stop" else "stopped")
        answer = client.post(f"{CAMERAS}bulk/{verb}/", {"ids": str(camera.pk), "site": ""})
        assert answer.status_code == (302 if verb in verbs else 403), verb


@pytest.mark.parametrize("ids", ["", "nonsense", ",,", "00000000-0000-0000-0000-000000000000", "\0"])
def test_ids_that_are_none_do_nothing(administrator: Client, ids: str) -> None:
    camera = make_camera()

    assert administrator.post(f"{CAMERAS}bulk/delete/", {"ids": ids}).status_code == 302
    assert administrator.get(f"{CAMERAS}bulk/delete/").status_code == 302
    assert administrator.get(f"{CAMERAS}bulk/nonsense/").status_code == 404
    assert Camera.objects.get() == camera
