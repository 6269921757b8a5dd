"""Entries of the audit trail as CSV that is safe in a spreadsheet."""

import csv
import io
from collections.abc import Iterable

from controlplane.access.models import AuditEntry
from controlplane.encoding import moment_text
from controlplane.spreadsheets import neutralised

COLUMNS = (
    "id", "at", "by", "principal", "via", "address", "request_id", "client_request_id", "action", "object_type",
    "object_id", "object_name", "object_count", "fields", "before", "after",
)  # fmt: skip
LISTS = ("fields", "before", "after")


def csv_of(entries: Iterable[AuditEntry]) -> str:
    """One line an entry under the names of the columns; moments are in UTC."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow([neutralised(_cell(entry, name)) for name in COLUMNS])
    return file.getvalue()


def _cell(entry: AuditEntry, name: str) -> str:
    value = getattr(entry, name)
    if name == "at":
        return moment_text(value)
    return "; ".join(map(str, value or ())) if name in LISTS else str(value)
