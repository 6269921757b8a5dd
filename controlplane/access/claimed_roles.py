"""Which roles the claim of a provider of single sign-on gives, by OIDC_ROLE_MAP."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from controlplane.access import places
from controlplane.access.identity_provider.faults import RolesUnreadable
from controlplane.access.principals import ROLES_OF_PEOPLE, Role
from controlplane.access.scope import WHOLE_FLEET

MOST_VALUES = 1_000

log = structlog.get_logger(__name__)


def roles_in(claims: Mapping[str, Any]) -> dict[UUID | None, Role]:
    """The roles by site, None for the whole fleet, that the claims give; of several at one place the greatest.

    Values that the map does not name give nothing, and neither do sites that do not exist. Raises RolesUnreadable.
    """
    values = _values_in(claims)
    mapped = [role for value, roles in settings.OIDC_ROLE_MAP.items() if value in values for role in roles]
    sites = _sites_by_name() if any("@" in role for role in mapped) else {}
    found: dict[UUID | None, Role] = {}
    for text in mapped:
        name, at, site = text.partition("@")
        if at and site not in sites:
            log.warning("a site of OIDC_ROLE_MAP does not exist", site=site)
            continue
        site_id, role = (sites[site] if at else None), Role(name)
        found[site_id] = max(found.get(site_id, role), role, key=ROLES_OF_PEOPLE.index)
    return found


def _sites_by_name() -> dict[str, UUID]:
    """Each site by its name and by its id."""
    names = places.names_of_sites(WHOLE_FLEET)
    return {str(site_id): site_id for site_id in names} | {name: site_id for site_id, name in names.items()}


def _values_in(claims: Mapping[str, Any]) -> set[str]:
    """What the claim of roles holds: a list of texts, or one text. A claim that is not there is an empty one."""
    claim = settings.OIDC_ROLES_CLAIM
    value: Any = claims
    # As Keycloak has them: `realm_access.roles` is a claim within a claim. A name with a dot in it comes first.
    for name in [claim] if claim in claims else claim.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return set()
    if isinstance(value, str):
        return {value}
    if not isinstance(value, list):
        raise RolesUnreadable(f"the claim {claim} is a {type(value).__name__}, and no list of texts")
    if len(value) > MOST_VALUES:
        raise RolesUnreadable(f"the claim {claim} has {len(value)} entries, more than {MOST_VALUES}")
    if not all(isinstance(each, str) for each in value):
        raise RolesUnreadable(f"the claim {claim} has entries that are no texts")
    return set(value)
