"""From cameras to a file and back: nothing changes, and nothing secret is shown unasked."""

import csv
import io
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from cameras.models import Camera, DeletedCamera, Site
from cameras.transfer import exports
from cameras.transfer.files import csv_format, json_format
from cameras.transfer.files.formats import IMPORTED, WITH_CREDENTIALS_ONLY, Format
from cameras.transfer.files.rows import FIELDS
from cameras.transfer.plan import Effect
from controlplane.access.models import AuditEntry, AuditObject
from tests.cameras.transfer.plans import HOSTILE, VERA, ZONES, apply, effects, export, plan_of, remove
from tests.factories import SECRET, URL, make_camera, make_site

pytestmark = pytest.mark.django_db


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
