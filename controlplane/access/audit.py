"""The audit trail: the one way in which an AuditEntry is written. Entries are never changed or removed."""

from collections.abc import Sequence
from datetime import datetime

from controlplane.access.models import AuditEntry
from controlplane.access.principals import Author


def record(
    *,
    by: Author,
    now: datetime,
    action: str,
    object_type: str,
    object_id: object,
    object_name: str = "",
    fields: Sequence[str] = (),
) -> None:
    """Write one entry in the caller's transaction. `fields` are names: a value may be a secret."""
    AuditEntry.objects.create(
        at=now,
        by=by.label,
        door=by.door,
        request_id=by.request_id,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        object_name=object_name,
        fields=list(fields),
    )
