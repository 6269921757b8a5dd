"""Doing an import: all or nothing, one block of the log, and not after something else has changed."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras import actions, restores
from cameras.intent import clean_camera
from cameras.models import Camera, Change, DeletedCamera
from cameras.transfer import plan as import_plan
from cameras.transfer.files.formats import Format
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import PlanOutdated
from tests.at_once import at_once
from tests.cameras.transfer.plans import ANNA, OTHER_URL, ZONES, apply, effects, export, remove
from tests.factories import AUTHOR, NOW, URL, make_camera

pytestmark = pytest.mark.django_db


def test_an_import_is_one_block_of_the_log_and_a_no_op_writes_nothing() -> None:
    make_camera("A", connection_string=URL)
    make_camera("B", connection_string=URL)
    make_camera("C", connection_string=URL)
    rows = [
        {"name": "A", "connection_string": OTHER_URL, "site": "New"},
        {"name": "B", "connection_string": URL, "site": None},
        {"name": "D", "connection_string": URL, "site": "New"},
    ]
    rows[0]["id"] = str(Camera.objects.get(name="A").pk)
    last = Change.objects.latest("revision").revision

    plan = apply(json.dumps(rows), Format.JSON)

    assert (effects(plan), plan.new_sites) == (["change", "unchanged", "create"], ["New"])
    changes = list(Change.objects.filter(revision__gt=last).order_by("revision"))
    assert [(change.name, change.kind) for change in changes] == [("A", "updated"), ("D", "created")]
    assert changes[0].diff.keys() == {"connection_string", "site"}
    assert changes[0].diff["connection_string"]["changed"] is True
    a = Camera.objects.get(name="A")
    assert (a.generation, a.revision, a.address) == (2, last + 1, "10.0.0.6:554")
    assert actions.reveal_connection_string(camera=a, by=AUTHOR, now=NOW) == OTHER_URL
    assert Camera.objects.get(name="D").vitals.accepted_count == 0  # type: ignore[attr-defined]
    assert apply(json.dumps(rows), Format.JSON).writes is False
    assert Change.objects.latest("revision").revision == last + 2


@pytest.mark.parametrize("meanwhile", ["changed", "deleted", "made"])
def test_a_plan_that_no_longer_fits_is_refused_and_shown_anew(meanwhile: str) -> None:
    camera = make_camera("Gate")
    rows = [{"name": "Gate", "location": "roof"}, {"name": "New", "connection_string": URL}]
    prepared = read_upload(Upload(json.dumps(rows).encode(), "x.json"))
    shown = prepared.plan(ANNA)
    if meanwhile == "changed":
        actions.update_camera(
            camera_id=camera.pk,
            values=clean_camera({"notes": "theirs"}, stored_redacted=""),
            by=AUTHOR,
            now=NOW,
        )
    elif meanwhile == "deleted":
        actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=NOW)
    else:
        make_camera("New")
    count, last = Camera.objects.count(), Change.objects.latest("revision").revision

    for plan in (shown, prepared.plan(ANNA)):
        with pytest.raises(PlanOutdated):
            import_plan.apply_plan(plan, fingerprint=shown.fingerprint, by=AUTHOR, now=NOW)

    assert (Camera.objects.count(), Change.objects.latest("revision").revision) == (count, last)


def test_a_row_with_the_id_of_a_deleted_camera_is_refused_in_words() -> None:
    camera, hidden = make_camera("Gate"), make_camera("Roof")
    remove(Camera.objects.filter(pk=camera.pk))
    actions.retire_camera(camera_id=hidden.pk, by=AUTHOR, now=NOW, is_kept=False)
    rows = [{"id": str(one.pk), "name": f"New {one.name}", "connection_string": URL} for one in (camera, hidden)]

    plan = read_upload(Upload(json.dumps(rows).encode(), "x.json")).plan(ANNA)

    assert [planned.faults[0].detail for planned in plan.rows] == [
        "Belongs to a deleted camera: restore it, or erase it for good.",
        "Belongs to a camera that you may not see, or that was deleted.",
    ]


@pytest.mark.django_db(transaction=True)
def test_an_import_and_a_restore_of_one_id_at_once_make_one_camera() -> None:
    for number in range(10):
        camera = make_camera(f"Gate {number}")
        rows = [{"id": str(camera.pk), "name": f"Gate {number}", "notes": "imported", "connection_string": URL}]
        prepared = read_upload(Upload(json.dumps(rows).encode(), "x.json"))
        plan = prepared.plan(ANNA)  # while the camera stands
        remove(Camera.objects.filter(pk=camera.pk))

        def restore(camera: Camera = camera) -> str:
            restores.restore_camera(camera_id=camera.pk, by=AUTHOR, now=NOW)
            return "restored"

        def import_it(plan: Any = plan) -> str:
            try:
                import_plan.apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)
            except PlanOutdated:
                return "outdated"
            return "imported"

        assert at_once(restore, import_it) == ["restored", "outdated"]
        assert (Camera.objects.get(pk=camera.pk).notes, DeletedCamera.objects.exists()) == ("", False)


def test_a_frigate_file_leaves_alone_what_it_cannot_hold() -> None:
    camera = make_camera("yard", zone_config=ZONES, notes="keep", desired_state="running")
    text = export(Format.FRIGATE, True).replace("0.3333333333", "0.333333")

    apply(text.replace("10.0.0.5", "10.0.0.7"), Format.FRIGATE)

    stored = Camera.objects.get()
    assert (stored.address, stored.zone_config, stored.notes) == ("10.0.0.7:554", camera.zone_config, "keep")


@pytest.mark.parametrize("count", [1, 50])
def test_planning_and_doing_take_as_many_queries_for_one_camera_as_for_fifty(count: int) -> None:
    for number in range(count):
        make_camera(f"old {number}")
    rows = [{"name": f"old {n}", "location": "roof"} for n in range(count)]
    rows += [{"name": f"new {n}", "connection_string": URL, "site": "New"} for n in range(count)]
    prepared = read_upload(Upload(json.dumps(rows).encode(), "x.json"))

    with CaptureQueriesContext(connection) as planning:
        plan = prepared.plan(ANNA)
    with CaptureQueriesContext(connection) as doing:
        import_plan.apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)

    assert len(planning) == 2
    # SQLite takes 999 parameters a statement: a hundred rows of the log are two, fifty cameras two, and vitals three.
    expected = {("postgresql", 1): 15, ("postgresql", 50): 15, ("sqlite", 1): 14, ("sqlite", 50): 18}
    told = [query["sql"] for query in doing if "SAVEPOINT" not in query["sql"]]
    assert len(told) == expected[connection.vendor, count]
    assert Camera.objects.filter(location="roof").count() == count
