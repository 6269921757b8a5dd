"""The fleet of the document's examples, made through the API itself, with ids of its own."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from cameras.api.examples import (
    CAMERA,
    CAMERA_ID,
    DELETED_CAMERA,
    DELETED_CAMERA_ID,
    EMPTY_SITE,
    EMPTY_SITE_ID,
    SITE,
    SITE_ID,
    TOKEN,
    TOKEN_ID,
    WINDOW,
    WINDOW_ID,
)
from telemetry.alerts.api.incident_operations import INCIDENT, INCIDENT_ID

URL = "rtsp://user:pass@10.0.0.5:554/stream"
# Sends a method, a path and a body as a role, and returns the JSON of the answer.
Send = Callable[[str, str, str, Any], Any]

MADE = (
    "address",
    "status",
    "status_reason",
    "status_since",
    "conditions",
    "report",
    "placement",
    "last_contact",
    "latest",
    "generation",
    "observed_generation",
    "created_at",
    "updated_at",
)


class Ids(dict[str, str]):
    """The ids of a scene by those of the examples."""

    def in_scene(self, text: str) -> str:
        """A text of the examples with the ids of the scene."""
        for example, made in self.items():
            text = text.replace(example, made)
        return text

    def in_examples(self, text: str) -> str:
        for example, made in self.items():
            text = text.replace(made, example)
        return text


def make_incident(ids: Ids) -> dict[str, Any]:
    """The row of the incident of the examples, which nobody can send; it is among the ids then."""
    ids[INCIDENT_ID] = str(uuid4())
    columns = {name: value for name, value in INCIDENT.items() if name != "merged_into"}
    told = {name: ids.in_scene(value) if isinstance(value, str) else value for name, value in columns.items()}
    return told | {"began_at": datetime.fromisoformat(told["began_at"])}


def make_scene(send: Send, mark: str = "") -> Ids:
    """A site with a camera that reports and the token of its worker, and a site without one. A mark keeps the names of several scenes apart."""

    def register(path: str, values: Mapping[str, Any]) -> str:
        made: str = send("administrator", "POST", path, {**values, "name": values["name"] + mark})["id"]
        return made

    site = register("/sites", {name: value for name, value in SITE.items() if name != "id"})
    empty = register("/sites", {"name": EMPTY_SITE["name"]})
    decided = {name: value for name, value in CAMERA.items() if name not in ("id", *MADE)}
    camera = register("/cameras", {**decided, "site": site, "connection_string": URL})
    send("worker", "POST", f"/telemetry/{camera}", {**CAMERA["latest"], "generation": 1})
    deleted = register("/cameras", {"name": DELETED_CAMERA["name"], "site": site, "connection_string": URL})
    send("administrator", "DELETE", f"/cameras/{deleted}", None)
    bound = {"name": TOKEN["name"] + mark, "role": "worker", "cameras": [camera]}
    token = send("orchestrator", "POST", "/tokens", bound)
    muted = {name: WINDOW[name] for name in ("action", "ends", "zone", "reason")}
    window = send("administrator", "POST", "/windows", {**muted, "site": site})
    return Ids(
        {
            SITE_ID: site,
            EMPTY_SITE_ID: empty,
            CAMERA_ID: camera,
            DELETED_CAMERA_ID: deleted,
            TOKEN_ID: token["id"],
            WINDOW_ID: window["id"],
        }
    )
