"""The audit trail: the one place where an AuditEntry is written. Entries are never changed or removed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from controlplane.access import audit_chain
from controlplane.access.models import AuditEntry, AuditObject
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
    before: Sequence[str] | None = None,
    after: Sequence[str] | None = None,
) -> None:
    """Write one entry in the caller's transaction. `fields` are names: a value may be a secret.

    `before` and `after` are what a person could do, in words.
    """
    entry = _entry(by, now, action, object_type, object_id, object_name, fields)
    entry.before, entry.after = before, after
    _write([entry])


def record_of_person(
    *,
    by: Author,
    now: datetime,
    what: str,
    person: Any,
    fields: Sequence[str] = (),
    before: Sequence[str] | None = None,
    after: Sequence[str] | None = None,
) -> None:
    """Write what was done to a person, such as `updated` or `signed_in`; None is a name that nobody has."""
    record(
        by=by,
        now=now,
        action=f"user.{what}",
        object_type="user",
        object_id=person.pk if person else "",
        object_name=person.get_username() if person else "",
        fields=fields,
        before=before,
        after=after,
    )


def record_count(
    *,
    by: Author,
    now: datetime,
    action: str,
    object_type: str,
    count: int,
    object_id: object = "",
    object_name: str = "",
) -> None:
    """Write one entry for so many of something, none of which it names, in the caller's transaction."""
    entry = _entry(by, now, action, object_type, object_id, object_name)
    entry.object_count = count
    _write([entry])


def record_all(
    *, by: Author, now: datetime, action: str, object_type: str, objects: Iterable[tuple[object, str]]
) -> None:
    """Write one entry for each object, an id and a name, in the caller's transaction."""
    _write([_entry(by, now, action, object_type, object_id, name) for object_id, name in objects])


def record_together(
    *, by: Author, now: datetime, action: str, object_type: str, objects: Sequence[tuple[object, str]]
) -> None:
    """Write one entry for all objects, an id and a name each, in the caller's transaction; none for no object."""
    if not objects:
        return
    entry = _entry(by, now, action, object_type, *objects[0])
    entry.object_count = len(objects)
    _write([entry], objects if len(objects) > 1 else ())


def _write(entries: Sequence[AuditEntry], objects: Sequence[tuple[object, str]] = ()) -> None:
    """`objects` are those of a single entry."""
    with transaction.atomic(savepoint=False):  # a round trip less
        AuditEntry.objects.bulk_create(entries, batch_size=500)
        AuditObject.objects.bulk_create(
            [
                AuditObject(entry=entries[0], object_id=str(object_id), object_name=name)
                for object_id, name in objects
            ],
            batch_size=500,
        )
        audit_chain.link_at_commit(entries)


def _entry(
    by: Author,
    now: datetime,
    action: str,
    object_type: str,
    object_id: object,
    object_name: str,
    fields: Sequence[str] = (),
) -> AuditEntry:
    return AuditEntry(
        at=now,
        by=by.label,
        principal=by.principal.id[:64],
        via=by.via,
        address=by.source.address,
        request_id=by.source.request_id,
        client_request_id=by.source.client_request_id,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        object_name=object_name,
        fields=list(fields),
    )
