"""Who asks, what each role may do, and where.

Owns the roles and the one shape that a person and a machine share. Must not import Django's auth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from controlplane.access.scope import NOWHERE, WHOLE_FLEET, Scope
from controlplane.addresses import NO_SOURCE, Source

# --- Permissions ------------------------------------------------------------------------------------------

VIEWER = frozenset(
    {
        "cameras.list_camera",
        "cameras.view_camera",
        "cameras.view_change",
        "cameras.view_site",
        "telemetry.view_sample",
        "alerts.view_incident",
    }
)
OPERATOR = VIEWER | {"cameras.operate_camera", "alerts.acknowledge_incident"}
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
}
# What nobody holds for a part of the fleet: a site that does not exist yet lies in no scope, and neither does the
# trail of what everybody did.
OF_THE_WHOLE_FLEET = frozenset({"cameras.add_site", "access.view_auditentry"})
GIVE, GIVE_TO_WORKERS = "access.add_apitoken", "access.add_workertoken"
# What no person does, and those may give who may make tokens.
OF_ORCHESTRATORS = frozenset({"cameras.place_camera", GIVE_TO_WORKERS})
ORCHESTRATOR = VIEWER | {"cameras.reveal_camera"} | OF_ORCHESTRATORS
WORKER = frozenset({"telemetry.report_sample"})
# What a worker may also do with the cameras that its token is bound to: read and watch them, and read how they are
# reached. One process then works for all of them with one token.
WORKER_WITH_ITS_CAMERAS = frozenset(
    {"cameras.list_camera", "cameras.view_camera", "cameras.view_change", "cameras.reveal_camera"}
)


class Role(TextChoices):
    """What a token is for: its name in the database, its permissions, and its name for people."""

    permissions: frozenset[str]

    def __new__(cls, name: str, permissions: frozenset[str] = frozenset()) -> Self:
        role = str.__new__(cls, name)
        role._value_ = name
        role.permissions = permissions
        return role

    VIEWER = "viewer", VIEWER, _("Viewer")
    OPERATOR = "operator", OPERATOR, _("Operator")
    ADMINISTRATOR = "administrator", ADMINISTRATOR, _("Administrator")
    WORKER = "worker", WORKER, _("Worker")
    ORCHESTRATOR = "orchestrator", ORCHESTRATOR, _("Orchestrator")


# The roles that people may have, each holding what those before it hold.
ROLES_OF_PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR)


# --- Grants -----------------------------------------------------------------------------------------------


class Grant(NamedTuple):
    """Permissions, and where they hold."""

    permissions: frozenset[str]
    scope: Scope


def grants_of(role: Role, scope: Scope) -> tuple[Grant, ...]:
    """What a role comes to within a scope: of a person there, or of a token that is bound to it."""
    grant = Grant(role.permissions if scope.is_whole else role.permissions - OF_THE_WHOLE_FLEET, scope)
    if role is Role.WORKER and not scope.is_whole:
        return grant, Grant(WORKER_WITH_ITS_CAMERAS, scope)
    return (grant,)


# --- Who asks ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a machine that asks for something.

    `id` is unique, also where two have one name: `user:7`, `token:<uuid>`.
    """

    id: str
    label: str
    grants: tuple[Grant, ...]
    _scopes: Mapping[str, Scope] = field(init=False, repr=False, compare=False)

    is_authenticated = True  # what DRF asks of `request.user`

    def __post_init__(self) -> None:
        # Once for each principal: ingest asks for each request, and principals are remembered.
        scopes: dict[str, Scope] = {}
        for permissions, scope in self.grants:
            if scope != NOWHERE:
                for permission in permissions:
                    scopes[permission] = scopes.get(permission, NOWHERE) | scope
        object.__setattr__(self, "_scopes", scopes)

    def has_perm(self, permission: str) -> bool:
        """Whether it holds the permission somewhere."""
        return permission in self._scopes

    def scope_for(self, permission: str) -> Scope:
        """Where it holds the permission: what all of its grants that contain it come to."""
        return self._scopes.get(permission, NOWHERE)

    def may_give(self, role: Role, scope: Scope, site_of: Mapping[UUID, UUID | None]) -> bool:
        """Whether it may give this role within a scope, to a token or a person: whether it may give roles there,
        and holds there all that the other will hold.

        `site_of` are the sites of the cameras that the scope names. What no person does, such as posting
        telemetry, is given by those who make tokens; who makes those of workers only gives no other role.
        """
        may_give = self.scope_for(GIVE)
        if role is Role.WORKER:
            may_give |= self.scope_for(GIVE_TO_WORKERS)
        return may_give.includes(scope, site_of) and all(
            self.scope_for(permission).includes(where, site_of)
            for permissions, where in grants_of(role, scope)
            for permission in permissions - WORKER - OF_ORCHESTRATORS
        )

    def author(self, via: str, source: Source = NO_SOURCE) -> "Author":
        return Author(self, via, source)


NOBODY = Principal("", "nobody", ())


class Author(NamedTuple):
    """Who acts: written into the change log and the audit trail, and held to what the principal may."""

    principal: Principal
    via: str
    source: Source = NO_SOURCE

    @property
    def request_id(self) -> str:
        return self.source.request_id

    @property
    def label(self) -> str:
        return self.principal.label


def in_words(label: str) -> str:
    """Whom a label of the change log or the audit trail stands for, as a sentence names them."""
    kind, _colon, name = label.partition(":")
    if kind == "user" and name:
        return name
    return str(_("the token %(name)s") % {"name": name}) if kind == "token" and name else label


def unlimited(label: str) -> Principal:
    """Who may do everything everywhere: a command, which is run by those who have the database as well."""
    return Principal(label, label, (Grant(ADMINISTRATOR, WHOLE_FLEET),))
