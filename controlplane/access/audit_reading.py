"""Reading the audit trail by who, what, when and whence."""

from datetime import datetime

from django.db.models import Q, QuerySet

from controlplane.access.models import AuditEntry, AuditObject


def entries(
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    principal: str = "",
    by: str = "",
    action: str = "",
    object: str = "",
    address: str = "",
) -> QuerySet[AuditEntry]:
    """The entries from `start` on and before `end` that agree with all that is given.

    An `action` that ends with a full stop is the beginning of others; `object` is an id, also of one of several.
    """
    found = AuditEntry.objects.all()
    exact = {"at__gte": start, "at__lt": end, "principal": principal, "by": by, "address": address}
    found = found.filter(**{lookup: value for lookup, value in exact.items() if value})
    if action:
        found = found.filter(**{"action__startswith" if action.endswith(".") else "action": action})
    if object:
        among = AuditObject.objects.filter(object_id=object)
        found = found.filter(Q(object_id=object) | Q(pk__in=among.values("entry")))
    return found
