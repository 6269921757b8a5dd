"""From a file to the cameras and back: what a row means, the plan, doing it all or nothing, and the commands."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from cameras import actions, restores
from cameras.admin.transfer.forms import LABELS, ImportForm
from cameras.intent import clean_camera
from cameras.models import Camera, Change, DeletedCamera, Site
from cameras.transfer import exports
from cameras.transfer import plan as import_plan
from cameras.transfer.files import csv_format, json_format
from cameras.transfer.files.formats import (
    CONTENT_TYPES,
    IMPORTED,
    SUFFIXES,
    WITH_CREDENTIALS_ONLY,
    Format,
    recognise,
)
from cameras.transfer.files.rows import FIELDS, MAX_FILE_BYTES, UnreadableFile
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import Effect, Plan, PlanOutdated, PlanRefused
from controlplane.access.models import AuditEntry, AuditObject
from controlplane.access.principals import Principal
from tests.at_once import at_once
from tests.factories import AUTHOR, NOW, SECRET, URL, make_camera, make_holder, make_principal, make_site

pytestmark = pytest.mark.django_db

ANNA = make_principal("administrator", name="anna")
VERA = make_principal("viewer", name="vera")
OTHER_URL = "rtsp://user:an0ther-secret@10.0.0.6/b"
HOSTILE = [
    "=HYPERLINK(\"http://x\",\"y\")", "=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "'=quoted", "'", "''", "'plain'",
    "＝1+1", "＋1", "－1", "＠x", "007", "1e5", "TRUE", "null", "a,b;c|d", 'say "x"', "<script>alert(1)</script>",
    "{{7*7}}", "Ünïcödé 北门 🎥", "a" * 200, "%s %(name)s {0}", "‘’", "# comment", "~", "on", "-", "|x", "a: b", "{FRIGATE_X}",
]  # fmt: skip
ZONES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "steps",
            "properties": {"name": "Stufen, „vorn“", "color": "#aabbcc", "capacity": 5},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[0.1234567, 0], [1, 1e-7], [1, 1], [0, 0.3333333333]]],
            },
        },
        {
            "type": "Feature",
            "properties": {"name": "line"},
            "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
        },
    ],
}


def plan_of(text: str | bytes, source: Format, principal: Principal = ANNA, site: Site | None = None) -> Plan:
    data = text if isinstance(text, bytes) else text.encode()
    return read_upload(Upload(data, "file", source, site)).plan(principal)


def effects(plan: Plan) -> list[str]:
    return [planned.effect.value for planned in plan.rows]


def csv_of(*rows: dict[str, Any]) -> str:
    out = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def apply(text: str, source: Format, principal: Principal = ANNA, site: Site | None = None) -> Plan:
    prepared = read_upload(Upload(text.encode(), "file", source, site))
    plan = prepared.plan(principal)
    import_plan.apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)
    return plan


def remove(cameras: Any) -> None:
    for camera_id in cameras.values_list("pk", flat=True):
        actions.retire_camera(camera_id=camera_id, by=AUTHOR, now=NOW)


def export(target: Format, with_credentials: bool = False, principal: Principal = ANNA) -> str:
    return exports.export_cameras(
        target=target, with_credentials=with_credentials, principal=principal, by=AUTHOR, now=NOW
    ).text


# --- There and back ---------------------------------------------------------------------------------------


@pytest.fixture
def fleet() -> None:
    sites = [make_site("North, „lot“"), make_site("=1+1"), None]
    for number, name in enumerate(HOSTILE):
        make_camera(
            name,
            site=sites[number % 3],
            location=name,
            notes=f"{name}\n{name}\r\n\tend" if number % 2 else "",
            connection_string=f"rtsp://u{number}:p%40{number}'@10.0.0.{number}/s?x={number}",
            zone_config=ZONES if number % 2 else {},
            model_config={"note": name, "n": [1, 1.0, True, None]},
            desired_state="running" if number % 3 else "stopped",
        )
    make_camera("twin")
    make_camera("twin", notes="=1")


@pytest.mark.parametrize("with_credentials", [False, True], ids=["redacted", "in clear"])
# Frigate's tells cameras apart by their names alone: it has a test of its own.
@pytest.mark.parametrize("target", [source for source in IMPORTED if source is not Format.FRIGATE])
def test_an_export_that_is_imported_again_changes_nothing(
    fleet: None, target: Format, with_credentials: bool
) -> None:
    text = export(target, with_credentials)

    assert set(effects(plan_of(text, target))) == {"unchanged"}
    assert set(effects(plan_of(b"\xef\xbb\xbf" + text.encode(), target))) == {"unchanged"}


def test_a_frigate_export_that_is_imported_again_changes_nothing(fleet: None) -> None:
    remove(Camera.objects.filter(name="twin"))

    plan = plan_of(export(Format.FRIGATE, True), Format.FRIGATE)

    assert [
        (planned.name, planned.faults, planned.diff) for planned in plan.rows if planned.effect != Effect.UNCHANGED
    ] == []


def test_an_export_moves_a_fleet_to_an_empty_service_with_its_ids(fleet: None) -> None:
    text = export(Format.JSON, with_credentials=True)
    remove(Camera.objects.all())
    DeletedCamera.objects.all().delete()
    Site.objects.all().delete()

    apply(text, Format.JSON)

    assert export(Format.JSON, with_credentials=True) == text
    assert set(Site.objects.values_list("name", flat=True)) == {"North, „lot“", "=1+1"}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_no_cell_is_a_formula_and_each_is_read_as_it_was(texts: list[str]) -> None:
    cameras = [dict.fromkeys(FIELDS, "") | {"name": "n", "notes": text} for text in texts]

    written = csv_format.write(cameras).text

    cells = [cell for row in csv.reader(io.StringIO(written, newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))] == []
    assert [row.values["notes"] for row in csv_format.read(written)] == texts
    assert [row.values["notes"] for row in json_format.read(json_format.write(cameras).text)] == texts


@pytest.mark.parametrize("target", [target for target in Format if target not in WITH_CREDENTIALS_ONLY])
def test_an_export_shows_no_secret_unless_it_is_asked_to(fleet: None, target: Format) -> None:
    make_camera("plain")

    assert SECRET not in export(target)
    assert AuditEntry.objects.filter(action=exports.REVEALED).count() == 0
    assert SECRET in export(target, with_credentials=True)
    assert AuditEntry.objects.filter(action=exports.REVEALED).count() == 1


@pytest.mark.parametrize("number", [1, 20])
def test_an_export_is_one_entry_of_the_trail_with_credentials_by_each_camera(
    number: int, django_assert_num_queries: Any
) -> None:
    cameras = [make_camera(f"Gate {index}") for index in range(number)]

    with django_assert_num_queries(2):
        export(Format.JSON)
    # One more for the objects of several, and the transaction around them.
    with django_assert_num_queries(4 if number == 1 else 5):
        export(Format.JSON, with_credentials=True)

    entries = AuditEntry.objects.order_by("pk").values_list("action", "object_type", "object_count")
    assert list(entries)[-2:] == [
        ("cameras.exported", "camera", number),
        ("credentials.exported", "camera", number),
    ]
    named = AuditObject.objects.filter(entry__action=exports.REVEALED).values_list("object_id", flat=True)
    assert set(named) == ({str(camera.pk) for camera in cameras} if number > 1 else set())
    assert not AuditObject.objects.exclude(entry__action=exports.REVEALED).exists()


@pytest.mark.parametrize("target", list(Format))
def test_a_viewer_exports_no_connection_string_in_clear(target: Format) -> None:
    make_camera("Gate")

    with pytest.raises(exports.ExportRefused):
        export(target, with_credentials=True, principal=VERA)
    assert AuditEntry.objects.filter(action=exports.REVEALED).count() == 0


def test_what_mediamtx_cannot_read_is_named_in_its_file_and_by_the_command(capsys: Any) -> None:
    make_camera("Gate")
    empty = make_camera("empty", connection_string="rtsp://admin:@10.0.0.9/a")

    paths, streams = export(Format.MEDIAMTX, True), export(Format.GO2RTC, True)
    call_command("export_cameras", "--format", "mediamtx", "--with-credentials")

    assert [path["source"] for path in yaml.safe_load(paths)["paths"].values()] == [URL]
    assert f"camera {empty.pk} “empty”" in paths.splitlines()[0]
    assert "rtsp://admin:@10.0.0.9/a" in yaml.safe_load(streams)["streams"].values()
    told = capsys.readouterr()
    assert told.err == paths.splitlines()[0].removeprefix("# ") + "\n"
    assert told.out == paths


# --- What a row means -------------------------------------------------------------------------------------


def test_a_row_is_matched_by_id_else_by_site_and_name() -> None:
    north, south = make_site("North"), make_site("South")
    by_id, by_name = make_camera("old name", site=north), make_camera("Gate", site=north)
    make_camera("Gate", site=south)
    rows = [
        {"id": str(by_id.pk), "name": "new name", "site": "South"},
        {"id": "", "name": "Gate ", "site": "North", "location": "roof"},
    ]

    plan = plan_of(csv_of(*rows).replace(",roof", ",roof").replace('"",', ","), Format.CSV)

    assert [planned.match.camera for planned in plan.rows] == [by_id, by_name]
    assert plan.rows[0].diff["site"] == {"before": "North", "after": "South"}
    assert plan.rows[0].diff["name"] == {"before": "old name", "after": "new name"}


@pytest.mark.parametrize(
    ("row", "field", "told"),
    [
        ({"name": "Gate"}, "name", "Fits 2 cameras: give its id or its site."),
        ({"name": "Twin", "site": "North"}, "name", "Fits 2 cameras: give its id."),
        ({"name": "New", "connection_string": ""}, "connection_string", "Is required."),
        ({"name": "New", "connection_string": "rtsp://u:***@h/p"}, "connection_string", "masked"),
        ({"name": "New", "connection_string": "http://u:hunter2@h/p"}, "connection_string", "scheme"),
        ({"name": "", "connection_string": URL}, "name", "Must not be empty."),
        ({"name": "New", "connection_string": URL, "id": "7"}, "id", "UUID"),
        ({"name": "New", "connection_string": URL, "desired_state": "on"}, "desired_state", "running"),
        ({"name": "New", "connection_string": URL, "expected_interval_seconds": "fast"}, "expected_interval_seconds", "whole"),
        ({"name": "New", "connection_string": URL, "zone_config": "{"}, "zone_config", "not JSON"),
        ({"name": "New", "connection_string": URL, "zone_config": '{"type":"LineString","coordinates":[[0,0]]}'}, "zone_config.coordinates", "two different"),
        ({"name": "New", "connection_string": URL, "model_config": "[]"}, "model_config", "object"),
        ({"name": "New", "connection_string": URL, "site": "a\x1bb"}, "site", "control character"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_refused_by_field_and_nothing_is_stored(
    row: dict[str, str], field: str, told: str
) -> None:
    north = make_site("North")
    make_camera("Gate", site=north)
    make_camera("Gate", site=make_site("South"))
    make_camera("Twin", site=north)
    make_camera("Twin", site=north)
    good = {"name": "Good", "connection_string": OTHER_URL}
    before = Camera.objects.count()

    plan = plan_of(csv_of(good, good | row), Format.CSV)

    assert effects(plan) == ["create", "refused"]
    [planned] = plan.having(Effect.REFUSED)
    assert planned.row.number == 3
    assert [(fault.field, told in fault.detail) for fault in planned.faults] == [(field, True)]
    with pytest.raises(PlanRefused):
        apply(csv_of(good, good | row), Format.CSV)
    assert Camera.objects.count() == before


def test_refused_rows_are_left_out_where_somebody_says_so() -> None:
    rows = [
        {"name": "Good", "connection_string": OTHER_URL, "site": "New"},
        {"name": "Bad", "connection_string": "rtsp://", "site": "Unused"},
        {"name": "Twin", "connection_string": URL},
        {"name": "Twin", "connection_string": URL},
    ]
    prepared = read_upload(Upload(json.dumps(rows).encode(), "a.json"))
    plan = prepared.plan(ANNA)

    import_plan.apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW, skips_refused=True)

    assert effects(plan) == ["create", "refused", "refused", "refused"]
    assert list(Camera.objects.values_list("name", "site__name")) == [("Good", "New")]
    assert list(Site.objects.values_list("name", flat=True)) == ["New"]


def test_a_file_of_refused_rows_is_imported_again_as_it_is_once_they_are_mended() -> None:
    rows = [
        {"name": "=Bad", "connection_string": "rtsp://u:p@", "notes": "a\nb", "zone_config": "{", "site": "North"},
        {"name": "Good", "connection_string": URL},
        {
            "name": "",
            "connection_string": "rtsp://u:p@h/x",
            "expected_interval_seconds": "ten",
            "model_config": '{"a": 1}',
        },
    ]
    prepared = read_upload(Upload(csv_of(*rows).encode(), "a.csv"))

    refused = prepared.refused_file(prepared.plan(ANNA))

    [first, second] = csv.DictReader(io.StringIO(refused))
    assert (first["name"], first["zone_config"], first["refused_line"]) == ("'=Bad", "{", "2")
    assert second["refused_because"].splitlines() == [
        "name: Must not be empty.",
        "expected_interval_seconds: Must be a whole number of seconds from 1 to 86,400.",
    ]
    again = plan_of(refused, Format.CSV)
    assert [[fault.field for fault in row.faults] for row in again.rows] == [
        ["zone_config", "connection_string"], ["name", "expected_interval_seconds"],
    ]  # fmt: skip
    mended = (
        refused.replace("rtsp://u:p@,", "rtsp://u:p@h,")
        .replace("{,", "{},")
        .replace(",ten,", ",10,")
        .replace("\r\n,", "\r\nNew,")
    )
    assert effects(plan_of(mended, Format.CSV)) == ["create", "create"]


def test_refused_rows_of_json_and_frigate_are_rows_of_a_csv_and_hold_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRIGATE_PW", SECRET)
    text = '[{"name": 7, "connection_string": "rtsp://u:typed@h/p", "zone_config": [1], "what": 1}]'
    config = "cameras: {yard: {enabled: perhaps, ffmpeg: {inputs: [{path: 'rtsp://u:{FRIGATE_PW}@h/p'}]}}}\n"

    [item], [camera] = (
        csv.DictReader(io.StringIO(prepared.refused_file(prepared.plan(ANNA))))
        for prepared in (
            read_upload(Upload(text.encode(), "a.json")),
            read_upload(Upload(config.encode(), "a.yml")),
        )
    )

    assert (item["name"], item["connection_string"], item["zone_config"]) == ("7", "rtsp://u:typed@h/p", "[1]")
    assert "“what”: There is no such field." in item["refused_because"]
    assert camera == {"name": "yard", "refused_line": "1", "refused_because": "enabled: Must be true or false."}


def test_rows_without_a_name_are_not_taken_for_the_same_camera() -> None:
    plan = plan_of(csv_of(*[{"name": "", "connection_string": URL}] * 2), Format.CSV)

    assert [fault.detail for planned in plan.rows for fault in planned.faults] == ["Must not be empty."] * 2


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"name": "A"}, {"name": "A"}], ["refused", "refused"]),
        ([{"name": "A", "site": "North"}, {"name": "A", "site": ""}], ["create", "create"]),
        ([{"name": "A", "site": "New"}, {"name": "A", "site": " New"}], ["refused", "refused"]),
        ([{"name": "Gate"}, {"name": "x", "id": "GATE"}], ["refused", "refused"]),
        ([{"name": "A", "id": "1" * 8 + "-1111-1111-1111-" + "1" * 12}, {"name": "A"}], ["refused", "refused"]),
    ],
)
def test_a_camera_that_stands_in_a_file_twice_is_refused_both_times(
    rows: list[dict[str, str]], expected: list[str]
) -> None:
    gate = make_camera("Gate", site=make_site("North"))
    filled = [{"connection_string": URL, **row} for row in rows]
    for row in filled:
        row["id"] = row.get("id", "").replace("GATE", str(gate.pk))

    plan = plan_of(json.dumps([{k: v for k, v in row.items() if v or k == "site"} for row in filled]), Format.JSON)

    assert effects(plan) == expected


def test_only_the_columns_that_are_there_are_changed() -> None:
    camera = make_camera("Gate", site=make_site("North"), notes="keep", location="keep", desired_state="running")

    apply("name;location\nGate;roof\n", Format.CSV)

    stored = Camera.objects.get()
    assert (stored.location, stored.notes, stored.site_id, stored.desired_state) == (
        "roof", "keep", camera.site_id, "running",
    )  # fmt: skip
    assert Change.objects.latest("revision").diff == {"location": {"before": "keep", "after": "roof"}}


def test_a_new_camera_is_stopped_and_at_the_site_that_was_given_for_all() -> None:
    apply(f"name\tconnection_string\nA\t{URL}\n", Format.CSV, site=make_site("North"))

    camera = Camera.objects.get()
    assert (camera.desired_state, camera.site.name if camera.site else None) == ("stopped", "North")


def test_who_is_bound_to_a_site_imports_only_there() -> None:
    north = make_site("North")
    theirs = make_camera("Gate", site=make_site("South"))
    bound = make_principal("administrator", north)
    rows = [
        {"name": "Gate", "connection_string": URL},
        {"name": "A", "connection_string": URL, "site": "South"},
        {"name": "B", "connection_string": URL, "site": "New"},
        {"name": "C", "connection_string": URL, "id": str(theirs.pk)},
    ]

    plan = plan_of(json.dumps(rows), Format.JSON, bound)

    assert effects(plan) == ["create", "refused", "refused", "refused"]
    assert plan.rows[0].match.site_id == north.pk
    assert "South" not in export(Format.CSV, principal=bound)


def test_an_import_changes_moves_and_makes_cameras_only_where_one_may() -> None:
    north, south = make_site("North"), make_site("South")
    make_camera("A", site=north)
    make_camera("B", site=south)
    one = make_holder(("administrator", north), ("viewer", south))
    rows = [
        {"name": "A", "site": "North", "notes": "x"},
        {"name": "B", "site": "South"},
        {"name": "B", "site": "South", "notes": "x"},
        {"id": str(Camera.objects.get(name="A").pk), "site": "South"},
        {"id": str(Camera.objects.get(name="A").pk), "site": "New"},
        {"name": "C", "connection_string": URL, "site": "South"},
        {"name": "D", "connection_string": URL},
        {"name": "B", "notes": ""},
    ]

    def planned(row: dict[str, Any], principal: Principal) -> tuple[str, list[str]]:
        (one,) = plan_of(json.dumps([row]), Format.JSON, principal).rows
        return one.effect.value, [fault.field for fault in one.faults]

    assert [planned(row, one) for row in rows] == [
        ("change", []),
        ("unchanged", []),
        ("refused", [""]),
        ("refused", ["site"]),
        ("refused", ["site"]),
        ("refused", ["site"]),
        ("refused", ["site"]),
        ("unchanged", []),
    ]
    both = make_principal("administrator", north, south)
    assert [planned(row, both) for row in rows] == [
        ("change", []),
        ("unchanged", []),
        ("change", []),
        ("change", []),
        ("refused", ["site"]),
        ("create", []),
        ("refused", ["site"]),
        ("unchanged", []),
    ]


def test_an_export_holds_in_clear_only_what_one_may_read_in_clear() -> None:
    north, south = make_site("North"), make_site("South")
    make_camera("A", site=north)
    make_camera("B", site=south)
    make_camera("C")
    principal = make_holder(("orchestrator", north), ("viewer", south))

    clear, redacted = export(Format.CSV, True, principal), export(Format.CSV, False, principal)

    assert [row["name"] for row in csv.DictReader(io.StringIO(clear))] == ["A"]
    assert [row["name"] for row in csv.DictReader(io.StringIO(redacted))] == ["A", "B"]


# --- Doing it ---------------------------------------------------------------------------------------------


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


# --- Files that are none ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "data", "told"),
    [
        (Format.CSV, b"", "empty"),
        (Format.CSV, b" \n\n", "empty"),
        (Format.CSV, b"name,connection_string\n", "names no camera"),
        (Format.CSV, b"\x89PNG\r\n\x1a\n\0\0", "not text in UTF-8"),
        (Format.CSV, b"name\n\0\n", "binary"),
        (Format.CSV, "name\nTür\n".encode("latin-1"), "line 2"),
        (Format.CSV, "name\nTür\n".encode("utf-16"), "UTF-16"),
        (Format.CSV, b"name,colour\nA,red\n", "“colour” (column 2)"),
        (Format.CSV, b"A,rtsp://u:hunter2@h/p\n", "(column 2)"),
        (Format.CSV, b"name,Name\nA,B\n", "twice: name"),
        (Format.CSV, b'name\nA\n"B\n', "Line 3"),
        (Format.CSV, b'name\n"A"hunter2\n', "Line 2"),
        pytest.param(Format.CSV, b"name\n" + b"x" * 2_000_000, "too large", id="a cell of 2 MB"),
        (Format.JSON, b"{", "not JSON"),
        (Format.JSON, b'{"cameras": {}}', "choose the format Frigate"),
        (Format.JSON, b"[]", "names no camera"),
        (Format.JSON, b'[{"name": "A", "name": "B"}]', "twice"),
        (Format.JSON, b'[{"name": NaN}]', "NaN"),
        pytest.param(Format.JSON, b"[" * 100_000, "nested", id="nested"),
        (Format.JSON, b'[{"name": "\\ud800"}]', "surrogate"),
        pytest.param(Format.JSON, b"[" + b"{}," * 20_000 + b"{}]", "at most 20,000", id="20,001 rows"),
        pytest.param(Format.JSON, b" " * (MAX_FILE_BYTES + 1), "larger than 32 MiB", id="too large"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_says_is_refused_as_a_whole(source: Format, data: bytes, told: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read_upload(Upload(data, "file", source))

    assert told in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_rows_of_json_name_the_field_that_is_unknown() -> None:
    plan = plan_of('[{"name": "A", "connection_string": "rtsp://h/p", "color": 1, "p w:d": 2}, 7]', Format.JSON)

    told = [[(fault.field, fault.detail) for fault in planned.faults] for planned in plan.rows]
    assert told == [
        [("“color”", "There is no such field."), ("(no plain name)", "There is no such field.")],
        [("", "Must be a JSON object."), ("name", "Is required.")][:1],
    ]


# The name of a file, its beginning, and its format.
RECOGNISED = [
    ("a.CSV", b"{", Format.CSV),
    ("a.tsv", b"", Format.CSV),
    ("a.json", b"", Format.JSON),
    ("config.yml", b"[", Format.FRIGATE),
    ("-", b"\xef\xbb\xbf [", Format.JSON),
    ("-", b"mqtt: {}\ncameras:\n", Format.FRIGATE),
    ("-", b"name,site", Format.CSV),
]


@pytest.mark.parametrize(("name", "data", "source"), RECOGNISED)
def test_the_format_is_recognised(name: str, data: bytes, source: Format) -> None:
    assert recognise(name, data) is source


def test_every_format_has_its_words_and_the_name_of_its_file() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "import.md").read_text()
    accepted = ImportForm.base_fields["file"].widget.attrs["accept"].split(",")

    assert sorted(LABELS) == sorted(SUFFIXES) == sorted(Format)
    assert {target for target in Format if SUFFIXES[target] not in (".yml", ".yaml")} == set(CONTENT_TYPES)
    assert {source for *_, source in RECOGNISED} == set(IMPORTED)
    assert [source for source in IMPORTED if SUFFIXES[source] not in accepted] == []
    assert [target for target in Format if target.lower() not in page.lower()] == []


# --- The commands -----------------------------------------------------------------------------------------


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_the_command_shows_the_plan_and_stores_it_only_when_told_to(tmp_path: Path, capsys: Any) -> None:
    make_camera("Gate")
    file = write(tmp_path, "a.csv", csv_of({"name": "Gate", "connection_string": OTHER_URL}, {"name": "N\x1b[31m", "connection_string": URL})[:-1].replace("N\x1b[31m", "New"))  # fmt: skip

    call_command("import_cameras", file, "--dry-run")
    with pytest.raises(CommandError, match="Give --yes"):
        call_command("import_cameras", file)
    assert Camera.objects.count() == 1
    call_command("import_cameras", file, "--yes")

    told = capsys.readouterr().out
    assert "change    line 2: Gate" in told
    assert "connection_string: rtsp://user:***@10.0.0.5:554/stream → rtsp://user:***@10.0.0.6/b" in told
    assert "1 to create, 1 to change, 0 unchanged, 0 refused." in told
    assert SECRET not in told
    assert "an0ther-secret" not in told
    assert Camera.objects.count() == 2
    assert Change.objects.latest("revision").by == "command:import_cameras"


def test_the_command_names_refused_rows_and_exits_with_1(tmp_path: Path, capsys: Any) -> None:
    file = write(
        tmp_path, "a.json", json.dumps([{"name": "\x1b[31mred\u202e"}, {"name": "B", "connection_string": URL}])
    )

    with pytest.raises(CommandError, match="leave them out with --skip-refused") as refused:
        call_command("import_cameras", file, "--yes")

    told = capsys.readouterr().out
    assert refused.value.returncode == 1
    assert "refused   item 1: \\x1b[31mred\\u202e" in told
    assert "          connection_string: Is required." in told
    assert "\x1b" not in told
    assert Camera.objects.count() == 0


def test_the_command_leaves_refused_rows_out_when_it_is_told_to(tmp_path: Path, capsys: Any) -> None:
    file = write(
        tmp_path,
        "a.csv",
        csv_of(
            {"name": "Good", "connection_string": URL},
            {"name": "Bad", "connection_string": "http://u:hunter2@h/p"},
        ),
    )
    refused = tmp_path / "refused.csv"

    call_command("import_cameras", file, "--skip-refused", "--refused", str(refused), "--dry-run")
    assert Camera.objects.count() == 0
    call_command("import_cameras", file, "--skip-refused", "--refused", str(refused), "--yes")

    assert list(Camera.objects.values_list("name", flat=True)) == ["Good"]
    assert capsys.readouterr().out.endswith("Stored, without the 1 refused.\n")
    assert stat.S_IMODE(refused.stat().st_mode) == 0o600
    mended = refused.read_text().replace("http://", "rtsp://")
    call_command("import_cameras", write(tmp_path, "mended.csv", mended), "--yes")
    assert set(Camera.objects.values_list("name", flat=True)) == {"Good", "Bad"}


def test_the_command_stores_nothing_of_a_file_of_10_000_refused_rows_and_tells_of_each(
    tmp_path: Path, capsys: Any
) -> None:
    rows = [
        {"name": f"Camera {n}", "connection_string": "rtsp://u:hunter2@", "zone_config": "{"}
        for n in range(10_000)
    ]
    file, refused = write(tmp_path, "a.csv", csv_of(*rows)), tmp_path / "refused.csv"

    with pytest.raises(CommandError, match="every row is refused"):
        call_command("import_cameras", file, "--skip-refused", "--yes", "--refused", str(refused))

    told = capsys.readouterr().out
    assert [told.count(words) for words in ("refused   line ", "zone_config: ", "connection_string: ")] == [
        10_000
    ] * 3
    assert "hunter2" not in told
    again = list(csv.DictReader(io.StringIO(refused.read_text())))
    assert [row["refused_line"] for row in again] == [str(n) for n in range(2, 10_002)]
    assert [{name: row[name] for name in rows[0]} for row in again] == rows
    assert (Camera.objects.count(), Change.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["/nowhere/at/all.csv"], "cannot be read"),
        (["FILE", "--site", "Nowhere"], "no site with this name"),
        (["FILE", "--format", "json"], "not JSON"),
    ],
)
def test_the_command_says_what_it_was_given_wrong(tmp_path: Path, arguments: list[str], told: str) -> None:
    file = write(tmp_path, "a.csv", "name\nA\n")

    with pytest.raises(CommandError, match=told):
        call_command("import_cameras", *[argument.replace("FILE", file) for argument in arguments])


def test_placeholders_come_from_the_environment_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "FRIGATE_SECRET").write_text("from-a-file\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("FRIGATE_USER", "viewer")
    file = write(tmp_path, "a.yml", "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n        - path: rtsp://{FRIGATE_USER}:{FRIGATE_SECRET}@h/p\n")  # fmt: skip

    call_command("import_cameras", file, "--yes", "--site", make_site("North").name)

    camera = Camera.objects.get()
    assert actions.reveal_connection_string(camera=camera, by=AUTHOR, now=NOW) == "rtsp://viewer:from-a-file@h/p"
    assert (camera.site.name if camera.site else "", camera.desired_state) == ("North", "stopped")


def test_an_exported_file_is_for_its_owner_alone(tmp_path: Path, capsys: Any) -> None:
    make_camera("Gate", site=make_site("North"))
    make_camera("Other")
    file = tmp_path / "cameras.json"
    file.touch(0o644)

    call_command("export_cameras", "--format", "json", "--with-credentials", "--site", "North", "-o", str(file))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [(one["name"], one["connection_string"]) for one in json.loads(file.read_text())] == [("Gate", URL)]
    assert AuditEntry.objects.get(action=exports.REVEALED).by == "command:export_cameras"
    assert SECRET not in capsys.readouterr().out
    with pytest.raises(CommandError, match="Give --with-credentials"):
        call_command("export_cameras", "--format", "frigate")


def test_a_database_that_is_busy_is_told_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**values: Any) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    monkeypatch.setattr(actions, "save_cameras", busy)
    file = write(tmp_path, "a.csv", csv_of({"name": "New", "connection_string": URL, "site": "Harbour"}))

    with pytest.raises(CommandError, match="busy"):
        call_command("import_cameras", file, "--yes")

    assert (Camera.objects.count(), Site.objects.count()) == (0, 0)
