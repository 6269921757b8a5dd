"""Tokens as machines ask for them: what may be asked, and which tokens a principal sees.

They stand with the cameras because they are bound to them, or to sites; access itself knows neither.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from cameras.intent import InvalidIntent
from cameras.models import Camera, Site
from cameras.rules import InvalidValue, one_of, parse_uuid, text
from controlplane.access.models import ApiToken, TokenBinding
from controlplane.access.principals import Principal, Role
from controlplane.access.scope import WHOLE_FLEET, Scope
from controlplane.access.tokens import default_expiry, last_expiry_of, token_id_of
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, shown_name
from controlplane.time_ranges import read_timestamp

MAX_NAME = 100
MAX_BOUND = 1_000


class WantedToken(NamedTuple):
    """A token that somebody asks for; `site_of` are the sites of the cameras in its scope."""

    name: str
    role: Role
    scope: Scope
    site_of: Mapping[UUID, UUID | None]
    expires_at: datetime | None


# --- What may be asked --------------------------------------------------------------------------------------


def _ids(value: object) -> list[UUID]:
    if not isinstance(value, list) or not value:
        raise InvalidValue("Must be an array of ids, one at least; leave it out for a token without such a bound.")
    if len(value) > MAX_BOUND:
        raise InvalidValue(f"Holds more than {MAX_BOUND:,} ids.", ErrorCode.TOO_LARGE)
    ids = [found for each in value if (found := parse_uuid(each))]
    if len(ids) < len(value):
        raise InvalidValue("Holds what is no id (a UUID).")
    return ids


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue("Must be a text, or null.")
    try:
        return read_timestamp(value)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


_RULES: Mapping[str, Callable[[object], Any]] = {
    "name": text(MAX_NAME, is_required=True, has_lines=False),
    "role": one_of(Role.values),
    "sites": _ids,
    "cameras": _ids,
    "expires_at": _moment,
}


def clean_token(said: object, *, giver: Principal, now: datetime) -> WantedToken:
    """The token that the giver asks for. It is valid for a year where it says nothing of it, and with an
    `expires_at` of null for as long as they may give.

    Raises InvalidIntent. Whether they may give its role and scope is asked by `create_token`.
    """
    if not isinstance(said, dict):
        raise InvalidIntent([FieldError("", "The body must be a JSON object.")])
    errors = [
        FieldError(name, "Is required.", ErrorCode.REQUIRED) for name in ("name", "role") if name not in said
    ]
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name not in _RULES:
            errors.append(FieldError(shown_name(name), "There is no such field.", ErrorCode.UNKNOWN))
            continue
        try:
            values[name] = _RULES[name](value)
        except InvalidValue as error:
            errors.append(FieldError(name, str(error), error.code))
    last = last_expiry_of(giver, now)
    expires_at = values.get("expires_at") or last
    if "expires_at" not in said:
        expires_at = min(filter(None, (last, default_expiry(now))))
    if expires_at and expires_at <= now:
        errors.append(FieldError("expires_at", "Lies in the past.", ErrorCode.OUT_OF_RANGE))
    elif expires_at and last and expires_at > last:
        detail = f"You may give {last:%Y-%m-%dT%H:%M:%SZ} at the latest; leave it out for the longest validity."
        errors.append(FieldError("expires_at", detail, ErrorCode.OUT_OF_RANGE))
    sites, cameras = values.get("sites", []), values.get("cameras", [])
    known = Site.objects.visible_to(giver).filter(pk__in=sites).count()
    site_of = dict(Camera.objects.visible_to(giver).filter(pk__in=cameras).values_list("pk", "site_id"))
    if known < len(set(sites)):
        errors.append(FieldError("sites", "There is no site with one of these ids.", ErrorCode.UNKNOWN_SITE))
    if len(site_of) < len(set(cameras)):
        errors.append(FieldError("cameras", "There is no camera with one of these ids.", ErrorCode.UNKNOWN_CAMERA))
    if errors:
        raise InvalidIntent(errors)
    scope = Scope(frozenset(sites), frozenset(cameras)) if sites or cameras else WHOLE_FLEET
    return WantedToken(values["name"], Role(values["role"]), scope, site_of, expires_at)


# --- Which are seen -----------------------------------------------------------------------------------------


def tokens_for(principal: Principal, permission: str) -> QuerySet[ApiToken]:
    """The tokens that reach no further than where it holds the permission, and those that a token made."""
    scope = principal.scope_for(permission)
    if scope.is_whole:
        return ApiToken.objects.all()
    bindings = TokenBinding.objects.filter(token=OuterRef("pk"))
    there = Camera.objects.filter(site_id__in=scope.sites).values("pk")
    outside = bindings.exclude(scope.as_q("camera_id", "site_id") | Q(camera_id__in=there))
    within = Q(Exists(bindings)) & ~Q(Exists(outside))
    # What a person made and may not give any more is revoked, and names what they may not see any more.
    made = Q(maker=principal.id) if token_id_of(principal) else Q(pk__in=())
    return ApiToken.objects.filter(made | within)
