"""Changes of a camera's status over REST."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from cameras.api import parameters
from cameras.api.answers import StrictViewSet, json_answer
from cameras.models import Camera
from controlplane.time_ranges import read_range
from telemetry.alerts.api import operations
from telemetry.alerts.api.operations import DEFAULT_LIMIT, MAX_LIMIT, Transitions
from telemetry.alerts.models import Transition


class TransitionPosition(msgspec.Struct, array_like=True):
    """Where a page ended."""

    at: datetime
    id: int


class TransitionViewSet(StrictViewSet):
    """What became of cameras' health."""

    queryset = Transition.objects.all()
    serializer_class = Transitions
    lookup_field = "camera_id"
    required_permissions = {"transitions": "telemetry.view_sample"}
    query_parameters = {"transitions": ("from", "to", "limit", "cursor")}

    @operations.LIST_TRANSITIONS
    def transitions(self, request: Request, camera_id: str) -> HttpResponse:
        """Changes of a camera's status, oldest first, in pages; each at the deadline that was crossed."""
        query = request.query_params
        found = parameters.id_in_path(camera_id, "camera_id")
        self.find_camera(found, Camera.objects.only("pk"))
        start, end = read_range(query)
        limit = parameters.whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        return json_answer(_page(found, start, end, limit, query.get("cursor")))


def _page(
    camera_id: UUID, start: datetime | None, end: datetime | None, limit: int, cursor: str | None
) -> dict[str, Any]:
    rows = Transition.objects.of_camera(camera_id).between(start, end).oldest_first()
    if cursor is not None:
        position = parameters.read_page_cursor(cursor, TransitionPosition)
        rows = rows.after(parameters.moment_in_cursor(position.at), position.id)
    names = ("at", "from_status", "to_status", "reason", "detected_at")
    found = list(rows.values("pk", *names)[: limit + 1])
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = parameters.page_cursor(msgspec.to_builtins(TransitionPosition(last["at"], last["pk"])))
    return {
        "camera_id": camera_id,
        "transitions": [{name: row[name] for name in names} for row in found[:limit]],
        "next": following,
    }
