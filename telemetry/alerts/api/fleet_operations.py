"""The operation on transitions of all cameras, as the OpenAPI document describes it."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from cameras.api import parameters
from cameras.api.examples import CAMERA_ID, SITE_ID
from cameras.api.filters import NO_SITE, STATUSES
from controlplane.schema import Exchange, Gives, operation
from telemetry.alerts.api.operations import TransitionShape

DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000


class FleetTransition(TransitionShape):
    """A change of a camera's status, with how the camera was called and where it stood then."""

    camera_id = serializers.UUIDField()
    camera_name = serializers.CharField()
    site_id = serializers.UUIDField(allow_null=True)


LIST_FLEET_TRANSITIONS = operation(
    "list_fleet_transitions",
    "Read how the statuses of all cameras changed",
    parameters=[
        OpenApiParameter(
            "Link", str, OpenApiParameter.HEADER, response=[200], description="The next page, where there is one."
        ),
        OpenApiParameter("camera", parameters.ID, description="Id of a camera, also of a deleted one."),
        OpenApiParameter(
            "site",
            parameters.ID,
            description=f"Id of the site where the camera stood then; `{NO_SITE}` for cameras without one.",
        ),
        OpenApiParameter(
            "status",
            STATUSES,
            style="form",
            explode=False,
            description="What it became; several with commas between.",
        ),
        OpenApiParameter("from", OpenApiTypes.DATETIME, description="The first moment, with an offset."),
        OpenApiParameter("to", OpenApiTypes.DATETIME, description="The first moment after the range."),
        OpenApiParameter(
            "limit",
            parameters.within(1, MAX_LIMIT),
            description=f"Transitions a page, {DEFAULT_LIMIT:,} by default.",
        ),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="From the `Link` header of the page before."),
    ],
    gives={200: Gives("A page, the newest first.", FleetTransition(many=True))},
    exchanges=[
        Exchange(
            "Of one camera",
            [
                {
                    "camera_id": CAMERA_ID,
                    "camera_name": "North Lot Entrance",
                    "site_id": SITE_ID,
                    "at": "2026-03-04T11:59:00.000000Z",
                    "from_status": "pending",
                    "to_status": "healthy",
                    "reason": "reporting",
                    "detected_at": "2026-03-04T11:59:10.000000Z",
                }
            ],
            {"camera": CAMERA_ID},
        )
    ],
)
