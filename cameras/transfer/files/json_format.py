"""Cameras as JSON: an array of objects, or an object with such an array under `cameras`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cameras.transfer.files.rows import FIELDS, Row, UnreadableFile, check_count, shown_key
from cameras.transfer.files.written import Written
from controlplane import strict_json
from controlplane.problems import Problem


def parse(text: str) -> Any:
    """The value of a JSON text. Raises UnreadableFile that names the place of the fault."""
    try:
        return strict_json.parse(text.encode())
    except Problem as problem:
        raise UnreadableFile(problem.detail.replace("The body", "The text")) from None


def read(text: str) -> list[Row]:
    """The rows, numbered from 1. Raises UnreadableFile."""
    value = parse(text)
    items = value.get("cameras") if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise UnreadableFile(
            "The JSON is no list of cameras, nor an object with such a list under “cameras”. For a configuration"
            " of Frigate in JSON, choose the format Frigate."
        )
    check_count(len(items))
    return [_row(number, item) for number, item in enumerate(items, start=1)]


def _row(number: int, item: Any) -> Row:
    row = Row(number)
    if not isinstance(item, dict):
        row.refuse("", "Must be a JSON object.")
        return row
    for name, value in item.items():
        if name in FIELDS:
            row.values[name] = value
        else:
            row.refuse(shown_key(name), "There is no such field.")
    return row


def write(cameras: Iterable[Mapping[str, Any]]) -> Written:
    """An array with one camera a line, so that two exports can be compared line by line."""
    lines = ",\n".join(compact({name: camera[name] for name in FIELDS}) for camera in cameras)
    return Written(f"[\n{lines}\n]\n" if lines else "[]\n")


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
