"""The range of time that an address asks for, `from` and `to`, once for every door. Must not import models."""

from collections.abc import Mapping
from datetime import datetime

from cameras.api import parameters
from telemetry import wire


def read_range(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """Its start and end in UTC, None where that side is left open. Refuses with 400 what is no range."""
    start, end = _moment(query, "from"), _moment(query, "to")
    if start and end and start >= end:
        parameters.refuse("to", "Must be later than `from`.")
    return start, end


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        return wire.read_timestamp(query[name])
    except wire.InvalidEvent as error:
        parameters.refuse(name, f"{error.detail} (A + in an address is written %2B.)")
