"""CSV as spreadsheets and scripts write it, read for what was meant."""

import pytest

from cameras.transfer.files import csv_format
from cameras.transfer.files.rows import UnreadableFile, text_of

HEADINGS = "name;connection_string;expected_interval_seconds\r\n"
ROW = "Gate;rtsp://h/x;10\r\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEADINGS + ROW, 2),
        ("sep=;\r\n" + HEADINGS + ROW, 3),
        ("SEP=;\n" + HEADINGS + ROW, 3),
        ('"sep=;"\r' + HEADINGS + ROW, 3),
        ("\r\nsep=;\r\n\r\n" + HEADINGS + ROW, 5),
        ("sep=^\r\n" + (HEADINGS + ROW).replace(";", "^"), 3),
        ("sep=\t\r\n" + (HEADINGS + ROW).replace(";", "\t"), 3),
        ("\n \n\r\n" + HEADINGS + "\n" + ROW, 6),
        (";;\r\n ; ; \r\n" + HEADINGS + ROW, 4),
        ("\ufeff\ufeff" + HEADINGS + ROW, 2),
        ("\ufeff\ufeffsep=;\n" + HEADINGS + ROW, 3),
        (" name ; Connection String;EXPECTED interval seconds \n  Gate ; rtsp://h/x ;\u00a010 \n", 2),
        (HEADINGS + ' "Gate"; "rtsp://h/x" ;  "10"\n', 2),
        ("sep=;\n\ufeff" + HEADINGS + ROW, 3),
        (HEADINGS + "Gate;rtsp://h/x;10.0\r\n", 2),
        (HEADINGS + "Gate;rtsp://h/x;10,00\r\n", 2),
        (HEADINGS + "Gate;rtsp://h/x;10.\r\n", None),
        (HEADINGS + "Gate;rtsp://h/x;10.5\r\n", None),
        (HEADINGS + "Gate;rtsp://h/x;1.000\r\n", None),
    ],
)
def test_what_a_spreadsheet_adds_is_no_part_of_a_camera(text: str, line: int | None) -> None:
    [row] = csv_format.read(text_of(text.encode()))

    whole = {"name": "Gate", "connection_string": "rtsp://h/x", "expected_interval_seconds": 10}
    assert (row.values == whole) == (line is not None)
    assert line in (row.number, None)


def test_spaces_around_a_value_are_none_of_it_but_in_notes() -> None:
    [row] = csv_format.read(
        'name,site,location,desired_state,notes,model_config\n A , B , C , running , D , {"a": 1} \n'
    )

    assert row.values == {
        "name": "A", "site": "B", "location": "C", "desired_state": "running", "notes": " D ", "model_config": {"a": 1},
    }  # fmt: skip


def test_a_fault_of_the_headings_is_told_with_their_line() -> None:
    with pytest.raises(UnreadableFile, match=r"Line 3 has unknown columns: “colour” \(column 2\)"):
        csv_format.read("sep=,\n\nname,colour\nA,red\n")
