"""Timestamps as RFC 3339, and the range of time that an address asks for."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from controlplane.problems import FieldError, Problem

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

# RFC 3339, section 5.6, in upper case; the year 0000 to 9999 is checked by the calendar.
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,32})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def read_range(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """Its start and end in UTC, None where that side is left open. Raises Problem 400 for what is no range."""
    start, end = _moment(query, "from"), _moment(query, "to")
    if start and end and start >= end:
        raise _refused("to", "Must be later than `from`.")
    return start, end


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        return read_timestamp(query[name])
    except ValueError as error:
        raise _refused(name, f"{error} (A + in an address is written %2B.)") from None


def _refused(name: str, detail: str) -> Problem:
    return Problem(400, f"{name}: {detail}", [FieldError(name, detail)])


def read_timestamp(text: str) -> datetime:
    """RFC 3339 with an offset, as UTC in microseconds (finer is truncated). Raises ValueError with a sentence."""
    if not _TIMESTAMP.fullmatch(text):
        raise ValueError("Must be RFC 3339 with an offset, e.g. 2024-01-01T12:00:00Z.")
    try:
        timestamp = datetime.fromisoformat(text)
        if timestamp.tzinfo is not UTC:
            timestamp = timestamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Is no moment of the calendar.") from None
    if timestamp < EARLIEST:
        raise ValueError("Must be 2000-01-01T00:00:00Z or later.")
    return timestamp
