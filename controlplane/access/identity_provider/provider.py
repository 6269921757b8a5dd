"""The one provider that the settings name: where it sends people, and who comes back from there."""

import base64
import hashlib
import secrets
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import httpx
from django.conf import settings

from controlplane.access.identity_provider import id_tokens
from controlplane.access.identity_provider.faults import AnswerRefused
from controlplane.access.identity_provider.fetching import Fetcher, within_time

SCOPE = "openid profile email"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Attempt(NamedTuple):
    """What ties who comes back to who was sent away; it stays in the session of the browser."""

    state: str
    nonce: str
    verifier: str


class _Metadata(NamedTuple):
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    methods: list[Any]


def is_set_up() -> bool:
    """Whether there is a provider at all."""
    return bool(settings.OIDC_ISSUER)


def name() -> str:
    """By what people know the provider: its host."""
    return urlsplit(settings.OIDC_ISSUER).netloc


def new_attempt() -> Attempt:
    return Attempt(*(secrets.token_urlsafe(32) for _ in Attempt._fields))


def address_to_sign_in(attempt: Attempt, redirect_uri: str) -> str:
    """Where the browser goes to sign in. Raises ProviderFault, within `fetching.TOTAL_SECONDS`."""
    metadata = within_time(_discover)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": redirect_uri,
        "scope": SCOPE,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    separator = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
    return f"{metadata.authorization_endpoint}{separator}{urlencode(query)}"


def claims_for(code: str, attempt: Attempt, redirect_uri: str, now: datetime) -> dict[str, Any]:
    """What the provider says of who came back with this code. Raises ProviderFault, as above."""

    async def work(fetcher: Fetcher) -> tuple[dict[str, Any], dict[str, Any]]:
        metadata = await _discover(fetcher)
        answer = await _exchange(fetcher, metadata, code, attempt, redirect_uri)
        return answer, await fetcher.get("list of keys", metadata.jwks_uri)

    answer, keys = within_time(work)
    return id_tokens.claims_of(
        answer.get("id_token"),
        keys,
        issuer=settings.OIDC_ISSUER,
        client_id=settings.OIDC_CLIENT_ID,
        nonce=attempt.nonce,
        backdated_seconds=settings.OIDC_BACKDATED_SECONDS,
        now=now,
    )


async def _discover(fetcher: Fetcher) -> _Metadata:
    address = settings.OIDC_ISSUER.rstrip("/") + "/.well-known/openid-configuration"
    document = await fetcher.get("configuration of the issuer", address)
    if document.get("issuer") != settings.OIDC_ISSUER:
        raise AnswerRefused("the configuration is of another issuer than OIDC_ISSUER, to the last slash")
    methods = document.get("token_endpoint_auth_methods_supported")
    return _Metadata(
        _endpoint(document, "authorization_endpoint"),
        _endpoint(document, "token_endpoint"),
        _endpoint(document, "jwks_uri"),
        methods if isinstance(methods, list) else [],
    )


def _endpoint(document: dict[str, Any], field: str) -> str:
    """An address of the configuration: https, or http on loopback where the issuer is there too."""
    value = document.get(field)
    if isinstance(value, str) and len(value) <= 2_000 and value.isascii() and value.isprintable():
        try:
            parts = urlsplit(value)
            host = parts.hostname
        except ValueError:
            host = None
        local = host in LOOPBACK and urlsplit(settings.OIDC_ISSUER).scheme == "http"
        if host and not parts.fragment and (parts.scheme == "https" or (parts.scheme == "http" and local)):
            return value
    raise AnswerRefused(f"the configuration of the issuer has no address that may be used as {field}")


async def _exchange(
    fetcher: Fetcher, metadata: _Metadata, code: str, attempt: Attempt, redirect_uri: str
) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": attempt.verifier,
    }
    client, secret = settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET
    if "client_secret_post" in metadata.methods and "client_secret_basic" not in metadata.methods:
        return await fetcher.post(
            "token endpoint", metadata.token_endpoint, form | {"client_id": client, "client_secret": secret}
        )
    # RFC 6749, section 2.3.1: both are form-encoded first.
    login = httpx.BasicAuth(quote(client, safe=""), quote(secret, safe=""))
    return await fetcher.post("token endpoint", metadata.token_endpoint, form, login)
