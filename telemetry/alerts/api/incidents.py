"""Incidents over REST: what is open, what became of each, and what people do with them."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cameras.api import newest_first, parameters
from cameras.api.answers import StrictViewSet, clean_or_problem, json_answer, no_such
from cameras.rules import parse_uuid
from controlplane.access.authentication import author_of
from controlplane.problem_types import INCIDENT_NOT_OPEN, ErrorCode
from controlplane.problems import Problem, shown_name
from controlplane.time_ranges import read_range
from telemetry.alerts import incident_actions
from telemetry.alerts.api import incident_operations as operations
from telemetry.alerts.api.incident_shapes import IncidentEntryShape, IncidentShape
from telemetry.alerts.incident_models import Incident, IncidentEntry, IncidentState
from telemetry.alerts.querysets import IncidentQuerySet

VIEW = "alerts.view_incident"
COLUMNS = {name: field.source or name for name, field in IncidentShape().fields.items()}
ENTRY_FIELDS = tuple(IncidentEntryShape().fields)
OF = {"camera": "camera_id", "site": "site_id"}


@extend_schema(tags=["incidents"])
class IncidentViewSet(StrictViewSet):
    """Incidents of what the principal may see."""

    queryset = Incident.objects.all()
    serializer_class = IncidentShape
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    required_permissions = {
        "list": VIEW,
        "retrieve": VIEW,
        "acknowledge": incident_actions.ACKNOWLEDGE,
        "notes": incident_actions.ACKNOWLEDGE,
    }
    query_parameters = {"list": ("state", *OF, "from", "to", "limit", "cursor")}

    def get_queryset(self) -> IncidentQuerySet:
        return Incident.objects.visible_to(self.principal)

    @operations.LIST_INCIDENTS
    def list(self, request: Request) -> HttpResponse:
        """Incidents, the newest first, in pages."""
        query = request.query_params
        rows = self.get_queryset().between(*read_range(query))
        if state := parameters.one_of(query, "state", None, IncidentState.values):
            rows = rows.filter(state=state)
        for name, column in OF.items():
            if name in query:
                rows = rows.filter(**{column: _id(query[name], name)})
        return newest_first.page(
            request,
            rows,
            "began_at",
            _shown,
            default_limit=operations.DEFAULT_LIMIT,
            max_limit=operations.MAX_LIMIT,
        )

    @operations.GET_INCIDENT
    def retrieve(self, request: Request, id: str) -> HttpResponse:
        """One incident, with what became of it."""
        return json_answer(_detail(self._incident(id)))

    @operations.ACKNOWLEDGE_INCIDENT
    def acknowledge(self, request: Request, id: str) -> HttpResponse:
        """Say that somebody looks after it; one that is acknowledged stays as it is, and a note is added."""
        note = _body(request.data, required=()).get("note", "")
        how: dict[str, Any] = {"incident_id": self._incident(id).pk, "by": author_of(request), "now": self.now}
        try:
            done = self._done(lambda: incident_actions.acknowledge_incident(note=note, **how))
        except incident_actions.NotOpen as error:
            raise Problem(409, str(error), kind=INCIDENT_NOT_OPEN) from None
        return json_answer(_detail(done))

    @operations.ADD_NOTE
    def notes(self, request: Request, id: str) -> HttpResponse:
        """Write a note, also where it is over; the same note again is the one that is there."""
        text = _body(request.data, required=("note",))["note"]
        how: dict[str, Any] = {"incident_id": self._incident(id).pk, "by": author_of(request), "now": self.now}
        return json_answer(_entry(self._done(lambda: incident_actions.add_note(text=text, **how))), 201)

    def _incident(self, id: str) -> Incident:
        found: Incident | None = self.get_queryset().filter(pk=parameters.id_in_path(id)).first()
        if found is None:
            raise no_such("incident")
        return found

    def _done(self, act: Callable[[], Any]) -> Any:
        try:
            return clean_or_problem(act)
        except Incident.DoesNotExist:  # forgotten meanwhile
            raise no_such("incident") from None


def _id(text: str, name: str) -> Any:
    found = parse_uuid(text)
    if found is None:
        parameters.refuse(name, "Is not a UUID.")
    return found


def _body(data: Any, required: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, dict):
        parameters.refuse("", "The body must be a JSON object.")
    for name in data:
        if name != "note":
            parameters.refuse(shown_name(name), "There is no such field; known: note.", ErrorCode.UNKNOWN)
    for name in required:
        if name not in data:
            parameters.refuse(name, "Is required.", ErrorCode.REQUIRED)
    return data


def _shown(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, column) for name, column in COLUMNS.items()}


def _detail(incident: Incident) -> dict[str, Any]:
    return _shown(incident) | {"timeline": [_entry(entry) for entry in incident.timeline()]}


def _entry(entry: IncidentEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ENTRY_FIELDS}
