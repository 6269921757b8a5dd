"""What a row of an import means, which are refused, and what may be imported and exported by whom."""

import csv
import io
import json
from typing import Any

import pytest

from cameras.models import Camera, Change, Site
from cameras.transfer import plan as import_plan
from cameras.transfer.files.formats import Format
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import Effect, PlanRefused
from controlplane.access.principals import Principal
from tests.cameras.transfer.plans import ANNA, OTHER_URL, apply, csv_of, effects, export, plan_of
from tests.factories import AUTHOR, NOW, SECRET, URL, make_camera, make_holder, make_principal, make_site

pytestmark = pytest.mark.django_db


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
