"""Whom a person may see and edit: nobody beyond where they give roles, and nobody who holds more than they."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from controlplane.access.memberships import principal_of_user, roles_of, scope_at
from controlplane.access.models import Membership
from controlplane.access.principals import Principal


def memberships_visible_to(principal: Principal) -> QuerySet[Membership]:
    """The roles of others that the principal may see: those where they may see people."""
    scope = principal.scope_for("auth.view_user")
    return Membership.objects.all() if scope.is_whole else Membership.objects.filter(site_id__in=scope.sites)


def people_visible_to(principal: Principal) -> QuerySet[User]:
    """Those with a role where the principal may see people; everybody where that is the whole fleet."""
    if principal.scope_for("auth.view_user").is_whole:
        return User.objects.all()
    return User.objects.filter(pk__in=memberships_visible_to(principal).values("user"))


def is_within_reach(editor: Any, person: Any) -> bool:
    """Whether the editor may give all that `person`, active or not, holds: a query, where it was not read yet."""
    if person is None or editor.is_superuser:
        return True
    principal = principal_of_user(editor)
    roles = roles_of(person)
    if not roles and not principal.scope_for("auth.change_user").is_whole:
        return False
    given = (principal.may_give(role, scope_at(site_id), {}) for site_id, role in roles.items())
    return not person.is_superuser and all(given)
