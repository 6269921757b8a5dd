"""Cameras as CSV (RFC 4180): a line of headings, then one camera a row. Zones and model configuration are JSON.

A cell that a spreadsheet would take for a formula is written with an apostrophe in front, and so is one that
begins with an apostrophe; reading takes exactly those apostrophes off again.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cameras.fields import CAMERA_FIELDS, Kind
from cameras.transfer.files import json_format
from cameras.transfer.files.rows import FIELDS, Fault, Row, UnreadableFile, check_count, shown_key
from cameras.transfer.files.written import Written
from controlplane.spreadsheets import neutralised, restored

# Beside the fields, in a file of refused rows.
REFUSED_COLUMNS = ("refused_line", "refused_because")
MAX_CELL = 1024 * 1024
DELIMITERS = ",;\t|"
_KINDS = {field.name: field.kind for field in CAMERA_FIELDS}
# An empty cell of these says that there is nothing; of the other fields it says nothing.
_MAY_BE_EMPTY = (Kind.TEXT, Kind.LINES, Kind.SITE)
# Above the headings, for Excel; the line is read by no other program.
_GIVEN_DELIMITER = re.compile(r'\s*"?sep=(?P<delimiter>[^"\r\n])"?[^\S\r\n]*(?:\r\n|\r|\n)', re.IGNORECASE)
# Spreadsheets and pandas write a whole number with places; three of them could be thousands.
_WHOLE = re.compile(r"(?P<number>[0-9]{1,9})(?:[.,]0{1,2})?")

csv.field_size_limit(MAX_CELL)


def read(text: str) -> list[Row]:
    """The rows, each numbered by the line where it begins. Raises UnreadableFile."""
    lines = (line for line in _lines(text) if any(map(str.strip, line[1])))
    names = _names(*next(lines, (1, [])))
    rows = [_row(number, names, cells) for number, cells in lines]
    check_count(len(rows))
    return rows


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines with their numbers, without the one that tells Excel what stands between cells."""
    given = _GIVEN_DELIMITER.match(text)
    delimiter = given["delimiter"] if given else _delimiter(text)
    start = given.end() if given else 0
    first = len(text[:start].splitlines()) + 1
    reader = csv.reader(io.StringIO(text[start:], newline=""), delimiter=delimiter, strict=True)
    number = first
    try:
        for cells in reader:
            yield number, cells
            number = first + reader.line_num
    except csv.Error as error:
        reason = (
            "a cell is too large" if "field limit" in str(error) else "a quotation mark is not closed or doubled"
        )
        raise UnreadableFile(f"Line {number} is no CSV: {reason}.") from None


def _delimiter(text: str) -> str:
    """The one that finds the most known headings."""
    headings = re.split(r"[\r\n]", text.lstrip(f"{DELIMITERS} \r\n"), maxsplit=1)[0]
    return max(
        DELIMITERS, key=lambda delimiter: len({_name(cell) for cell in headings.split(delimiter)} & {*FIELDS})
    )


def _name(heading: str) -> str:
    return heading.strip('\ufeff \t"\u00a0').lower().replace(" ", "_")


def _names(line: int, headings: list[str]) -> list[str]:
    names = [_name(heading) for heading in headings]
    while names and not names[-1]:  # spreadsheets leave empty columns at the end
        names.pop()
    unknown = [
        f"{shown_key(heading.strip())} (column {column})"
        for column, (heading, name) in enumerate(zip(headings, names, strict=False), start=1)
        if name not in (*FIELDS, *REFUSED_COLUMNS)
    ]
    if unknown:
        raise UnreadableFile(
            f"Line {line} has unknown columns: {', '.join(unknown[:10])}. Known are: {', '.join(FIELDS)}."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableFile(f"Line {line} has columns twice: {', '.join(twice)}.")
    return names


def _row(number: int, names: list[str], cells: list[str]) -> Row:
    row = Row(number)
    if len(cells) < len(names) or any(map(str.strip, cells[len(names) :])):
        row.refuse("", f"Has {len(cells)} cells, but there are {len(names)} columns.")
    for name, cell in zip(names, cells, strict=False):
        if name in REFUSED_COLUMNS:
            continue
        kind = _KINDS.get(name)
        text = restored(cell if kind is Kind.LINES else _unquoted(cell))
        if not text.strip() and kind not in _MAY_BE_EMPTY:
            continue
        try:
            row.values[name] = _value(name, text)
        except UnreadableFile as error:
            row.refuse(name, str(error))
            row.values[name] = text  # for the file of refused rows
    return row


def _unquoted(cell: str) -> str:
    """What stands in quotes after a space: CSV knows quotes only where a cell begins with them."""
    quoted = re.fullmatch(r'\s+"((?:[^"]|"")*)"\s*', cell)
    return quoted[1].replace('""', '"') if quoted else cell


def _value(name: str, text: str) -> Any:
    match _KINDS.get(name):
        case Kind.JSON | Kind.ZONES:
            return json_format.parse(text)
        case Kind.LINES:
            return text
        case Kind.SITE:
            return text.strip() or None
        case Kind.SECONDS if whole := _WHOLE.fullmatch(text.strip()):
            return int(whole["number"])
        case _:
            return text.strip()


def write_refused(rows: Iterable[tuple[int, Mapping[str, Any], Sequence[Fault]]]) -> str:
    """Rows by their numbers, with what they tell, and beside it why they were refused; `read` passes that over."""
    refused = list(rows)
    names = [name for name in FIELDS if any(name in values for _, values, _ in refused)]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*names, *REFUSED_COLUMNS])
    for number, values, faults in refused:
        reasons = "\n".join(f"{fault.field}: {fault.detail}" if fault.field else fault.detail for fault in faults)
        writer.writerow([neutralised(_cell(text)) for text in [*map(values.get, names), number, reasons]])
    return out.getvalue()


def write(cameras: Iterable[Mapping[str, Any]]) -> Written:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(FIELDS)
    for camera in cameras:
        writer.writerow([neutralised(_cell(camera[name])) for name in FIELDS])
    return Written(out.getvalue())


def _cell(value: Any) -> str:
    if isinstance(value, dict | list):
        return json_format.compact(value)
    return "" if value is None else str(value)
