"""Query parameters, paths and conditions of the API, read strictly: what is unknown or given twice is a 400."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

import msgspec
from django.http import QueryDict

from cameras.change_feed import Cursor, parse_cursor
from cameras.rules import parse_uuid
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, Problem, shown_name
from controlplane.strict_json import fault_of_text

FOREIGN_CURSOR = "Is not one that was given by a page before."
MAY_BE_EMPTY = ("search", "zone")


def within(least: int, most: int) -> dict[str, Any]:
    """The schema of a whole number with its bounds, for the OpenAPI document."""
    return {"type": "integer", "minimum": least, "maximum": most}


ID = {"type": "string", "format": "uuid"}
NOT_EMPTY = {"type": "string", "minLength": 1}


def refuse(field: str, detail: str, code: ErrorCode = ErrorCode.INVALID) -> NoReturn:
    raise Problem(400, f"{field}: {detail}", [FieldError(field, detail, code)])


def only(query: QueryDict, allowed: Collection[str]) -> None:
    """Raises Problem 400 for a parameter that is not allowed, or that is given twice or empty."""
    for name, values in query.lists():
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            refuse(shown_name(name), f"There is no such query parameter here; known: {known}.", ErrorCode.UNKNOWN)
        if fault := fault_of_text("".join(values)):
            refuse(name, fault)
        if "\ufffd" in "".join(values):  # what Django puts in the place of bytes that are no text
            refuse(name, "Is not UTF-8.")
        if len(values) > 1:
            refuse(name, "The parameter is given twice.", ErrorCode.REPEATED)
        if values == [""] and name not in MAY_BE_EMPTY:
            refuse(name, "Must not be empty; leave the parameter out.")


def whole_number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """The parameter as an integer within bounds, or its default. Raises Problem 400."""
    text = query.get(name)
    if text is None:
        return default
    detail = f"Must be a whole number from {least:,} to {most:,}."
    if not re.fullmatch(r"[0-9]{1,9}", text):
        refuse(name, detail)
    if not least <= int(text) <= most:
        refuse(name, detail, ErrorCode.OUT_OF_RANGE)
    return int(text)


def one_of(query: Mapping[str, str], name: str, default: str | None, choices: Collection[str]) -> str | None:
    value = query.get(name)
    if value is not None and value not in choices:
        refuse(name, f"Must be one of {', '.join(choices)}.")
    return value if value is not None else default


def id_in_path(text: str, field: str = "id") -> UUID:
    """The UUID of a path. Raises Problem 404: nothing can stand under another text."""
    found = parse_uuid(text)
    if found is None:
        raise Problem(404, f"{field}: Is not a UUID.", [FieldError(field, "Is not a UUID.")])
    return found


def epoch_of(text: str) -> int:
    """The epoch of a claim. Raises Problem 400."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        refuse("epoch", "Must be a whole number from 0 on.")
    return int(text)


def page_cursor(values: list[Any]) -> str:
    """Where the next page begins, as an opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def read_page_cursor(text: str, kind: Any) -> Any:
    """The values of `page_cursor`, of the given type. Raises Problem 400."""
    try:
        padded = text + "=" * (-len(text) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
        refuse("cursor", FOREIGN_CURSOR)


def moment_in_cursor(value: Any) -> datetime:
    """A moment of a cursor in UTC. Raises Problem 400: a cursor is somebody's text until it is read."""
    try:
        moment = msgspec.convert(value, type=datetime)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        refuse("cursor", FOREIGN_CURSOR)


def text_in_cursor(value: Any) -> str:
    """A text of a cursor. Raises Problem 400."""
    if not isinstance(value, str) or fault_of_text(value):
        refuse("cursor", FOREIGN_CURSOR)
    return value


def revisions_of(if_match: str | None, epoch: str) -> Collection[int] | None:
    """The revisions that an If-Match header allows (RFC 9110, 13.1.1); None where it asks for nothing.

    A weak tag, a tag of another history or a text that is no tag matches nothing. Tags that compression made weak
    are strong again when they come here.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    cursors = [parse_cursor(tag) for tag in re.findall(r'(?<!W/)"([^"]*)"', if_match)]
    return [cursor.revision for cursor in cursors if cursor and cursor.epoch == epoch]


def etag_of(epoch: str, revision: int) -> str:
    return f'"{Cursor(epoch, revision)}"'
