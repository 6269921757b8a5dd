"""The audit trail over REST: what was done that is no change of intent, for administrators of the whole fleet."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cameras.api import audit_operations, newest_first
from cameras.api.answers import StrictViewSet
from cameras.api.audit_shapes import AuditEntryShape
from controlplane.access.audit_reading import entries
from controlplane.access.models import AuditEntry
from controlplane.time_ranges import read_range

SHOWN: Any = AuditEntryShape().fields


@extend_schema(tags=["access"])
class AuditViewSet(StrictViewSet):
    """What was done, by whom, from where."""

    queryset = AuditEntry.objects.none()
    serializer_class = AuditEntryShape
    required_permissions = {"list": "access.view_auditentry"}
    query_parameters = {"list": ("from", "to", *audit_operations.FILTERS, "limit", "cursor")}

    @audit_operations.LIST_AUDIT
    def list(self, request: Request) -> HttpResponse:
        """Entries of the audit trail, the newest first, in pages; for administrators of the whole fleet."""
        query = request.query_params
        start, end = read_range(query)
        wanted = {name: query[name] for name in audit_operations.FILTERS if name in query}
        return newest_first.page(
            request,
            entries(start=start, end=end, **wanted),
            "at",
            _shown,
            default_limit=audit_operations.DEFAULT_LIMIT,
            max_limit=audit_operations.MAX_LIMIT,
            key=newest_first.NUMBER,
        )


def _shown(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in SHOWN}
