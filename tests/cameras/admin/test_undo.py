"""Undo in the admin: in messages, for an entry as a whole, and for what was deleted."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from cameras import actions, site_actions
from cameras.models import Camera, Change, ChangeBlock, DeletedCamera, DesiredState, Purge, Site
from tests.admin_client import (
    CAMERAS,
    administrator,
    bulk,
    confirm,
    form_of,
    operator,
    page_of,
    shown_messages,
    viewer,
)
from tests.factories import AUTHOR, SECRET, URL, make_camera, make_site
from tests.hostile import HOSTILE_MARKUP

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db

ENTRIES = "/admin/cameras/change/entry/"
BIN = "/admin/cameras/deletedcamera/"


def now() -> datetime:
    return datetime.now(UTC)


def fleet(count: int = 3, state: str = "running") -> list[Camera]:
    site = make_site("Berlin Mitte")
    return [make_camera(f"Gate {number}", site=site, desired_state=state) for number in range(count)]


def running() -> set[str]:
    return set(Camera.objects.filter(desired_state="running").values_list("name", flat=True))


def undo_of(response: Any) -> str:
    """Where the Undo of the last message posts to."""
    addresses: list[str] = re.findall(r'data-undo="([^"]+)"', shown_messages(response))
    return addresses[-1]


def stop_all(client: Client, cameras: list[Camera]) -> Any:
    return confirm(client, bulk(client, "stop_cameras", cameras))


def newest() -> ChangeBlock:
    return ChangeBlock.objects.latest("pk")


# --- In a message -----------------------------------------------------------------------------------------


def test_a_tap_on_stop_is_undone_by_a_tap_on_undo(operator: Client) -> None:
    camera = make_camera(desired_state="running")
    stopped = operator.post(f"{CAMERAS}{camera.pk}/desired-state/", {"desired_state": "stopped"})
    assert running() == set()

    undone = operator.post(undo_of(stopped), {"next": page_of(camera)})

    assert (running(), undone.status_code, undone.url) == ({"Gate"}, 302, page_of(camera))
    assert "Undone: “Gate” stopped by oskar." in shown_messages(undone)
    operator.post(undo_of(undone))
    assert running() == set()


def test_a_bulk_stop_is_undone_but_for_what_was_changed_since(operator: Client) -> None:
    cameras = fleet()
    stopped = stop_all(operator, cameras)
    operator.post(f"{CAMERAS}{cameras[0].pk}/desired-state/", {"desired_state": "running"})
    actions.retire_camera(camera_id=cameras[1].pk, by=AUTHOR, now=now())

    undone = operator.post(undo_of(stopped))

    assert running() == {"Gate 0", "Gate 2"}
    assert "1 camera stays as it is." in shown_messages(undone)
    assert (newest().count, newest().action) == (1, "reverted")


@pytest.mark.parametrize("action", ["move_cameras", "delete_selected"])
def test_what_was_done_to_many_is_undone_at_once(administrator: Client, action: str) -> None:
    cameras = fleet()
    before = set(Camera.objects.values_list("name", "site", "desired_state"))
    done = confirm(administrator, bulk(administrator, action, cameras))
    assert set(Camera.objects.values_list("name", "site", "desired_state")) != before

    administrator.post(undo_of(done))

    assert set(Camera.objects.values_list("name", "site", "desired_state")) == before


def test_an_undo_of_what_is_so_already_does_nothing_and_says_so(operator: Client) -> None:
    stopped = stop_all(operator, fleet())
    operator.post(undo_of(stopped))
    last = newest().pk

    again = operator.post(undo_of(stopped))

    assert newest().pk == last
    assert "Nothing was undone" in shown_messages(again)


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_an_undo_leads_to_no_other_host(operator: Client, following: str) -> None:
    stopped = stop_all(operator, fleet(1))

    assert operator.post(undo_of(stopped), {"next": following}).url == CAMERAS


def test_nothing_is_undone_by_a_link(operator: Client, viewer: Client) -> None:
    stopped = stop_all(operator, fleet())

    assert operator.get(undo_of(stopped)).url == f"{ENTRIES}{newest().pk}/revert/"
    assert viewer.post(undo_of(stopped)).status_code == 403
    assert running() == set()


def test_an_import_can_be_undone_from_its_message(administrator: Client) -> None:
    url = reverse("admin:cameras_camera_import_cameras")
    file = SimpleUploadedFile("new.csv", f"name,connection_string\nNew,{URL}\n".encode())
    planned = administrator.post(url, {"file": file, "format": "", "site": ""})
    stored = administrator.post(url, form_of(planned, "confirm_form"))
    assert Camera.objects.get().name == "New"
    assert newest().action == "imported"

    administrator.post(undo_of(stored))

    assert not Camera.objects.exists()
    assert DeletedCamera.objects.get().name == "New"


# --- An entry as one --------------------------------------------------------------------------------------


def test_a_revert_shows_each_row_first_and_does_what_was_ticked(operator: Client) -> None:
    cameras = fleet(4)
    stop_all(operator, cameras)
    entry = newest()
    for number in (1, 2):
        actions.set_desired_state(
            camera_ids=[cameras[number].pk], desired_state=DesiredState.RUNNING, by=AUTHOR, now=now()
        )
    actions.move_cameras(camera_ids=[cameras[3].pk], site_id=None, by=AUTHOR, now=now())
    url = f"{ENTRIES}{entry.pk}/revert/"

    shown = operator.get(url)
    groups = {group["effect"]: {row["name"] for row in group["rows"]} for group in shown.context["groups"]}
    done = operator.post(url, {"fingerprint": shown.context["plan"].fingerprint})

    assert groups == {"already_so": {"Gate 1", "Gate 2"}, "reverted": {"Gate 0", "Gate 3"}}
    assert running() == {"Gate 0", "Gate 1", "Gate 2", "Gate 3"}
    assert [{row["name"] for row in group["rows"]} for group in done.context["groups"]] == [
        {"Gate 0", "Gate 3"},
        {"Gate 1", "Gate 2"},
    ]
    assert newest().note == f"Revert of entry {entry.pk}."


def test_a_newer_value_is_given_up_only_where_it_is_ticked(administrator: Client) -> None:
    cameras = fleet(3)
    confirm(administrator, bulk(administrator, "move_cameras", cameras))
    entry, south = newest(), make_site("South")
    actions.move_cameras(camera_ids=[one.pk for one in cameras[:2]], site_id=south.pk, by=AUTHOR, now=now())
    url = f"{ENTRIES}{entry.pk}/revert/"
    shown = administrator.get(url)
    ticks = {row["name"]: row["revision"] for row in shown.context["groups"][0]["rows"]}

    administrator.post(url, {"fingerprint": shown.context["plan"].fingerprint, "overwrite": [ticks["Gate 0"]]})

    assert set(ticks) == {"Gate 0", "Gate 1"}
    assert dict(Camera.objects.values_list("name", "site__name")) == {
        "Gate 0": "Berlin Mitte", "Gate 1": "South", "Gate 2": "Berlin Mitte",
    }  # fmt: skip


@pytest.mark.parametrize("fingerprint", ["as it was shown", "", "nonsense"])
def test_a_revert_that_is_not_what_was_shown_does_nothing_and_shows_it_anew(
    operator: Client, fingerprint: str
) -> None:
    cameras = fleet()
    stop_all(operator, cameras)
    url = f"{ENTRIES}{newest().pk}/revert/"
    if fingerprint == "as it was shown":
        fingerprint = operator.get(url).context["plan"].fingerprint
        actions.update_camera(camera_id=cameras[0].pk, values={"notes": "theirs"}, by=AUTHOR, now=now())
    last = newest().pk

    refused = operator.post(url, {"fingerprint": fingerprint})

    assert (refused.status_code, newest().pk, running()) == (200, last, set())
    assert "nothing was reverted" in shown_messages(refused)
    assert operator.post(url, {"fingerprint": refused.context["plan"].fingerprint}).context["revert_id"]


def test_what_a_role_may_not_do_is_told_row_by_row(operator: Client, administrator: Client) -> None:
    confirm(administrator, bulk(administrator, "delete_selected", fleet()))

    page = operator.get(f"{ENTRIES}{newest().pk}/revert/")

    assert {row["why"] for row in page.context["groups"][0]["rows"]} == {
        "Your role may not do this with this camera."
    }
    assert not page.context["plan"].does_anything
    assert "</form>" in page.content.decode()


def test_who_may_only_look_sees_an_entry_and_reverts_nothing(operator: Client, viewer: Client) -> None:
    stop_all(operator, fleet())
    entry = f"{ENTRIES}{newest().pk}/"

    assert f"{entry}revert/" in operator.get(entry).content.decode()
    assert f"{entry}revert/" not in viewer.get(entry).content.decode()
    assert viewer.get(f"{entry}revert/").status_code == viewer.post(f"{entry}revert/").status_code == 403


@pytest.mark.parametrize("revision", [2, 99, 2**63, 10**30])
@pytest.mark.parametrize("page", ["", "revert/", "undo/"])
def test_what_is_no_entry_is_404(administrator: Client, revision: int, page: str) -> None:
    stop_all(administrator, fleet(1))
    actions.retire_cameras(camera_ids=[one.pk for one in fleet2()], by=AUTHOR, now=now())
    revision = newest().last_revision if revision == 2 else revision

    assert administrator.get(f"{ENTRIES}{revision}/{page}").status_code == 404


def fleet2() -> list[Camera]:
    return [make_camera(f"Yard {number}") for number in range(2)]


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(("page", "queries"), [("", 5), ("revert/", 6)])
def test_the_pages_of_an_entry_take_as_many_queries_for_one_row_as_for_fifty(
    operator: Client, django_assert_num_queries: Any, page: str, queries: int, count: int
) -> None:
    stop_all(operator, fleet(count))
    url = f"{ENTRIES}{newest().pk}/{page}"
    operator.get(url)

    with django_assert_num_queries(queries):
        assert operator.get(url).status_code == 200


# --- What was deleted -------------------------------------------------------------------------------------


def test_deleting_asks_first_says_for_how_long_it_can_be_restored_and_is_undone(administrator: Client) -> None:
    camera = make_camera(site=make_site("North"), desired_state="running")
    url = f"{CAMERAS}{camera.pk}/delete/"

    asked = administrator.get(url).content.decode()
    deleted = administrator.post(url, {"post": "yes"})

    assert "can be restored for 30 days" in asked
    assert "“<bdi>Gate</bdi>” deleted. Can be restored for 30 days." in shown_messages(deleted)
    assert (deleted.url, Camera.objects.exists()) == (CAMERAS, False)
    administrator.post(undo_of(deleted))
    assert (Camera.objects.get().desired_state, Camera.objects.get().generation) == ("running", 2)


@pytest.mark.parametrize("many", [False, True])
def test_what_is_erased_at_once_offers_no_undo(administrator: Client, many: bool) -> None:
    camera = make_camera()
    if many:
        deleted = confirm(administrator, bulk(administrator, "delete_selected", [camera]), erase="on")
    else:
        deleted = administrator.post(f"{CAMERAS}{camera.pk}/delete/", {"post": "yes", "erase": "on"})

    assert "It was erased." in shown_messages(deleted)
    assert "Undo" not in shown_messages(deleted)
    assert (DeletedCamera.objects.exists(), Purge.objects.count()) == (False, 1)


def test_a_deleted_camera_is_restored_from_the_bin(administrator: Client) -> None:
    camera = make_camera("Dock 7", site=make_site("North"), notes="by the gate")
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=now())

    listed = administrator.get(BIN).content.decode()
    page = administrator.get(f"{BIN}{camera.pk}/change/").content.decode()
    restored = administrator.post(f"{BIN}restore/", {"ids": str(camera.pk)})

    assert "Dock 7" in listed
    assert all(words in page for words in ("Dock 7", "North", "by the gate", "rtsp://user:***@"))
    assert restored.url == page_of(camera)
    assert "1 camera restored." in shown_messages(restored)
    assert administrator.get(restored.url).status_code == 200


def test_a_restored_camera_that_looks_like_another_is_told_of(administrator: Client) -> None:
    site = make_site("North")
    camera = make_camera("Dock 7", site=site)
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=now())
    make_camera("DOCK 7", site=site)

    restored = administrator.post(f"{BIN}restore/", {"ids": str(camera.pk)})

    assert "DOCK 7" in shown_messages(restored)


def test_several_are_restored_from_the_list_and_lost_sites_are_told(administrator: Client) -> None:
    cameras = fleet(3)
    actions.retire_cameras(camera_ids=[one.pk for one in cameras], by=AUTHOR, now=now())
    site_actions.retire_site(site=Site.objects.get(), by=AUTHOR, now=now())

    restored = administrator.post(
        BIN, {"action": "restore_cameras", "_selected_action": [str(one.pk) for one in cameras[:2]]}
    )

    assert set(Camera.objects.values_list("name", "site")) == {("Gate 0", None), ("Gate 1", None)}
    assert "2 cameras restored." in shown_messages(restored)
    assert "The site “<bdi>Berlin Mitte</bdi>” is gone" in shown_messages(restored)


def test_erasing_asks_first_and_is_for_good(administrator: Client) -> None:
    cameras = fleet(2)
    actions.retire_cameras(camera_ids=[one.pk for one in cameras], by=AUTHOR, now=now())

    asked = administrator.post(f"{BIN}erase/", {"ids": str(cameras[0].pk)})
    chosen = administrator.post(BIN, {"action": "erase_cameras", "_selected_action": [str(cameras[0].pk)]})
    assert DeletedCamera.objects.count() == 2
    for page in (asked, chosen):
        assert "1 camera will be erased" in page.content.decode()
    administrator.post(f"{BIN}erase/", {"ids": chosen.context["ids"], "confirmed": "1"})

    assert list(DeletedCamera.objects.values_list("name", flat=True)) == ["Gate 1"]
    again = administrator.post(f"{BIN}restore/", {"ids": str(cameras[0].pk)})
    assert "1 camera is not in the bin any more" in shown_messages(again)


@pytest.mark.parametrize("ids", ["", "nonsense", ",,", "00000000-0000-0000-0000-000000000000", "\0"])
@pytest.mark.parametrize("page", ["restore/", "erase/"])
def test_nonsense_restores_and_erases_nothing(administrator: Client, page: str, ids: str) -> None:
    actions.retire_camera(camera_id=make_camera().pk, by=AUTHOR, now=now())

    assert administrator.post(f"{BIN}{page}", {"ids": ids}).status_code == 302
    assert administrator.get(f"{BIN}{page}").status_code == 302
    assert DeletedCamera.objects.count() == 1


def test_who_may_not_delete_cameras_sees_no_bin(operator: Client, viewer: Client) -> None:
    camera = make_camera()
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=now())

    for client in (operator, viewer):
        for path in (BIN, f"{BIN}{camera.pk}/change/"):
            assert client.get(path).status_code == 403
        for path in (f"{BIN}restore/", f"{BIN}erase/"):
            assert client.post(path, {"ids": str(camera.pk), "confirmed": "1"}).status_code == 403
        assert BIN not in client.get("/admin/").content.decode()
    assert DeletedCamera.objects.exists()


@pytest.mark.parametrize("count", [1, 50])
def test_the_bin_takes_as_many_queries_for_one_row_as_for_fifty(
    administrator: Client, django_assert_num_queries: Any, count: int
) -> None:
    actions.retire_cameras(camera_ids=[one.pk for one in fleet(count)], by=AUTHOR, now=now())
    administrator.get(BIN)

    with django_assert_num_queries(4):
        assert administrator.get(BIN).status_code == 200


@pytest.mark.parametrize("name", HOSTILE_MARKUP)
def test_a_hostile_name_is_shown_as_text_and_no_page_shows_a_secret(administrator: Client, name: str) -> None:
    camera = make_camera(name, site=make_site(name), location=name, notes=name, model_config={name: name})
    sealed = Camera.objects.get().sealed_connection
    asked = administrator.get(f"{CAMERAS}{camera.pk}/delete/")
    deleted = administrator.post(f"{CAMERAS}{camera.pk}/delete/", {"post": "yes"})
    entry = newest()
    row = administrator.post(f"{BIN}erase/", {"ids": str(camera.pk)})
    pages = [
        asked, row, administrator.get(deleted.url), administrator.get(BIN), administrator.get(f"{BIN}{camera.pk}/change/"),
        administrator.get(f"{ENTRIES}{entry.pk}/"), administrator.get(f"{ENTRIES}{entry.pk}/revert/"),
        administrator.get(f"/admin/cameras/change/{Change.objects.latest('revision').pk}/change/"),
    ]  # fmt: skip
    revert = administrator.post(
        f"{ENTRIES}{entry.pk}/revert/", {"fingerprint": pages[6].context["plan"].fingerprint}
    )

    for page in (*pages, revert):
        text = page.content.decode()
        assert page.status_code == 200
        for raw in ("<script>alert", "<img src=x", "' onload='", SECRET, sealed):
            assert raw not in text
        assert ">49<" not in text


def test_the_bin_says_until_when(administrator: Client, settings: Any) -> None:
    settings.DELETED_CAMERA_DAYS = 3
    at = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
    actions.retire_camera(camera_id=make_camera().pk, by=AUTHOR, now=at)

    page = administrator.get(BIN).content.decode()

    assert f"{at + timedelta(days=3):%Y-%m-%d %H:%M:%S} UTC" in page
