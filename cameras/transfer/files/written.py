"""A file as it was written, and what is not in it because its program cannot take it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class LeftOut(NamedTuple):
    """A camera that is not in a file, or one zone of it, and why."""

    camera: Mapping[str, Any]
    reason: str
    zone: str = ""

    def __str__(self) -> str:
        of_zone = f"zone {self.zone} of " if self.zone else ""
        return f"Left out, since {self.reason}: {of_zone}camera {self.camera['id']} “{self.camera['name']}”."


class Written(NamedTuple):
    text: str
    left_out: Sequence[LeftOut] = ()


def comments(left_out: Iterable[LeftOut]) -> str:
    """A line of YAML for each that is only ever a comment, whatever the camera is called."""
    return "".join(f"# {_harmless(str(one))}\n" for one in left_out)


def _harmless(text: str) -> str:
    printable = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
    return printable.replace("${", "$\\u007b")  # go2rtc fills these everywhere in the file
