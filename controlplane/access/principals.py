"""Who asks, and what each role may do.

Owns the roles and the one shape that a person and a machine share. Must not import models or Django's auth.
"""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

VIEWER = frozenset(
    {
        "cameras.list_camera",
        "cameras.view_camera",
        "cameras.view_change",
        "cameras.view_site",
        "telemetry.view_sample",
    }
)
OPERATOR = VIEWER | {"cameras.operate_camera"}
ADMINISTRATOR = OPERATOR | {
    "cameras.add_camera",
    "cameras.change_camera",
    "cameras.delete_camera",
    "cameras.reveal_camera",
    "cameras.add_site",
    "cameras.change_site",
    "cameras.delete_site",
    "access.view_apitoken",
    "access.add_apitoken",
    "access.change_apitoken",
    "access.view_auditentry",
    "alerts.view_subscription",
    "alerts.add_subscription",
    "alerts.change_subscription",
    "alerts.delete_subscription",
    "alerts.view_delivery",
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.delete_user",
    "auth.view_group",
    "auth.change_group",
}
ORCHESTRATOR = VIEWER | {"cameras.reveal_camera"}
WORKER = frozenset({"telemetry.report_sample"})
# What a worker that is bound to one camera may do besides: read that camera and how to reach it.
WORKER_OF_ONE_CAMERA = WORKER | {"cameras.view_camera", "cameras.reveal_camera"}

ROLES = {
    "viewer": VIEWER,
    "operator": OPERATOR,
    "administrator": ADMINISTRATOR,
    "worker": WORKER,
    "orchestrator": ORCHESTRATOR,
}
GROUPS = {"Viewers": VIEWER, "Operators": OPERATOR, "Administrators": ADMINISTRATOR}


class Author(NamedTuple):
    """Who is written into the change log and the audit trail."""

    label: str
    door: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a machine that asks for something.

    `id` tells two of one name apart: `user:7`, `token:<uuid>`. `camera_id` and `site_id` bind it: a bound
    principal sees and touches only that camera or that site.
    """

    label: str
    permissions: frozenset[str]
    id: str
    camera_id: UUID | None = None
    site_id: UUID | None = None

    is_authenticated = True  # what DRF asks of `request.user`

    @property
    def is_bound(self) -> bool:
        return self.camera_id is not None or self.site_id is not None

    def has_perm(self, permission: str) -> bool:
        return permission in self.permissions

    def author(self, door: str, request_id: str = "") -> Author:
        return Author(self.label, door, request_id)
