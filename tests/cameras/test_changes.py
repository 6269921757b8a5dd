"""The change log as a feed: gap-free, in the order of commits, and only for those who may know."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from cameras import actions
from cameras.change_feed import CursorGone, current_cursor, parse_cursor, renew_epoch, scan_changes
from cameras.changes import record_changes
from cameras.intent import InvalidIntent
from cameras.models import Camera, Change, DesiredState, RevisionCounter
from tests.factories import AUTHOR, NOW, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db


def feed(client: ApiClient, query: str = "?since=0") -> Any:
    return client.get(f"/cameras/changes{query}").json()


def kinds(page: Any) -> list[tuple[str, str]]:
    return [(change["kind"], change["name"]) for change in page["changes"]]


def test_the_feed_returns_each_change_once_in_order_and_resumes(viewer: ApiClient) -> None:
    gate = make_camera("Gate")
    first = feed(viewer)
    actions.set_desired_state(camera_ids=[gate.pk], desired_state=DesiredState.RUNNING, by=AUTHOR, now=NOW)
    make_camera("Roof")
    actions.retire_camera(camera_id=gate.pk, by=AUTHOR, now=NOW)

    second = feed(viewer, f"?since={first['next']}")
    third = feed(viewer, f"?since={second['next']}")

    assert kinds(first) == [("created", "Gate")]
    assert kinds(second) == [("updated", "Gate"), ("created", "Roof"), ("deleted", "Gate")]
    assert second["changes"][0] | {"at": None} == {
        "revision": 2,
        "block": 2,
        "at": None,
        "kind": "updated",
        "camera_id": str(gate.pk),
        "name": "Gate",
        "generation": 2,
        "desired_state": "running",
        "by": AUTHOR.label,
        "fields": ["desired_state"],
    }
    assert (third["changes"], third["next"], third["more"]) == ([], second["next"], False)


def test_a_page_is_limited_and_says_that_there_is_more(viewer: ApiClient) -> None:
    for number in range(5):
        make_camera(f"camera {number}")

    seen, query, more = [], "?since=0&limit=2", True
    while more:
        page = feed(viewer, query)
        seen += [name for _, name in kinds(page)]
        more, query = page["more"], f"?since={page['next']}&limit=2"

    assert seen == [f"camera {number}" for number in range(5)]


def test_a_list_and_the_feed_from_its_cursor_meet(viewer: ApiClient) -> None:
    make_camera("before")
    cursor = viewer.get("/cameras")["X-Cursor"]
    make_camera("after")

    assert kinds(feed(viewer, f"?since={cursor}")) == [("created", "after")]


def test_to_a_watcher_of_a_site_a_camera_comes_and_goes(administrator: ApiClient) -> None:
    north, south = make_site("North"), make_site("South")
    make_camera("hidden", site=south)
    camera = make_camera("mover", site=south)
    watcher = ApiClient(make_token("viewer", north))
    for site in (north, south):
        administrator.patch(f"/cameras/{camera.pk}", {"site": str(site.pk)})
        administrator.patch(f"/cameras/{camera.pk}", {"notes": f"at {site.name}"})

    page = feed(watcher)

    assert kinds(page) == [("created", "mover"), ("updated", "mover"), ("deleted", "mover")]
    assert parse_cursor(page["next"]).revision == Change.objects.count(), "hidden ones are scanned too"


def test_of_a_camera_that_leaves_a_watcher_learns_nothing_newer_than_what_it_saw(
    administrator: ApiClient,
) -> None:
    north, south = make_site("North"), make_site("South")
    camera = make_camera("Known", site=north)
    watcher = ApiClient(make_token("viewer", north))
    cursor = watcher.get("/cameras")["X-Cursor"]

    moved = administrator.patch(
        f"/cameras/{camera.pk}",
        {
            "site": str(south.pk),
            "name": "Secret",
            "desired_state": "running",
            "connection_string": "rtsp://10.9.9.9/x",
        },
    )

    assert moved.status_code == 200
    (seen,) = feed(watcher, f"?since={cursor}")["changes"]
    assert {name: seen[name] for name in ("kind", "name", "generation", "desired_state", "fields")} == {
        "kind": "deleted", "name": "Known", "generation": 1, "desired_state": "stopped", "fields": ["site"],
    }  # fmt: skip


@pytest.mark.parametrize("wrong", ["epoch", "future", "pruned"])
def test_a_cursor_that_cannot_be_followed_is_410_with_where_to_go_on(viewer: ApiClient, wrong: str) -> None:
    for number in range(4):
        make_camera(f"camera {number}")
    Change.objects.filter(revision__lte=2).delete()
    current = current_cursor()
    cursor = {
        "epoch": current._replace(epoch="0" * 12),
        "future": current._replace(revision=5),
        "pruned": current._replace(revision=1),
    }[wrong]

    answer = viewer.get(f"/cameras/changes?since={cursor}")

    assert (answer.status_code, answer["Content-Type"]) == (410, "application/problem+json")
    assert answer.json()["current"] == str(current)
    assert answer.json()["oldest"] == str(current._replace(revision=2))
    assert len(feed(viewer, f"?since={answer.json()['oldest']}")["changes"]) == 2
    assert len(feed(viewer, "?since=0")["changes"]) == 2


def test_a_new_epoch_ends_every_cursor() -> None:
    make_camera()
    before = current_cursor()

    after = renew_epoch()

    assert (after.revision, after.epoch) == (before.revision, current_cursor().epoch)
    with pytest.raises(CursorGone):
        scan_changes(before, 10)


@pytest.mark.parametrize(
    "since", ["-1", "1", "x", "0-0", "abcdefabcdef-", "abcdefabcdef-01", "ABCDEFABCDEF-1", "%00"]
)
def test_a_text_that_is_no_cursor_is_400(viewer: ApiClient, since: str) -> None:
    answer = viewer.get(f"/cameras/changes?since={since}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "since")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "wait=31", "wait=-1", "wait=x", "nonsense=1"])
def test_a_bad_parameter_of_the_feed_is_400(viewer: ApiClient, query: str) -> None:
    answer = viewer.get(f"/cameras/changes?since=0&{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, query.partition("=")[0])


def test_actions_inside_another_transaction_share_one_block_and_roll_back_together() -> None:
    with record_changes(by=AUTHOR, now=NOW):
        first = make_camera("first")
        with pytest.raises(InvalidIntent):
            make_camera("refused", site=_Missing())
        second = make_camera("second")
        assert not Change.objects.exists(), "the counter is taken last"

    assert (first.revision, second.revision) == (1, 2)
    assert list(Camera.objects.order_by("revision").values_list("name", "revision")) == [
        ("first", 1),
        ("second", 2),
    ]
    assert list(Change.objects.order_by("revision").values_list("name", flat=True)) == ["first", "second"]


class _Missing:
    pk = "0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"


def test_a_bulk_stop_is_one_block_of_those_that_were_running() -> None:
    running = [make_camera(f"running {number}", desired_state="running") for number in range(3)]
    stopped = make_camera("stopped")

    changed = actions.set_desired_state(
        camera_ids=[camera.pk for camera in (*running, stopped)],
        desired_state=DesiredState.STOPPED,
        by=AUTHOR,
        now=NOW + timedelta(hours=1),
    )

    assert {camera.pk for camera in changed} == {camera.pk for camera in running}
    assert Change.objects.filter(kind="updated").count() == 3
    assert sorted(camera.revision for camera in changed) == [5, 6, 7]


def test_of_a_secret_the_log_holds_only_that_it_changed_and_where(administrator: ApiClient) -> None:
    camera = make_camera()
    administrator.patch(f"/cameras/{camera.pk}", {"connection_string": "rtsp://u:0ther-secret@10.0.0.9/x"})

    address = {"before": "10.0.0.5:554", "after": "10.0.0.9:554"}
    assert Change.objects.get(kind="updated").diff == {"connection_string": {"changed": True, "address": address}}


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_leave_no_gap_and_no_repeat() -> None:
    cameras = [make_camera(f"camera {number}") for number in range(4)]
    start = current_cursor()
    seen: list[int] = []
    done = threading.Event()

    def write(camera: Camera) -> None:
        for number in range(25):
            actions.update_camera(camera_id=camera.pk, values={"notes": str(number)}, by=AUTHOR, now=NOW)
        connection.close()

    def watch() -> None:
        cursor = start
        while True:
            finished = done.is_set()
            scan = scan_changes(cursor, 7)
            seen.extend(change.revision for change in scan.changes)
            cursor = scan.next
            if finished and not scan.more:
                break
        connection.close()

    writers = [threading.Thread(target=write, args=[camera]) for camera in cameras]
    watcher = threading.Thread(target=watch)
    for thread in (*writers, watcher):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    watcher.join()

    assert seen == list(range(start.revision + 1, start.revision + 101))


def test_an_epoch_is_the_database_s_own_on_postgresql() -> None:
    stored = RevisionCounter.objects.get_or_create(pk=1, defaults={"epoch": "x"})[0].epoch

    assert len(current_cursor().epoch) == 12
    assert current_cursor().epoch not in stored
