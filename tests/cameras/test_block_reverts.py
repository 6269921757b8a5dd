"""Reverting an entry of the log as one: what would be done row by row, what is done, and what is left alone."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras import actions, restores, site_actions
from cameras.block_reverts import BlockPlan, RevertOutdated, RowEffect, plan_block, revert_block
from cameras.changes import record_changes
from cameras.intent import clean_camera
from cameras.models import BlockAction, Camera, Change, ChangeBlock, DeletedCamera, DesiredState, Site
from cameras.recycle_bin import erase_expired
from cameras.sentences import sentence_of
from controlplane.access.principals import Principal
from tests.at_once import at_once
from tests.factories import AUTHOR, NOW, URL, make_camera, make_holder, make_site

pytestmark = pytest.mark.django_db
ROOT = AUTHOR.principal
OTHER_URL = "rtsp://user:0ther-secret@10.0.0.9/live"


def newest() -> ChangeBlock:
    return ChangeBlock.objects.latest("pk")


def fleet(count: int = 3, **values: Any) -> list[Camera]:
    site = make_site("Berlin Mitte")
    return [make_camera(f"Gate {number}", site=site, **values) for number in range(count)]


def ids_of(cameras: list[Camera]) -> list[Any]:
    return [camera.pk for camera in cameras]


def set_state(cameras: list[Camera], state: str) -> ChangeBlock:
    actions.set_desired_state(camera_ids=ids_of(cameras), desired_state=DesiredState(state), by=AUTHOR, now=NOW)
    return newest()


def stop(cameras: list[Camera]) -> ChangeBlock:
    return set_state(cameras, "stopped")


def change(camera: Camera, **values: Any) -> ChangeBlock:
    cleaned = clean_camera(values, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=cleaned, by=AUTHOR, now=NOW)
    return newest()


def delete(cameras: list[Camera], **options: Any) -> ChangeBlock:
    actions.retire_cameras(camera_ids=ids_of(cameras), by=AUTHOR, now=NOW, **options)
    return newest()


def effects(block: ChangeBlock, principal: Principal = ROOT) -> dict[str, str]:
    return {row.change.name: row.effect.value for row in plan_block(block, principal).rows}


def states() -> dict[str, str]:
    return dict(Camera.objects.values_list("name", "desired_state"))


def revert(block: ChangeBlock, **options: Any) -> Any:
    return revert_block(block=block, **{"overwrite": (), "by": AUTHOR, "now": NOW, **options})


def import_cameras(new: int, changed: list[Camera]) -> ChangeBlock:
    with record_changes(by=AUTHOR, now=NOW, action=BlockAction.IMPORTED):
        actions.save_cameras(
            new=[
                (None, clean_camera({"name": f"New {number}", "connection_string": URL})) for number in range(new)
            ],
            changed={camera.pk: (camera.revision, {"notes": "imported"}) for camera in changed},
            by=AUTHOR,
            now=NOW,
        )
    return newest()


# --- What is done -----------------------------------------------------------------------------------------


def test_a_bulk_stop_is_reverted_as_one_entry_that_can_be_reverted_too() -> None:
    cameras = fleet(desired_state="running")
    stopped = stop(cameras)

    undone = revert(stopped)

    assert set(states().values()) == {"running"}
    assert (len(undone.done), undone.left, undone.block_id) == (3, [], newest().pk)
    assert sentence_of(newest()) == "3 cameras at Berlin Mitte reverted by factory"
    assert newest().note == f"Revert of entry {stopped.pk}."
    revert(newest())
    assert set(states().values()) == {"stopped"}


def test_what_was_changed_since_stays_unless_it_is_ticked() -> None:
    cameras = fleet(desired_state="running")
    block = change(cameras[0], notes="a")
    actions.move_cameras(camera_ids=ids_of(cameras), site_id=None, by=AUTHOR, now=NOW)
    moved = newest()
    south = make_site("South")
    change(cameras[1], site=str(south.pk))

    assert effects(moved) == {"Gate 0": "reverted", "Gate 1": "changed_since", "Gate 2": "reverted"}
    undone = revert(moved)

    assert dict(Camera.objects.values_list("name", "site__name")) == {
        "Gate 0": "Berlin Mitte", "Gate 1": "South", "Gate 2": "Berlin Mitte",
    }  # fmt: skip
    assert [row.change.name for row in undone.left] == ["Gate 1"]
    ticked = next(row.change.revision for row in undone.left)
    assert len(revert(moved, overwrite=[ticked]).done) == 1
    assert set(Camera.objects.values_list("site__name", flat=True)) == {"Berlin Mitte"}
    assert block.changes.count() == 1


def test_of_a_camera_only_the_fields_that_were_changed_since_stay() -> None:
    camera = make_camera(notes="a", location="x")
    block = change(camera, notes="b", location="y")
    change(camera, notes="c")

    undone = revert(block)

    camera = Camera.objects.get()
    assert (camera.notes, camera.location) == ("c", "x")
    assert [row.effect for row in undone.done] == [RowEffect.CHANGED_SINCE]


def test_cameras_that_were_deleted_together_are_restored_together() -> None:
    cameras = fleet(desired_state="running")
    deleted = delete(cameras)

    revert(deleted)

    assert states() == dict.fromkeys(["Gate 0", "Gate 1", "Gate 2"], "running")
    assert not DeletedCamera.objects.exists()
    assert newest().count == 3
    revert(newest())
    assert DeletedCamera.objects.count() == 3


def test_an_import_is_reverted_with_what_it_made_and_what_it_changed() -> None:
    cameras = fleet()
    imported = import_cameras(2, cameras)
    assert (imported.count, imported.action) == (5, "imported")

    revert(imported)

    assert dict(Camera.objects.values_list("name", "notes")) == {"Gate 0": "", "Gate 1": "", "Gate 2": ""}
    assert set(DeletedCamera.objects.values_list("name", flat=True)) == {"New 0", "New 1"}
    revert(newest())
    assert Camera.objects.count() == 5


# --- What is in the way -----------------------------------------------------------------------------------


def test_each_row_says_why_it_is_left_alone() -> None:
    north = make_site("North")
    cameras = {name: make_camera(name, site=north) for name in ("free", "already", "changed", "deleted")}
    actions.move_cameras(camera_ids=ids_of(list(cameras.values())), site_id=None, by=AUTHOR, now=NOW)
    moved = newest()
    change(cameras["already"], site=str(north.pk))
    change(cameras["changed"], site=str(make_site("South").pk))
    delete([cameras["deleted"]])

    rows = {row.change.name: (row.effect.value, row.why) for row in plan_block(moved, ROOT).rows}

    assert rows == {
        "free": ("reverted", ""),
        "already": ("already_so", "It is as before already."),
        "changed": ("changed_since", ""),
        "deleted": ("refused", "The camera was deleted: restore it first."),
    }


def test_a_site_that_is_gone_is_told_for_each_row_and_does_not_keep_the_others() -> None:
    north, south = make_site("North"), make_site("South")
    cameras = [make_camera("a", site=north), make_camera("b", site=south)]
    actions.move_cameras(camera_ids=ids_of(cameras), site_id=None, by=AUTHOR, now=NOW)
    moved = newest()
    site_actions.retire_site(site=south, by=AUTHOR, now=NOW)

    undone = revert(moved)

    assert [(row.change.name, row.why) for row in undone.left] == [("b", "The site where it stood is gone.")]
    assert dict(Camera.objects.values_list("name", "site__name")) == {"a": "North", "b": None}


def test_a_deleted_camera_whose_site_is_gone_is_restored_without_one_and_says_so() -> None:
    cameras = fleet(2)
    deleted = delete(cameras)
    site_actions.retire_site(site=Site.objects.get(), by=AUTHOR, now=NOW)

    undone = revert(deleted)

    assert {row.why for row in undone.done} == {"The site where it stood is gone: it will be at no site."}
    assert set(Camera.objects.values_list("site", flat=True)) == {None}


@pytest.mark.parametrize("erased", [False, True], ids=["erased later", "deleted for good"])
def test_a_deleted_camera_that_was_erased_is_refused_and_the_others_are_restored(erased: bool) -> None:
    cameras = fleet(2)
    if erased:
        block = delete(cameras, is_kept=False)
    else:
        block = delete(cameras)
        restores.erase_camera(camera_id=cameras[0].pk, by=AUTHOR, now=NOW)

    undone = revert(block)

    assert {row.why for row in undone.left} == {"It was erased and cannot be restored."}
    assert Camera.objects.count() == (0 if erased else 1)


def test_a_secret_is_not_kept_and_so_not_reverted() -> None:
    block = change(make_camera(), connection_string=OTHER_URL)

    undone = revert(block)

    assert ([row.effect for row in undone.left], undone.block_id) == ([RowEffect.NOT_KEPT], None)
    assert not plan_block(block, ROOT).does_anything


def test_an_imported_camera_that_was_edited_since_is_deleted_only_where_it_is_ticked() -> None:
    imported = import_cameras(2, [])
    change(Camera.objects.get(name="New 1"), notes="mine")

    undone = revert(imported)

    assert [row.change.name for row in undone.left] == ["New 1"]
    assert list(Camera.objects.values_list("name", flat=True)) == ["New 1"]
    revert(imported, overwrite=[undone.left[0].change.revision])
    assert not Camera.objects.exists()


@pytest.mark.parametrize(
    ("act", "roles", "effect"),
    [
        (stop, [("operator",)], "reverted"),
        (stop, [("viewer",)], "refused"),
        (partial(delete), [("operator",)], "refused"),
        (partial(delete), [("administrator",)], "reverted"),
        (lambda cameras: import_cameras(0, cameras), [("operator",)], "refused"),
    ],
)
def test_a_revert_takes_the_permissions_of_what_it_does(act: Any, roles: Any, effect: str) -> None:
    block = act(fleet(1, desired_state="running"))

    assert effects(block, make_holder(*roles)) == {"Gate 0": effect}


def test_whoever_may_act_at_one_site_reverts_only_what_was_done_there() -> None:
    north, south = make_site("North"), make_site("South")
    cameras = [make_camera(site.name, site=site, desired_state="running") for site in (north, south)]
    stopped = stop(cameras)

    undone = revert(stopped, by=make_holder(("operator", north)).author("api"))

    assert states() == {"North": "running", "South": "stopped"}
    assert [row.why for row in undone.left] == ["Your role may not do this with this camera."]


# --- All or nothing ---------------------------------------------------------------------------------------


def _restore_a_deleted_one(cameras: list[Camera]) -> None:
    restores.restore_camera(camera_id=cameras[0].pk, by=AUTHOR, now=NOW)


@pytest.mark.parametrize(
    ("act", "meanwhile"),
    [
        (stop, lambda cameras: change(cameras[0], notes="theirs")),
        (stop, lambda cameras: set_state(cameras[:1], "running")),
        (stop, lambda cameras: delete(cameras[:1])),
        (delete, _restore_a_deleted_one),
        (delete, lambda cameras: erase_expired(NOW + timedelta(days=30))),
    ],
)
def test_a_revert_that_is_not_what_was_shown_does_nothing(act: Any, meanwhile: Any) -> None:
    cameras = fleet(desired_state="running")
    block = act(cameras)
    shown: BlockPlan = plan_block(block, ROOT)
    meanwhile(cameras)
    last = Change.objects.latest("revision").revision

    with pytest.raises(RevertOutdated):
        revert(block, fingerprint=shown.fingerprint)

    assert Change.objects.latest("revision").revision == last
    revert(block, fingerprint=plan_block(block, ROOT).fingerprint)


@pytest.mark.django_db(transaction=True)
def test_of_two_reverts_at_once_one_does_it_and_the_other_is_told() -> None:
    for _ in range(5):
        block = stop([make_camera(f"Gate {number}", desired_state="running") for number in range(3)])
        shown = plan_block(block, ROOT).fingerprint

        def act(block: ChangeBlock = block, shown: str = shown) -> str:
            try:
                revert(block, fingerprint=shown)
            except RevertOutdated:
                return "outdated"
            return "done"

        assert sorted(at_once(act, act)) == ["done", "outdated"]
        assert newest().first_revision == block.last_revision + 1


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(("act", "planning", "doing"), [(stop, 2, 16), (delete, 4, 19)])
def test_many_rows_take_as_many_queries_as_one(count: int, act: Any, planning: int, doing: int) -> None:
    block = act(fleet(count, desired_state="running"))

    with CaptureQueriesContext(connection) as planned:
        plan_block(block, ROOT)
    with CaptureQueriesContext(connection) as done:
        revert(block)

    # SQLite takes 999 parameters a statement: fifty cameras are two, fifty rows of vitals three.
    more = {stop: 1, delete: 2}[act] if connection.vendor == "sqlite" and count == 50 else 0
    assert (len(planned), len(done)) == (planning, doing + more)
