"""What people may decide about a camera or a site, judged by the rules of `fields`, for every endpoint.

`clean_camera` and `clean_site` take parsed JSON and return the values that the actions store.
"""

from collections.abc import Mapping
from typing import Any

from cameras import geometry, rules
from cameras.fields import CAMERA_FIELDS, SITE_FIELDS, Field, by_name
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, shown_name

READ_ONLY_OF_CAMERA = (
    "id", "status", "status_reason", "status_since", "address", "last_contact", "latest", "generation",
    "observed_generation", "conditions", "report", "placement", "created_at", "updated_at",
)  # fmt: skip

_CAMERA = by_name(CAMERA_FIELDS)
_SITE = by_name(SITE_FIELDS)


class InvalidIntent(ValueError):
    """What is wrong with each field. Never repeats a value."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in errors))
        self.errors = errors


def clean_camera(values: object, *, stored_redacted: str | None = None) -> dict[str, Any]:
    """The values to store: `site` as an id, `connection_string` as an RtspUrl. Raises InvalidIntent.

    `stored_redacted` is the redacted connection string of the camera that is edited: sent back unchanged, it
    keeps what is stored. None stands for a new camera, which must have a name and a connection string.
    """
    values = _object(values)
    if stored_redacted is not None and values.get("connection_string") == stored_redacted:
        values = {name: value for name, value in values.items() if name != "connection_string"}
    return _clean(values, _CAMERA, READ_ONLY_OF_CAMERA, is_new=stored_redacted is None)


def clean_site(values: object, *, new: bool) -> dict[str, Any]:
    """The values of a site to store. Raises InvalidIntent."""
    return _clean(_object(values), _SITE, ("id",), is_new=new)


def _object(values: object) -> dict[str, object]:
    if not isinstance(values, dict):
        raise InvalidIntent([FieldError("", "The body must be a JSON object.")])
    if not values:
        raise InvalidIntent([FieldError("", "The body names no field.", ErrorCode.REQUIRED)])
    return values


def _clean(
    values: Mapping[str, object], fields: Mapping[str, Field], read_only: tuple[str, ...], *, is_new: bool
) -> dict[str, Any]:
    required = [name for name, field in fields.items() if field.is_required and is_new]
    errors = [FieldError(name, "Is required.", ErrorCode.REQUIRED) for name in required if name not in values]
    cleaned = {}
    for name, value in values.items():
        if name in read_only:
            errors.append(FieldError(name, "Is read-only.", ErrorCode.READ_ONLY))
        elif name not in fields:
            errors.append(FieldError(shown_name(name), "There is no such field.", ErrorCode.UNKNOWN))
        else:
            try:
                cleaned[name] = fields[name].rule(value)
            except rules.InvalidValue as error:
                errors.append(FieldError(name, str(error), error.code))
            except geometry.InvalidZones as error:
                errors += [
                    FieldError(".".join(filter(None, (name, problem.path))), problem.detail)
                    for problem in error.problems
                ]
    if errors:
        raise InvalidIntent(errors)
    return cleaned
