"""What people may decide about a camera or a site: every field's rule, for every door.

`clean_camera` and `clean_site` take what a door received, as parsed JSON, and return values that the actions
store. No type is coerced: `"5"`, `true` and `1.0` are not integers. Must not import actions or doors.
"""

import math
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from cameras import geometry, rtsp
from cameras.models import MAX_INTERVAL_SECONDS, DesiredState
from controlplane.problems import FieldError, shown_name

MAX_MODEL_CONFIG_BYTES = 64 * 1024
MAX_MODEL_CONFIG_DEPTH = 32
MAX_NAME = 200
MAX_LOCATION = 500
MAX_NOTES = 10_000

# Control characters and the bidi controls that let one text pose as another; line ends and tabs are for notes.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_UNPRINTABLE_IN_NOTES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

READ_ONLY_OF_CAMERA = (
    "id", "status", "status_reason", "status_since", "address", "last_contact", "latest", "generation",
    "observed_generation", "created_at", "updated_at",
)  # fmt: skip


# The database of the system names its own zone too, which is another one on every machine.
_TIME_ZONES = zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}


class InvalidIntent(ValueError):
    """What is wrong with each field. Never repeats a value."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in errors))
        self.errors = errors


class _Fault(ValueError):
    """One field's fault, told by its rule."""


def _text(maximum: int, *, required: bool = False, lines: bool = False) -> Callable[[object], str]:
    unprintable = _UNPRINTABLE_IN_NOTES if lines else _UNPRINTABLE

    def clean(value: object) -> str:
        if not isinstance(value, str):
            raise _Fault("Must be a text.")
        if unprintable.search(value):
            raise _Fault("Holds a control character or another one that cannot be shown; remove it.")
        text = unicodedata.normalize("NFC", value).strip()
        if required and not text:
            raise _Fault("Must not be empty.")
        if len(text) > maximum:
            raise _Fault(f"Is longer than {maximum:,} characters.")
        return text

    return clean


def _site_id(value: object) -> UUID | None:
    if value is None:
        return None
    site_id = parse_uuid(value)
    if site_id is None:
        raise _Fault("Must be the id of a site (a UUID) or null.")
    return site_id


def _connection_string(value: object) -> rtsp.RtspUrl:
    if not isinstance(value, str):
        raise _Fault("Must be a text: rtsp://user:password@host:port/path.")
    try:
        return rtsp.parse(value)
    except rtsp.InvalidRtspUrl as error:
        raise _Fault(error.hint) from None


def _model_config(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Fault("Must be a JSON object.")
    if _depth(value) > MAX_MODEL_CONFIG_DEPTH:
        raise _Fault(f"Is nested deeper than {MAX_MODEL_CONFIG_DEPTH} levels.")
    if len(msgspec.json.encode(value)) > MAX_MODEL_CONFIG_BYTES:
        raise _Fault(f"Is larger than {MAX_MODEL_CONFIG_BYTES // 1024} KiB.")
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
        if depth > MAX_MODEL_CONFIG_DEPTH + 1:
            break
    return depth - 1


def _desired_state(value: object) -> str:
    if not isinstance(value, str) or value not in DesiredState.values:
        raise _Fault('Must be "running" or "stopped".')
    return value


def _interval(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_INTERVAL_SECONDS:
        raise _Fault(f"Must be a whole number of seconds from 1 to {MAX_INTERVAL_SECONDS:,}.")
    return value


def _timezone(value: object) -> str:
    if not isinstance(value, str) or value not in _TIME_ZONES:
        raise _Fault("Must be a time zone by its IANA name, e.g. Europe/Berlin.")
    return value


def _degrees(limit: int) -> Callable[[object], float | None]:
    def clean(value: object) -> float | None:
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise _Fault("Must be a number of degrees or null.")
        if abs(value) > limit:
            raise _Fault(f"Must lie between -{limit} and {limit} degrees.")
        return float(value)

    return clean


_CAMERA_RULES: dict[str, Callable[[object], Any]] = {
    "name": _text(MAX_NAME, required=True),
    "site": _site_id,
    "location": _text(MAX_LOCATION),
    "connection_string": _connection_string,
    "model_config": _model_config,
    "zone_config": geometry.canonical_zones,
    "desired_state": _desired_state,
    "expected_interval_seconds": _interval,
    "notes": _text(MAX_NOTES, lines=True),
}
_SITE_RULES: dict[str, Callable[[object], Any]] = {
    "name": _text(MAX_NAME, required=True),
    "timezone": _timezone,
    "location": _text(MAX_LOCATION),
    "latitude": _degrees(90),
    "longitude": _degrees(180),
}


def clean_camera(values: object, *, stored_redacted: str | None = None) -> dict[str, Any]:
    """The values to store: `site` as an id, `connection_string` as an RtspUrl. Raises InvalidIntent.

    `stored_redacted` is the redacted connection string of the camera that is edited: sent back just so, it
    means unchanged. None stands for a new camera, which must have a name and a connection string.
    """
    values = _object(values)
    if stored_redacted is not None and values.get("connection_string") == stored_redacted:
        values = {name: value for name, value in values.items() if name != "connection_string"}
    required = () if stored_redacted is not None else ("name", "connection_string")
    return _clean(values, _CAMERA_RULES, required, READ_ONLY_OF_CAMERA)


def clean_site(values: object, *, new: bool) -> dict[str, Any]:
    """The values of a site to store. Raises InvalidIntent."""
    return _clean(_object(values), _SITE_RULES, ("name",) if new else (), ("id",))


def parse_uuid(value: object) -> UUID | None:
    """A UUID in its canonical form (RFC 9562, section 4), or None."""
    return UUID(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


def _object(values: object) -> dict[str, object]:
    if not isinstance(values, dict):
        raise InvalidIntent([FieldError("", "The body must be a JSON object.")])
    if not values:
        raise InvalidIntent([FieldError("", "The body names no field.")])
    return values


def _clean(
    values: Mapping[str, object],
    rules: Mapping[str, Callable[[object], Any]],
    required: tuple[str, ...],
    read_only: tuple[str, ...],
) -> dict[str, Any]:
    errors = [FieldError(name, "Is required.") for name in required if name not in values]
    cleaned = {}
    for name, value in values.items():
        if name in read_only:
            errors.append(FieldError(name, "Is read-only."))
        elif name not in rules:
            errors.append(FieldError(shown_name(name), "There is no such field."))
        else:
            try:
                cleaned[name] = rules[name](value)
            except _Fault as fault:
                errors.append(FieldError(name, str(fault)))
            except geometry.InvalidZones as fault:
                errors += [
                    FieldError(".".join(filter(None, (name, problem.path))), problem.detail)
                    for problem in fault.problems
                ]
    if errors:
        raise InvalidIntent(errors)
    return cleaned
