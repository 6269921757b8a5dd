"""The operation on the audit trail, as the OpenAPI document describes it."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from cameras.api import parameters
from cameras.api.audit_shapes import AuditEntryShape
from cameras.api.examples import SITE_ID
from controlplane.schema import Exchange, Gives, operation

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
# What must agree, by the name of the parameter.
FILTERS = {
    "principal": "The id of who, such as `user:7`.",
    "by": "Who, as entries name it, such as `token:gate-1`: whoever had the name.",
    "action": "What was done, such as `user.signed_in`; with a full stop at its end, all that begin so.",
    "object": "The id of what it was done to, also as one of several.",
    "address": "The client's address.",
}

LIST_AUDIT = operation(
    "list_audit_entries",
    "Read the audit trail",
    parameters=[
        OpenApiParameter(
            "Link", str, OpenApiParameter.HEADER, response=[200], description="The next page, where there is one."
        ),
        OpenApiParameter("from", OpenApiTypes.DATETIME, description="Entries of this moment or later."),
        OpenApiParameter("to", OpenApiTypes.DATETIME, description="Entries before this moment."),
        *(OpenApiParameter(name, parameters.NOT_EMPTY, description=words) for name, words in FILTERS.items()),
        OpenApiParameter(
            "limit", parameters.within(1, MAX_LIMIT), description=f"Entries in a page, {DEFAULT_LIMIT} by default."
        ),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="From the `Link` header of the page before."),
    ],
    gives={200: Gives("The entries, the newest first.", AuditEntryShape(many=True))},
    exchanges=[
        Exchange(
            "Who has made a site",
            [
                {
                    "id": 1204,
                    "at": "2026-03-04T12:00:00.000000Z",
                    "by": "token:administrator",
                    "principal": "token:3d1c8e52-7b0a-4f6d-9c35-2e8f4a6b7d10",
                    "via": "api",
                    "address": "127.0.0.1",
                    "request_id": "5f0c2a9be1d84f6b9a3f7c1d2e4b6a80",
                    "client_request_id": "",
                    "action": "site.created",
                    "object_type": "site",
                    "object_id": SITE_ID,
                    "object_name": "North Lot",
                    "object_count": 1,
                    "fields": ["name", "timezone", "location", "latitude", "longitude"],
                    "before": None,
                    "after": None,
                }
            ],
            {"action": "site.created", "object": SITE_ID},
        )
    ],
)
