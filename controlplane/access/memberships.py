"""What people may do and where: each membership gives one person a role at one site, or for the whole fleet.

Owns a person as a Principal, and every change of roles: audited before and after, never beyond what the author
holds, and with the tokens that the person made and may not give any more.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import prefetch_related_objects

from controlplane.access import audit, places, tokens
from controlplane.access.models import ApiToken, Membership
from controlplane.access.principals import (
    ADMINISTRATOR,
    ROLES_OF_PEOPLE,
    Author,
    Grant,
    Principal,
    Role,
    grants_of,
)
from controlplane.access.scope import WHOLE_FLEET, Scope

# A role by site; None is the whole fleet.
Roles = Mapping[UUID | None, Role]


def scope_at(site_id: UUID | None) -> Scope:
    """The scope of a membership."""
    return WHOLE_FLEET if site_id is None else Scope(frozenset({site_id}))


# --- Who asks ---------------------------------------------------------------------------------------------


def may_enter(user: Any) -> bool:
    """Whether somebody is a person who may use the admin, and the API by their session."""
    return bool(user.is_active and user.is_staff)


def principal_of_user(user: Any) -> Principal:
    """A person with what their memberships come to; their rows are read once for each object of a user.

    A superuser is an administrator of the whole fleet, and no worker: people post no telemetry. Who may not enter
    holds nothing.
    """
    return Principal(f"user:{user.pk}", f"user:{user.get_username()}", tuple(_grants_of(user)))


def roles_of(user: Any) -> dict[UUID | None, Role]:
    """The roles of a person by site, as they are stored, the whole fleet first."""
    if not user.pk:
        return {}
    prefetch_related_objects([user], "memberships")
    rows = sorted(user.memberships.all(), key=lambda row: (row.site_id is not None, row.pk))
    return {row.site_id: Role(row.role) for row in rows}


def _grants_of(user: Any) -> Iterable[Grant]:
    if not may_enter(user):
        return
    if user.is_superuser:
        yield Grant(ADMINISTRATOR, WHOLE_FLEET)
        return
    by_role: dict[Role, Scope] = {}
    for site_id, role in roles_of(user).items():
        by_role[role] = by_role.get(role, Scope()) | scope_at(site_id)
    for role, scope in by_role.items():
        yield from grants_of(role, scope)


# --- Giving and taking roles ------------------------------------------------------------------------------


def set_memberships(*, user: User, roles: Roles, by: Author, now: datetime) -> bool:
    """Give a person just these roles; returns whether that changed anything.

    Raises ValueError for a role that people do not have, and GivesTooMuch where the author may not give what is
    given or taken. What the person had given to tokens and may not give any more is revoked.
    """
    if unknown := [role for role in roles.values() if role not in ROLES_OF_PEOPLE]:
        raise ValueError(f"People have no role {', '.join(unknown)}.")
    with transaction.atomic():
        # In one order: else of two that change the same person each would keep what the other takes.
        User.objects.select_for_update().filter(pk=user.pk).order_by("pk").first()
        before = _stored(user)
        # In the order in which they are given: so are they shown.
        changed = [site_id for site_id in {**before, **roles} if before.get(site_id) != roles.get(site_id)]
        if not changed:
            return False
        if not all(_may_change(by.principal, before.get(place), roles.get(place), place) for place in changed):
            raise tokens.GivesTooMuch
        for site_id in changed:
            row = Membership.objects.filter(user=user, site_id=site_id)
            if site_id not in roles:
                row.delete()
            elif not row.update(role=roles[site_id]):
                Membership.objects.create(user=user, role=roles[site_id], site_id=site_id)
        _record(user, in_words(before), in_words(roles), by, now)
    _forget(user)
    revoke_beyond(user=user, by=by, now=now)
    return True


def set_superuser(*, user: User, is_superuser: bool, by: Author, now: datetime) -> None:
    """Make a person, who is saved already, a superuser or not. Raises GivesTooMuch: only who holds all may."""
    if not by.principal.may_give(Role.ADMINISTRATOR, WHOLE_FLEET, {}):
        raise tokens.GivesTooMuch
    with transaction.atomic():
        roles = _stored(user)
        if User.objects.filter(pk=user.pk).exclude(is_superuser=is_superuser).update(is_superuser=is_superuser):
            before, after = (in_words(roles, is_superuser=each) for each in (not is_superuser, is_superuser))
            _record(user, before, after, by, now)
    user.is_superuser = is_superuser
    revoke_beyond(user=user, by=by, now=now)


def leave_site(*, site_id: UUID, by: Author, now: datetime) -> None:
    """A site goes, and the memberships at it."""
    with transaction.atomic():
        people = User.objects.select_for_update(of=("self",)).filter(memberships__site_id=site_id).order_by("pk")
        for user in people:
            before = _stored(user)
            user.memberships.filter(site_id=site_id).delete()
            after = {place: role for place, role in before.items() if place != site_id}
            _record(user, in_words(before), in_words(after), by, now)


def revoke_beyond(*, user: User, by: Author, now: datetime) -> int:
    """Revoke the tokens that a person made and may not give any more: all where they may not enter.

    Returns how many. For whoever changes whether the person may enter; the changes of roles here do so themselves.
    """
    made = ApiToken.objects.filter(maker=f"user:{user.pk}", revoked_at=None).prefetch_related("bindings")
    scopes = {token: tokens.scope_of(token) for token in made}
    cameras = {camera_id for scope in scopes.values() for camera_id in scope.cameras}
    site_of = places.sites_of_cameras(cameras)
    maker = principal_of_user(user)
    beyond = [token.pk for token, scope in scopes.items() if not maker.may_give(Role(token.role), scope, site_of)]
    return tokens.revoke_tokens(ids=beyond, by=by, now=now) if beyond else 0


def remove_person(*, user: User, by: Author, now: datetime) -> None:
    """Delete a person; the tokens that they made are revoked."""
    with transaction.atomic():
        made = ApiToken.objects.filter(maker=f"user:{user.pk}", revoked_at=None).values_list("pk", flat=True)
        tokens.revoke_tokens(ids=list(made), by=by, now=now)
        user.delete()


def _may_change(principal: Principal, before: Role | None, after: Role | None, site_id: UUID | None) -> bool:
    return all(principal.may_give(role, scope_at(site_id), {}) for role in (before, after) if role)


def _stored(user: User) -> dict[UUID | None, Role]:
    rows = Membership.objects.filter(user=user).order_by("pk").values_list("site_id", "role")
    return {site_id: Role(role) for site_id, role in rows}


def _forget(user: Any) -> None:
    """Let the next question read the rows again."""
    getattr(user, "_prefetched_objects_cache", {}).pop("memberships", None)


# --- In words ---------------------------------------------------------------------------------------------


def in_words(roles: Roles, *, is_superuser: bool = False) -> list[str]:
    """Each role and where, for the audit trail, which is in English: `operator at Harbour`."""
    names = places.names_of_sites(WHOLE_FLEET) if any(roles) else {}
    said = [
        f"{role.value} of the whole fleet" if site_id is None else f"{role.value} at {names.get(site_id, site_id)}"
        for site_id, role in roles.items()
    ]
    return ["superuser", *sorted(said)] if is_superuser else sorted(said)


def _record(user: User, before: list[str], after: list[str], by: Author, now: datetime) -> None:
    audit.record_of_person(by=by, now=now, what="roles_changed", person=user, before=before, after=after)
