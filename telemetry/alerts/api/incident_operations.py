"""The operations on incidents, as the OpenAPI document describes them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from cameras.api import parameters
from cameras.api.examples import CAMERA, CAMERA_ID, SITE_ID
from controlplane.problem_types import INCIDENT_NOT_OPEN
from controlplane.schema import Exchange, Gives, operation
from telemetry.alerts.api.incident_shapes import (
    IncidentAcknowledgement,
    IncidentDetail,
    IncidentEntryShape,
    IncidentNote,
    IncidentShape,
)
from telemetry.alerts.incident_models import IncidentState

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
INCIDENT_ID = "5b6f3c52-1d0e-4f0a-9a51-0f4f9f0c7a10"

_ID = OpenApiParameter("id", parameters.ID, OpenApiParameter.PATH, description="Id of an incident.")
INCIDENT: dict[str, Any] = {
    "id": INCIDENT_ID,
    "key": f"camera:{CAMERA_ID}",
    "title": CAMERA["name"],
    "state": "open",
    "causes": ["camera.offline"],
    "camera_id": CAMERA_ID,
    "site_id": SITE_ID,
    "began_at": "2026-03-04T11:00:00.000000Z",
    "ended_at": None,
    "acknowledged_by": "",
    "acknowledged_at": None,
    "merged_into": None,
    "reopened": 0,
}
BEGAN: dict[str, Any] = {
    "at": "2026-03-04T11:00:00.000000Z",
    "event": "began",
    "by": "",
    "text": "North Lot Entrance is offline since 2026-03-04 11:00:00 UTC.",
}
_ACKNOWLEDGED: dict[str, Any] = {
    "state": "acknowledged",
    "acknowledged_by": "token:administrator",
    "acknowledged_at": "2026-03-04T12:00:00.000000Z",
}

LIST_INCIDENTS = operation(
    "list_incidents",
    "List incidents",
    parameters=[
        OpenApiParameter(
            "Link", str, OpenApiParameter.HEADER, response=[200], description="The next page, where there is one."
        ),
        OpenApiParameter(
            "state",
            {"type": "string", "enum": IncidentState.values},
            description="Those in this state; without it all, also those that are over.",
        ),
        OpenApiParameter("camera", parameters.ID, description="Those of this camera and of its zones."),
        OpenApiParameter("site", parameters.ID, description="Those of this site and of what stood there."),
        OpenApiParameter("from", OpenApiTypes.DATETIME, description="Those that began at this moment or later."),
        OpenApiParameter("to", OpenApiTypes.DATETIME, description="Those that began before this moment."),
        OpenApiParameter(
            "limit",
            parameters.within(1, MAX_LIMIT),
            description=f"Incidents in a page, {DEFAULT_LIMIT} by default.",
        ),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="From the `Link` header of the page before."),
    ],
    gives={200: Gives("The incidents, the newest first.", IncidentShape(many=True))},
    exchanges=[Exchange("What is open", [INCIDENT], {"state": "open"})],
)

GET_INCIDENT = operation(
    "get_incident",
    "Read an incident",
    parameters=[_ID],
    gives={200: Gives("The incident with its timeline.", IncidentDetail)},
    exchanges=[Exchange("A camera is offline", INCIDENT | {"timeline": [BEGAN]}, {"id": INCIDENT_ID})],
)

ACKNOWLEDGE_INCIDENT = operation(
    "acknowledge_incident",
    "Acknowledge an incident",
    takes=IncidentAcknowledgement,
    parameters=[_ID],
    gives={200: Gives("The incident with its timeline.", IncidentDetail)},
    exchanges=[
        Exchange(
            "On my way",
            INCIDENT
            | _ACKNOWLEDGED
            | {
                "timeline": [
                    BEGAN,
                    {
                        "at": "2026-03-04T12:00:00.000000Z",
                        "event": "acknowledged",
                        "by": "token:administrator",
                        "text": "I am on my way.",
                    },
                ]
            },
            {"id": INCIDENT_ID},
            {"note": "I am on my way."},
        )
    ],
    problems=[INCIDENT_NOT_OPEN],
)

ADD_NOTE = operation(
    "add_incident_note",
    "Write a note to an incident",
    takes=IncidentNote,
    parameters=[_ID],
    gives={201: Gives("The note.", IncidentEntryShape)},
    exchanges=[
        Exchange(
            "What it was",
            {
                "at": "2026-03-04T12:00:00.000000Z",
                "event": "note",
                "by": "token:administrator",
                "text": "The switch in the cellar had no power.",
            },
            {"id": INCIDENT_ID},
            {"note": "The switch in the cellar had no power."},
            status=201,
        )
    ],
)
