"""DRF's permissions: deny by default. A view says by `required_permissions` what each action takes."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

# Who may read sites: every role of people, and no worker. The metrics count the whole fleet.
MAY_READ_DOCS = "cameras.view_site"


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
    """Who may read sites may read the schema, the docs and the metrics."""

    message = MayPerformAction.message

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.user is not None and request.user.has_perm(MAY_READ_DOCS)
