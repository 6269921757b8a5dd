"""Each field of a camera that `cameras.fields` declares, through every endpoint; and what is written down elsewhere.

Nothing here names a field that is not special: a new one is tested as soon as it is declared.
"""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.db.models.expressions import DatabaseDefault, Value
from django.utils.text import capfirst

from cameras import actions, credentials
from cameras.admin.inputs import text_of
from cameras.api.serializers import LIST_FIELDS, CameraDetail, CameraWrite
from cameras.fields import CAMERA_FIELDS, SITE_FIELDS, Field, Kind
from cameras.intent import READ_ONLY_OF_CAMERA, clean_camera
from cameras.models import Camera, Change, Site
from cameras.transfer.exports import export_cameras
from cameras.transfer.files.formats import Format
from cameras.transfer.files.rows import FIELDS
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import apply_plan
from tests.admin_client import CAMERAS, edit, form_of, new_camera, page_of, sign_in
from tests.factories import AUTHOR, NOW, ApiClient, make_camera, make_principal

pytestmark = pytest.mark.django_db

ANNA = make_principal("administrator", name="anna")
IMPORT_DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "import.md"
each_field = pytest.mark.parametrize("field", CAMERA_FIELDS, ids=lambda field: field.name)


@dataclass(frozen=True)
class Example:
    """A value as JSON, as it is typed into a form, and a part of it that people see."""

    value: Any
    typed: str
    seen: str


def text(value: str) -> Example:
    return Example(value, value, value)


def as_json(value: Any, seen: str) -> Example:
    return Example(value, json.dumps(value), seen)


def zones(name: str) -> Example:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    return as_json({"type": "Feature", "properties": {"name": name}, "geometry": square}, name)


def two_examples(field: Field) -> tuple[Example, Example]:
    """Two values that differ; sites are made where there are none."""
    match field.kind:
        case Kind.TEXT:
            return text("Old wording"), text("New wording")
        case Kind.LINES:
            return text("Old wording\nof two lines"), text("New wording\nof two lines")
        case Kind.CHOICE:
            (one, its_label), (other, other_label), *_ = field.choices
            return Example(other, other, str(other_label)), Example(one, one, str(its_label))
        case Kind.SECONDS:
            return Example(4567, "4567", "4567"), Example(7654, "7654", "7654")
        case Kind.SITE:
            ids = [str(Site.objects.get_or_create(name=name)[0].pk) for name in ("Old place", "New place")]
            return Example(ids[0], ids[0], "Old place"), Example(ids[1], ids[1], "New place")
        case Kind.CONNECTION:
            return text("rtsp://10.0.0.7:554/old"), text("rtsp://10.0.0.8:554/new")
        case Kind.JSON:
            return as_json({"model": "oldest"}, "oldest"), as_json({"model": "newest"}, "newest")
        case Kind.ZONES:
            return zones("Old door"), zones("New door")
    raise AssertionError(f"There are no examples of {field.kind} yet: give two.")


def stored(camera: Camera, field: Field) -> Any:
    """The value that is stored, as its rule returns it."""
    camera.refresh_from_db()
    if field.kind is Kind.CONNECTION:
        return field.rule(credentials.unseal(camera.pk, camera.sealed_connection))
    return getattr(camera, field.column)


def camera_with(field: Field, example: Example) -> Camera:
    camera = make_camera()
    change(camera, field, example)
    return camera


def change(camera: Camera, field: Field, example: Example) -> None:
    values = clean_camera({field.name: example.value}, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=values, by=AUTHOR, now=NOW)


# --- Through every endpoint -------------------------------------------------------------------------------


@each_field
def test_the_api_takes_a_field_and_shows_it(administrator: ApiClient, field: Field) -> None:
    old, new = two_examples(field)
    given = {"name": "Gate", "connection_string": "rtsp://10.0.0.1/", field.name: old.value}

    camera_id = administrator.post("/cameras", given).json()["id"]
    before = administrator.get(f"/cameras/{camera_id}").json()
    after = administrator.patch(f"/cameras/{camera_id}", {field.name: new.value}).json()
    listed = administrator.get("/cameras").json()[0]

    camera = Camera.objects.get()
    assert stored(camera, field) == field.rule(new.value)
    assert before[field.name] != after[field.name] == administrator.get(f"/cameras/{camera_id}").json()[field.name]
    assert (field.name in listed) == field.is_listed
    assert listed.get(field.name, after[field.name]) == after[field.name]
    assert after["generation"] - before["generation"] == int(field.is_spec)


@each_field
def test_the_form_adds_a_field_shows_it_and_changes_it(field: Field) -> None:
    old, new = two_examples(field)
    anna, vera = sign_in("administrator", name="anna"), sign_in("viewer", name="vera")

    empty = form_of(anna.get(f"{CAMERAS}add/"), "camera_form")
    assert field.name in empty
    anna.post(f"{CAMERAS}add/", empty | new_camera(**{field.name: old.typed}))
    camera = Camera.objects.get()
    assert stored(camera, field) == field.rule(old.value)
    shown = form_of(anna.get(page_of(camera)), "camera_form")[field.name]
    assert shown == "" if field.is_secret else field.rule(_read(shown, field)) == field.rule(old.value)

    edit(anna, camera, **{field.name: new.typed})

    assert stored(camera, field) == field.rule(new.value)
    page = html.unescape(vera.get(page_of(camera)).content.decode())
    fields_of_the_page = page[page.index('id="camera_form"') :]
    assert new.seen in fields_of_the_page
    assert re.search(rf">\s*{re.escape(capfirst(str(field.label)))}\s*[:<]", fields_of_the_page)


def _read(shown: str, field: Field) -> Any:
    """What an input shows, as JSON."""
    if field.kind in (Kind.JSON, Kind.ZONES, Kind.SECONDS):
        return json.loads(shown)
    return shown.replace("\r\n", "\n")


@each_field
def test_the_history_shows_a_field_before_and_after(field: Field) -> None:
    old, new = two_examples(field)
    camera = camera_with(field, old)
    change(camera, field, new)

    page = html.unescape(sign_in("viewer", name="vera").get(f"{CAMERAS}{camera.pk}/history/").content.decode())
    row = re.search(rf'<th scope="row">{re.escape(str(field.label))}</th>(.*?)</tr>', page, re.DOTALL)

    assert row
    if field.is_secret:
        assert "secrets are not kept here" in row[1]
        assert Change.objects.latest("revision").diff[field.name].keys() == {"changed", "address"}
    else:
        assert old.seen in row[1]
        assert new.seen in row[1]


@pytest.mark.parametrize("target", [Format.CSV, Format.JSON])
@each_field
def test_a_file_takes_a_field_out_and_in_again(field: Field, target: Format) -> None:
    old, new = two_examples(field)
    camera = camera_with(field, new)

    def exported() -> str:
        return export_cameras(target=target, with_credentials=True, principal=ANNA, by=AUTHOR, now=NOW).text

    file = exported()
    assert new.seen.partition("\n")[0] in file or new.typed in file
    change(camera, field, old)
    assert exported() != file
    plan = read_upload(Upload(file.encode(), "file", target)).plan(ANNA)
    apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)

    assert exported() == file
    assert stored(camera, field) == field.rule(new.value)


# --- What is written down outside the table ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "fields", "others"),
    [
        (
            Camera,
            CAMERA_FIELDS,
            {
                "id", "sealed_connection", "address", "desired_state_at", "generation", "generation_at", "revision",
                "created_at", "updated_at", "name_key", "searched",
            },
        ),
        (Site, SITE_FIELDS, {"id", "name_key", "searched"}),
    ],
)  # fmt: skip
def test_each_column_belongs_to_a_field_or_is_no_decision(
    model: type[models.Model], fields: tuple[Field, ...], others: set[str]
) -> None:
    columns = {column.attname for column in model._meta.concrete_fields}

    assert columns - {field.column for field in fields} == others
    assert {field.column for field in fields} - columns == set()


@pytest.mark.parametrize(
    ("model", "field"),
    [(Camera, field) for field in CAMERA_FIELDS] + [(Site, field) for field in SITE_FIELDS],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", "")),
)
def test_a_column_says_what_its_field_says(model: type[models.Model], field: Field) -> None:
    column = model._meta.get_field(field.column)

    assert column.verbose_name == field.label
    assert list(column.choices or ()) == list(field.choices)
    if field.kind is Kind.TEXT:
        assert (column.max_length, column.blank) == (field.max_length, not field.is_required)
        assert column.help_text == field.help


def test_the_shapes_of_the_api_have_each_field_once() -> None:
    decided = {field.name for field in CAMERA_FIELDS}

    assert set(CameraWrite().fields) == decided
    assert set(CameraDetail().fields) == decided | set(READ_ONLY_OF_CAMERA)
    assert not decided & set(READ_ONLY_OF_CAMERA)
    assert set(LIST_FIELDS) <= set(CameraDetail().fields)


def test_the_document_of_imports_names_each_field() -> None:
    table = IMPORT_DOCUMENT.read_text().partition("\n## CSV and JSON\n")[2].partition("\n\nThe redacted")[0]
    named = [
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall("`(.+?)`", row)
    ]

    assert sorted(named) == sorted(FIELDS)


def test_a_default_that_the_database_puts_in_is_shown_in_the_form_of_a_new_row() -> None:
    note = Field(name="note", label="note", kind=Kind.TEXT, rule=str)

    assert text_of(note, Change()) == ""
    assert text_of(note, Change(note=DatabaseDefault(Value(7)))) == "7"
