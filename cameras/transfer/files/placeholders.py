"""Frigate's placeholders: `{FRIGATE_NAME}`, filled from where Frigate takes them; `{{` and `}}` are braces.

Those of other programs (`{{ x }}`, `<pass>`, `$NAME`) are left by a step that did not run: they are never values.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cameras import rtsp

PREFIX = "FRIGATE_"
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_OWN = re.compile(r"\{FRIGATE_[A-Za-z0-9_]+\}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")


class MissingValue(ValueError):
    """A placeholder that cannot be filled; the text names it."""


def from_environment() -> dict[str, str]:
    """The values by name: of this process's environment, and of the secrets that are mounted for it."""
    values = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    folder = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/secrets"))
    try:
        for file in folder.glob(f"{PREFIX}*"):
            values[file.name] = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        pass  # then those are missing, and named where they are asked for
    return values


def with_own(values: Mapping[str, str], section: Any) -> dict[str, str]:
    """The values, and over them those of a configuration's own `environment_vars`."""
    own = section.items() if isinstance(section, dict) else ()
    given = {name: str(value) for name, value in own if isinstance(value, str | int | float)}
    return {**values, **{name: value for name, value in given.items() if name.startswith(PREFIX)}}


def fill(text: str, values: Mapping[str, str]) -> str:
    """The address with every placeholder filled. Raises MissingValue."""

    def filled(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        name = match[1]
        if name is None:
            raise MissingValue("Holds a single brace: write {{ or }} for one that is meant.")
        if name in values:
            return values[name]
        shown = f"{{{name}}}" if _PLAIN.fullmatch(name) else "in braces"
        detail = "set it in the environment" if name.startswith(PREFIX) else f"only {{{PREFIX}…}} are filled"
        raise MissingValue(f"The placeholder {shown} has no value: {detail}.")

    result = _TOKEN.sub(filled, text)
    if rtsp.holds_placeholder(_OWN.sub("x", text)):
        raise MissingValue(
            "Holds a placeholder of another program, as {{…}}, <…>, […] or $NAME: put the value in its place, or"
            " write {FRIGATE_…} and set that."
        )
    return result


def escaped(text: str) -> str:
    """The text so that `fill` gives it back."""
    return text.replace("{", "{{").replace("}", "}}")
