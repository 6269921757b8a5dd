"""The operation on transitions of status, as the OpenAPI document describes it."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from cameras.api import parameters
from cameras.api.examples import CAMERA_ID
from cameras.status import STATUS_CHOICES
from controlplane.schema import Exchange, Gives, operation

DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000


class TransitionShape(serializers.Serializer):
    at = serializers.DateTimeField(help_text="The deadline that was crossed, or the contact that was noticed.")
    from_status = serializers.ChoiceField(choices=STATUS_CHOICES)
    to_status = serializers.ChoiceField(choices=STATUS_CHOICES)
    reason = serializers.CharField(
        help_text="The code with which `status_reason` began: why it failed, or which condition made it degraded."
    )
    detected_at = serializers.DateTimeField()


class Transitions(serializers.Serializer):
    """A page of a camera's changes of status."""

    camera_id = serializers.UUIDField()
    transitions = TransitionShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="Cursor of the next page, or null.")


LIST_TRANSITIONS = operation(
    "list_transitions",
    "Read how a camera's status changed",
    parameters=[
        OpenApiParameter("camera_id", parameters.ID, OpenApiParameter.PATH, description="Id of a camera."),
        OpenApiParameter("from", OpenApiTypes.DATETIME, description="The first moment, with an offset."),
        OpenApiParameter("to", OpenApiTypes.DATETIME, description="The first moment after the range."),
        OpenApiParameter(
            "limit",
            parameters.within(1, MAX_LIMIT),
            description=f"Transitions a page, {DEFAULT_LIMIT:,} by default.",
        ),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="`next` of the page before."),
    ],
    gives={200: Gives("A page, oldest first.", Transitions)},
    exchanges=[
        Exchange(
            "A day",
            {
                "camera_id": CAMERA_ID,
                "transitions": [
                    {
                        "at": "2026-03-04T11:59:00.000000Z",
                        "from_status": "pending",
                        "to_status": "healthy",
                        "reason": "reporting",
                        "detected_at": "2026-03-04T11:59:10.000000Z",
                    }
                ],
                "next": None,
            },
            {"camera_id": CAMERA_ID, "from": "2026-03-04T00:00:00Z", "to": "2026-03-05T00:00:00Z"},
        )
    ],
)
