"""The formats by name: how a file's is recognised, and who reads and writes it."""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cameras.transfer.files import csv_format, frigate, json_format, restreamers
from cameras.transfer.files.rows import Row, text_of
from cameras.transfer.files.written import Written


class Format(enum.StrEnum):
    CSV = "csv"
    JSON = "json"
    FRIGATE = "frigate"
    MEDIAMTX = "mediamtx"
    GO2RTC = "go2rtc"


IMPORTED = (Format.CSV, Format.JSON, Format.FRIGATE)
# Of no use without the passwords.
WITH_CREDENTIALS_ONLY = (Format.FRIGATE, Format.MEDIAMTX, Format.GO2RTC)
SUFFIXES = {
    Format.CSV: ".csv",
    Format.JSON: ".json",
    Format.FRIGATE: ".yml",
    Format.MEDIAMTX: ".yml",
    Format.GO2RTC: ".yaml",
}
CONTENT_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.JSON: "application/json"}
YAML_CONTENT_TYPE = "application/yaml"


def recognise(file_name: str, data: bytes) -> Format:
    """The format that a file is in, by its name, else by how it begins."""
    name, start = file_name.lower(), data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if name.endswith((".yml", ".yaml")):
        return Format.FRIGATE
    if name.endswith(".json") or (start in (b"[", b"{") and not name.endswith((".csv", ".tsv"))):
        return Format.JSON
    if name.endswith((".csv", ".tsv", ".txt")):
        return Format.CSV
    return Format.FRIGATE if b"\ncameras:" in b"\n" + data else Format.CSV


def read(data: bytes, source: Format, placeholders: Mapping[str, str]) -> list[Row]:
    """The rows of a file. Raises UnreadableFile."""
    text = text_of(data)
    if source is Format.FRIGATE:
        return frigate.read(text, placeholders)
    return json_format.read(text) if source is Format.JSON else csv_format.read(text)


_WRITERS: dict[Format, Callable[[Iterable[Mapping[str, Any]]], Written]] = {
    Format.CSV: csv_format.write,
    Format.JSON: json_format.write,
    Format.FRIGATE: frigate.write,
    Format.MEDIAMTX: restreamers.write_mediamtx,
    Format.GO2RTC: restreamers.write_go2rtc,
}


def write(cameras: Iterable[Mapping[str, Any]], target: Format) -> Written:
    """A file of cameras, each with all `rows.FIELDS`, but for those that the program of the file cannot take."""
    return _WRITERS[target](cameras)
