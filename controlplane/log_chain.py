"""A chain of digests over the rows of a log: a row that is removed, edited, exchanged or added is found by it.

Each digest is over the one before and over all that its row holds. What is empty is left out, so that a column
which a later version adds changes no digest of the rows before it. Who can rewrite every row can also make the
chain anew: therefore its end is to be written down elsewhere (`manage.py verify_log` prints it).
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Model


class Place(NamedTuple):
    """A row of a log by its number, and its digest. The first row of a log follows number 0."""

    number: int = 0
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


class Fault(NamedTuple):
    """Where a log is not what was written: the number of the row or `first-last` of several, and what is wrong."""

    where: str
    what: str


UNLINKED = "has no digest: it was added, or written by a version that made none"
ALTERED = "is not what was written: it was edited, exchanged or added"


class Finding(NamedTuple):
    """What a check of one log found: between which rows it reaches, the first one not included."""

    rows: int
    begins_after: Place
    end: Place
    faults: list[Fault]


class Written(NamedTuple):
    """A row by the number and the digest that it was given.

    `remade` gives the digest that it should have after another one; None where the row itself is gone. `note` is
    added to what is said of one that was altered.
    """

    number: int
    digest: str
    remade: Callable[[str], str] | None
    note: str = ""


def follow(written: Iterable[Written], begins_after: Place, newest: int) -> Finding:
    """Hold the rows of a log, in their order, against the digests that they were given, up to the newest."""
    rows, last = 0, begins_after
    faults: list[Fault] = []
    for row in written:
        rows += 1
        follows = row.number == last.number + 1
        if not follows:
            faults.append(missing(last.number + 1, row.number - 1))
        if row.remade is None:
            faults.append(missing(row.number, row.number))
        elif not row.digest:
            faults.append(Fault(str(row.number), UNLINKED))
        elif follows and row.remade(last.digest) != row.digest:
            faults.append(Fault(str(row.number), ALTERED + row.note))
        last = Place(row.number, row.digest)
    if last.number < newest:
        faults.append(missing(last.number + 1, newest))
    return Finding(rows, begins_after, last, faults)


def missing(first: int, last: int) -> Fault:
    """Rows that were written and are not there."""
    return Fault(str(first), "is missing") if first == last else Fault(f"{first}-{last}", "are missing")


def digest_of(previous: str, *rows: Model) -> str:
    """The digest, in hexadecimal, of rows that follow a digest."""
    texts = [json.dumps(_contents(row), sort_keys=True, separators=(",", ":")) for row in rows]
    return hashlib.sha256("\n".join([previous, *texts]).encode()).hexdigest()


def _contents(row: Model) -> dict[str, Any]:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: _plain(value) for name, value in values.items() if value and name != "digest"}


def _plain(value: Any) -> Any:
    """The value as both databases give it back: of a float without a fraction jsonb makes a whole number."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return str(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
