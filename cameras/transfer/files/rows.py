"""What a file says of cameras, row by row, whatever its format; and what every file is held to."""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cameras.fields import CAMERA_FIELDS

# A request to the admin carries 4 MiB, and the file once more, sealed, when its plan is confirmed. The command
# takes larger files.
MAX_UPLOAD_BYTES = 3 * 1024 * 1024
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_ROWS = 20_000

# What can be said of a camera. `site` is the site's name.
FIELDS = ("id", *(field.name for field in CAMERA_FIELDS))

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,39}")


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; the text says why and where, and repeats nothing of it."""


class Fault(NamedTuple):
    """What is wrong with one field of a row; the empty name stands for the row as a whole."""

    field: str
    detail: str


@dataclass(slots=True)
class Row:
    """One camera of a file. `values` holds just what the file tells; `number` is its line or its place.

    A value of a field that `faults` name may be whatever stood there.
    """

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def refuse(self, name: str, detail: str) -> None:
        self.faults.append(Fault(name, detail))


def text_of(data: bytes) -> str:
    """The file as text. Raises UnreadableFile for what is no text in UTF-8."""
    if not data.strip():
        raise UnreadableFile("The file is empty.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile("The file is UTF-16. Save it as UTF-8.")
    try:
        text = data.decode().lstrip("\ufeff")  # two of them where files with one were put together
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(f"The file is not text in UTF-8 (line {line}). Save it as UTF-8.") from None
    if "\0" in text:
        raise UnreadableFile("The file is binary, not text: it holds NUL characters.")
    return text


def shown_key(name: str) -> str:
    """A key or a heading as a message may repeat it: what is no plain name could be a secret."""
    return f"“{name}”" if _PLAIN_NAME.fullmatch(name) else "(no plain name)"


def check_count(count: int) -> None:
    """Raises UnreadableFile for more rows than one file may have, or none."""
    if not count:
        raise UnreadableFile("The file names no camera.")
    if count > MAX_ROWS:
        raise UnreadableFile(f"The file has {count:,} cameras; at most {MAX_ROWS:,} are taken at once.")
