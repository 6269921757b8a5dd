"""Tokens over REST, and who asks. A token is shown once, in the answer to the request that makes it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from cameras.api import newest_first, parameters, token_operations
from cameras.api.answers import StrictViewSet, clean_or_problem, json_answer, no_such
from cameras.api.token_shapes import TokenShape
from cameras.tokens import clean_token, tokens_for
from controlplane.access import tokens
from controlplane.access.authentication import REALM, author_of
from controlplane.access.memberships import roles_of
from controlplane.access.models import ApiToken
from controlplane.access.principals import GIVE, GIVE_TO_WORKERS, ROLES_OF_PEOPLE, Role
from controlplane.access.scope import Scope
from controlplane.compression import kept_plain
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, Problem

VIEW, REVOKE = "access.view_apitoken", "access.change_apitoken"
MAX_KEY = 200


@extend_schema(tags=["access"])
class TokenViewSet(StrictViewSet):
    """The credentials of machines."""

    queryset = ApiToken.objects.all()
    serializer_class = TokenShape
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    required_permissions = {
        "list": (VIEW, GIVE_TO_WORKERS),
        "create": (GIVE, GIVE_TO_WORKERS),
        "destroy": (REVOKE, GIVE_TO_WORKERS),
    }
    query_parameters = {"list": ("limit", "cursor")}

    @token_operations.LIST_TOKENS
    def list(self, request: Request) -> HttpResponse:
        """Tokens, the newest first, in pages: those within the principal's scope, and those that it made."""
        rows = tokens_for(self.principal, VIEW).prefetch_related("bindings")
        return newest_first.page(
            request,
            rows,
            "created_at",
            _shown,
            default_limit=token_operations.DEFAULT_LIMIT,
            max_limit=token_operations.MAX_LIMIT,
        )

    @token_operations.CREATE_TOKEN
    def create(self, request: Request) -> HttpResponse:
        """Make a token, which is revoked with the token that makes it. Only this answer has the secret."""
        key = _key_of(request)
        wanted = clean_or_problem(lambda: clean_token(request.data, giver=self.principal, now=self.now))
        try:
            token, secret = tokens.create_token(
                **wanted._asdict(), idempotency_key=key, by=author_of(request), now=self.now
            )
        except tokens.NameTaken as error:
            fault = FieldError("name", str(error), ErrorCode.TAKEN)
            raise Problem(400, f"name: {error}", [fault]) from None
        except tokens.GivesTooMuch as error:
            raise Problem(403, str(error)) from None
        except tokens.MakerGone:
            detail = "The token that you send has been revoked."
            raise Problem(401, detail, headers={"WWW-Authenticate": REALM}) from None
        return kept_plain(json_answer({**_shown(token), "token": secret}, 201))

    @token_operations.REVOKE_TOKEN
    def destroy(self, request: Request, id: str) -> Response:
        """Revoke a token, and what it made. It is refused everywhere within 30 seconds, and stays in the list."""
        token_id = parameters.id_in_path(id)
        if not tokens_for(self.principal, REVOKE).filter(pk=token_id).exists():
            raise no_such("token")
        tokens.revoke_tokens(ids=[token_id], by=author_of(request), now=self.now)
        return Response(status=204)


@extend_schema(tags=["access"])
class MeViewSet(StrictViewSet):
    """Who asks."""

    queryset = ApiToken.objects.none()
    permission_classes = [IsAuthenticated]
    http_method_names = ["get", "head"]

    @token_operations.GET_ME
    def retrieve(self, request: Request) -> HttpResponse:
        """Who the principal is, and what it may do where; any token and any person may ask."""
        kind, _colon, key = self.principal.id.partition(":")
        roles, expires_at = _of_token(UUID(key)) if kind == "token" else (_roles_of_person(int(key)), None)
        by_scope: dict[Scope, set[str]] = {}
        for permissions, scope in self.principal.grants:
            by_scope.setdefault(scope, set()).update(permissions)
        return json_answer(
            {
                "kind": "token" if kind == "token" else "person",
                "id": key,
                "label": self.principal.label,
                "roles": roles,
                "grants": [
                    {"permissions": sorted(permissions), "scope": _scope_shown(scope)}
                    for scope, permissions in by_scope.items()
                ],
                "expires_at": expires_at,
            }
        )


def _of_token(token_id: UUID) -> tuple[list[str], datetime | None]:
    token = ApiToken.objects.get(pk=token_id)
    return [token.role], token.expires_at


def _roles_of_person(user_id: int) -> list[str]:
    user = get_user_model().objects.get(pk=user_id)
    if user.is_superuser:
        return [Role.ADMINISTRATOR.value]
    held = set(roles_of(user).values())
    return [role.value for role in ROLES_OF_PEOPLE if role in held]


def _key_of(request: Request) -> str:
    """The Idempotency-Key; empty for none. Raises Problem 400."""
    key: str | None = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        detail = f"Must be 1 to {MAX_KEY} printable ASCII characters."
        raise Problem(400, f"Idempotency-Key: {detail}", [FieldError("Idempotency-Key", detail)])
    return key


def _shown(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "role": token.role,
        "hint": token.hint,
        "scope": _scope_shown(tokens.scope_of(token)),
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }


def _scope_shown(scope: Scope) -> dict[str, Any]:
    return {"whole_fleet": scope.is_whole, "sites": sorted(scope.sites), "cameras": sorted(scope.cameras)}
