"""The rule of each kind of value that people may decide: parsed JSON goes in, the value to store comes out.

No type is coerced: `"5"`, `true` and `1.0` are not integers. Each rule raises InvalidValue, whose text says what
is wrong and never repeats the value.
"""

import math
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from cameras import names, rtsp
from controlplane.problem_types import ErrorCode

MAX_JSON_BYTES = 64 * 1024
MAX_JSON_DEPTH = 32

# Control characters and the bidi controls that let one text pose as another; line ends and tabs are for notes.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_UNPRINTABLE_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

# The database of the system names its own zone too, which is another one on every machine.
TIME_ZONES = zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}


class InvalidValue(ValueError):
    """Why a value is refused, in words for whoever sent it and as a code."""

    def __init__(self, detail: str, code: ErrorCode = ErrorCode.INVALID) -> None:
        super().__init__(detail)
        self.code = code


def parse_uuid(value: object) -> UUID | None:
    """A UUID in its canonical form (RFC 9562, section 4), or None."""
    return UUID(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


def text(max_length: int, *, is_required: bool, has_lines: bool) -> Callable[[object], str]:
    """The rule for a text, stored in Unicode's form C and stripped; line ends only where it `has_lines`."""
    unprintable = _UNPRINTABLE_IN_LINES if has_lines else _UNPRINTABLE

    def rule(value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValue("Must be a text.")
        if unprintable.search(value):
            raise InvalidValue("Holds a control character or another one that cannot be shown; remove it.")
        cleaned = unicodedata.normalize("NFC", value).strip()
        if is_required and not cleaned:
            raise InvalidValue("Must not be empty.", ErrorCode.REQUIRED)
        if is_required and not names.is_visible(cleaned):
            raise InvalidValue("Holds nothing that can be seen; write at least one letter, digit or sign.")
        if len(cleaned) > max_length:
            raise InvalidValue(f"Is longer than {max_length:,} characters.", ErrorCode.TOO_LARGE)
        return cleaned

    return rule


def one_of(values: Sequence[str]) -> Callable[[object], str]:
    choices = " or ".join(f'"{one}"' for one in values)

    def rule(value: object) -> str:
        if not isinstance(value, str) or value not in values:
            raise InvalidValue(f"Must be {choices}.")
        return value

    return rule


def whole_seconds(minimum: int, maximum: int) -> Callable[[object], int]:
    def rule(value: object) -> int:
        detail = f"Must be a whole number of seconds from {minimum:,} to {maximum:,}."
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue(detail)
        if not minimum <= value <= maximum:
            raise InvalidValue(detail, ErrorCode.OUT_OF_RANGE)
        return value

    return rule


def degrees(limit: int) -> Callable[[object], float | None]:
    """The rule for an angle from `-limit` to `limit`; None is unknown."""

    def rule(value: object) -> float | None:
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise InvalidValue("Must be a number of degrees or null.")
        if abs(value) > limit:
            raise InvalidValue(f"Must lie between -{limit} and {limit} degrees.", ErrorCode.OUT_OF_RANGE)
        return float(value)

    return rule


def time_zone(value: object) -> str:
    if not isinstance(value, str) or value.strip() not in TIME_ZONES:
        raise InvalidValue("Must be a time zone by its IANA name, e.g. Europe/Berlin.")
    return value.strip()


def site_id(value: object) -> UUID | None:
    """The id of a site; the action checks whether the site exists."""
    if value is None:
        return None
    parsed = parse_uuid(value)
    if parsed is None:
        raise InvalidValue("Must be the id of a site (a UUID) or null.")
    return parsed


def connection_string(value: object) -> rtsp.RtspUrl:
    if not isinstance(value, str):
        raise InvalidValue("Must be a text: rtsp://user:password@host:port/path.")
    try:
        return rtsp.parse(value)
    except rtsp.InvalidRtspUrl as error:
        raise InvalidValue(error.hint) from None


def json_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValue("Must be a JSON object.")
    if _depth(value) > MAX_JSON_DEPTH:
        raise InvalidValue(f"Is nested deeper than {MAX_JSON_DEPTH} levels.", ErrorCode.TOO_LARGE)
    if len(msgspec.json.encode(value)) > MAX_JSON_BYTES:
        raise InvalidValue(f"Is larger than {MAX_JSON_BYTES // 1024} KiB.", ErrorCode.TOO_LARGE)
    return value


def _depth(value: object) -> int:
    depth, layer = 0, [value]
    while layer:
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
        if depth > MAX_JSON_DEPTH + 1:
            break
    return depth - 1
