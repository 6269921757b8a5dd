"""DRF's permissions: deny by default. A view says by `required_permissions` what each action takes."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from controlplane.access.principals import Principal

# Who may read sites: every role of people, and no worker.
MAY_READ_DOCS = "cameras.view_site"
NOT_THE_FLEET = "Only a viewer of the whole fleet may read the metrics, which count it."


def needed_for(view: Any) -> tuple[str, ...]:
    """The permissions of which the view's action takes one; none where the view does not name the action."""
    needed = view.required_permissions.get(view.action, ())
    return (needed,) if isinstance(needed, str) else tuple(needed)


class MayPerformAction(BasePermission):
    """One of the permissions that the view names for its action, somewhere; an action not named is denied.

    `required_permissions = {"list": "cameras.list_camera", "partial_update": (one, or_other)}`
    """

    message = "Your role may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.user is None:
            return False
        action = getattr(view, "action", None)
        if action in (None, "metadata"):  # no such method on this view, or OPTIONS: let the answer be 405
            return True
        return any(request.user.has_perm(permission) for permission in needed_for(view))


class MayReadDocs(BasePermission):
    """Who may read sites may read the schema and the docs."""

    message = MayPerformAction.message

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.user is not None and request.user.has_perm(MAY_READ_DOCS)


def sees_the_service(principal: Principal | None) -> bool:
    """Whether it may read how the service does: its metrics, which count the whole fleet, and what is wrong."""
    return principal is not None and principal.scope_for(MAY_READ_DOCS).is_whole


class MayReadMetrics(BasePermission):
    message = NOT_THE_FLEET

    def has_permission(self, request: Request, view: Any) -> bool:
        principal: Any = request.user
        return sees_the_service(principal)
