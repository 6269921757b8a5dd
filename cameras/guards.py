"""What actions check first: the author must hold the permission for the camera or site in question."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied

from cameras.models import Camera, DeletedCamera
from controlplane.access.principals import Principal
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError

ADD = "cameras.add_camera"
CHANGE = "cameras.change_camera"
DELETE = "cameras.delete_camera"
OPERATE = "cameras.operate_camera"
REVEAL = "cameras.reveal_camera"


class OutOfScope(PermissionDenied):
    """The author lacks the permission for this camera or site; `errors` name the field at fault, if any."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.errors = [FieldError(field, detail, ErrorCode.FORBIDDEN)]


def require(principal: Principal, permission: str, camera: Camera | DeletedCamera) -> None:
    """Raises OutOfScope where the principal does not hold the permission for this camera."""
    if not _holds(principal, permission, camera):
        raise OutOfScope("Your role may not do this with this camera.")


def require_site(principal: Principal, permission: str, site_id: UUID) -> None:
    """Raises OutOfScope where the principal does not hold the permission for this site."""
    if not principal.scope_for(permission).covers(None, site_id):
        raise OutOfScope("Your role may not do this with this site.")


def require_fleet(principal: Principal, permission: str) -> None:
    """Raises OutOfScope where the principal does not hold the permission for the whole fleet."""
    if not principal.scope_for(permission).is_whole:
        raise OutOfScope("This takes the whole fleet, and you may do it for some sites or cameras only.")


def require_place(principal: Principal, permission: str, site_id: UUID | None) -> None:
    """Raises OutOfScope where the principal may not put cameras at this site, or under none."""
    if not principal.scope_for(permission).covers(None, site_id):
        where = "at this site" if site_id else "under no site"
        raise OutOfScope(f"You may not put cameras {where}: name a site at which you may.", "site")


def require_change(principal: Principal, camera: Camera, values: Mapping[str, Any]) -> None:
    """Raises OutOfScope where the principal may not give the camera these values.

    Whoever may operate it may start and stop it. A move takes the permission at both sites; the permission for
    the camera alone is not enough.
    """
    if _holds(principal, OPERATE, camera) and not _holds(principal, CHANGE, camera):
        if values.keys() - {"desired_state"}:
            raise OutOfScope("Your role may change `desired_state` only.")
        return
    require(principal, CHANGE, camera)
    if "site" in values and values["site"] != camera.site_id:
        if not principal.scope_for(CHANGE).covers(None, camera.site_id):
            raise OutOfScope("You may not take this camera away from where it is.", "site")
        require_place(principal, CHANGE, values["site"])


def require_copy(principal: Principal, source: Camera, site_id: UUID | None) -> None:
    """Raises OutOfScope if the principal could read the connection string of the copy, but not the original's."""
    if principal.scope_for(REVEAL).covers(None, site_id) and not _holds(principal, REVEAL, source):
        detail = "You may not read that of the original, so it is not copied to this site: give one."
        raise OutOfScope(detail, "connection_string")


def _holds(principal: Principal, permission: str, camera: Camera | DeletedCamera) -> bool:
    return principal.scope_for(permission).covers(camera.pk, camera.site_id)
