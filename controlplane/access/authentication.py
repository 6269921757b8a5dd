"""DRF's authentication: a bearer token or a session, both as a Principal."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from controlplane.access import tokens
from controlplane.access.memberships import may_enter, principal_of_user
from controlplane.access.principals import NOBODY, Author, Principal
from controlplane.addresses import NO_SOURCE

REALM = 'Bearer realm="control plane"'


def asker_of(request: HttpRequest) -> Principal:
    """Who has asked, as far as the answer needed to know it, and without what they may: no query."""
    user = vars(request).get("user")
    if isinstance(user, Principal):
        return user
    person = vars(request).get("_cached_user")  # Django's memory of who is signed in
    return named(person) if person and person.is_authenticated else NOBODY


def named(user: Any) -> Principal:
    """A person who may do nothing: for the audit trail, which names them and asks for no permission."""
    return Principal(f"user:{user.pk}", f"user:{user.get_username()}", ())


def bearer_of(header: str) -> str | None:
    """The token of an Authorization header, or None where it is none of ours (RFC 6750, section 2.1)."""
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def author_of(request: Request | HttpRequest, via: str = "api") -> Author:
    """Whom the change log names for what this request does."""
    user: Any = request.user
    principal = user if isinstance(user, Principal) else principal_of_user(user)
    return principal.author(via, getattr(request, "source", NO_SOURCE))


class TokenAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        secret = bearer_of(header)
        principal = tokens.verify(secret, timezone.now()) if secret else None
        if principal is None:
            raise exceptions.AuthenticationFailed(
                "The token is unknown, expired or revoked: send `Authorization: Bearer cpt_...`."
            )
        return principal, None

    def authenticate_header(self, request: Request) -> str:
        return REALM


class SessionAuthentication(authentication.SessionAuthentication):
    """A person who is signed in to the admin and may still enter it; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        authenticated = super().authenticate(request)
        if authenticated is None or not may_enter(authenticated[0]):
            return None
        return principal_of_user(authenticated[0]), None
