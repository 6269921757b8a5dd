"""Files that are none, and how a format is recognised."""

from pathlib import Path

import pytest

from cameras.admin.transfer.forms import LABELS, ImportForm
from cameras.transfer.files.formats import CONTENT_TYPES, IMPORTED, SUFFIXES, Format, recognise
from cameras.transfer.files.rows import MAX_FILE_BYTES, UnreadableFile
from cameras.transfer.imports import Upload, read_upload
from tests.cameras.transfer.plans import plan_of

pytestmark = pytest.mark.django_db


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
