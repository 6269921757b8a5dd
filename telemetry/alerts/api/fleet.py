"""Changes of status of all cameras over REST."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cameras.api import newest_first, parameters
from cameras.api.answers import StrictViewSet
from cameras.api.filters import NO_SITE, are_statuses
from cameras.rules import parse_uuid
from controlplane.time_ranges import read_range
from telemetry.alerts.api import fleet_operations
from telemetry.alerts.api.fleet_operations import FleetTransition
from telemetry.alerts.models import Transition
from telemetry.alerts.querysets import TransitionQuerySet

SHOWN = tuple(FleetTransition().fields)


@extend_schema(tags=["telemetry"])
class FleetTransitionViewSet(StrictViewSet):
    """What became of the health of all cameras that a principal may see."""

    queryset = Transition.objects.all()
    serializer_class = FleetTransition
    required_permissions = {"list": "telemetry.view_sample"}
    query_parameters = {"list": ("camera", "site", "status", "from", "to", "limit", "cursor")}

    @fleet_operations.LIST_FLEET_TRANSITIONS
    def list(self, request: Request) -> HttpResponse:
        """Changes of status of cameras where one may see them, the newest first, in pages."""
        return newest_first.page(
            request,
            self._wanted(request.query_params),
            "at",
            _shown,
            default_limit=fleet_operations.DEFAULT_LIMIT,
            max_limit=fleet_operations.MAX_LIMIT,
            key=newest_first.NUMBER,
        )

    def _wanted(self, query: Any) -> TransitionQuerySet:
        rows: TransitionQuerySet = Transition.objects.within(self.scope).between(*read_range(query))
        if "camera" in query:
            rows = rows.of_camera(_id(query, "camera"))
        if "site" in query:
            rows = rows.filter(site_id=None if query["site"] == NO_SITE else _id(query, "site"))
        if "status" in query:
            try:
                are_statuses(query["status"])
            except ValidationError as error:
                parameters.refuse("status", error.messages[0])
            rows = rows.filter(to_status__in=query["status"].split(","))
        return rows


def _id(query: Any, name: str) -> UUID:
    found = parse_uuid(query[name])
    if found is None:
        parameters.refuse(name, f"Must be the id of a {name} (a UUID).")
    return found


def _shown(transition: Transition) -> dict[str, Any]:
    return {name: getattr(transition, name) for name in SHOWN}
