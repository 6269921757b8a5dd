"""Tokens of machines: made, revoked, and verified from a short-lived memory of this process.

A revocation or an expiry takes effect everywhere within `REMEMBER_SECONDS`.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet, prefetch_related_objects

from controlplane.access import audit
from controlplane.access.models import ApiToken, TokenBinding
from controlplane.access.principals import GIVE, Author, Principal, Role, grants_of
from controlplane.access.scope import NOWHERE, WHOLE_FLEET, Scope

PREFIX = "cpt_"
NO_SITES: Mapping[UUID, UUID | None] = MappingProxyType({})
REMEMBER_SECONDS = 30.0
REMEMBER_UNKNOWN_SECONDS = 5.0
FLUSH_LAST_USED_SECONDS = 60.0
# How long a token is valid where its maker says nothing.
DEFAULT_DAYS = 365
# How long a token may be valid that somebody made who makes those of workers only.
MOST_DAYS_OF_A_WORKER = 30
# So many requests of one person with one Idempotency-Key may come at once.
ATTEMPTS = 10
# A flood of made-up tokens must not fill the memory; known ones come back with one query.
REMEMBER_AT_MOST = 100_000


class MakerGone(Exception):
    """The token that makes another has been revoked meanwhile."""


class NameTaken(Exception):
    """Another token that is neither revoked nor expired has this name."""

    def __init__(self) -> None:
        super().__init__("Another token has this name: choose another, or revoke that one first.")


class GivesTooMuch(PermissionDenied):
    """Somebody would make a token that may do more than they may themselves."""

    def __init__(self) -> None:
        super().__init__("You may not grant more than you have: choose another role, or other sites and cameras.")


def digest_of(secret: str) -> str:
    """The stored form: SHA-256 in hex. The secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def create_token(
    *,
    name: str,
    role: str,
    by: Author,
    now: datetime,
    scope: Scope = WHOLE_FLEET,
    site_of: Mapping[UUID, UUID | None] = NO_SITES,
    expires_at: datetime | None = None,
    idempotency_key: str = "",
) -> tuple[ApiToken, str]:
    """The new token and its secret, which is stored nowhere and cannot be shown again.

    It is bound to the scope, unless that is the whole fleet; `site_of` are the sites of the cameras in it. A token
    that its maker made before with the same key is revoked: its secret may have been lost on the way. So is an
    expired one of this name.

    Raises ValueError for a role or scope that is none, GivesTooMuch, NameTaken, and MakerGone.
    """
    if role not in Role.values:
        raise ValueError(f"A token's role is one of {', '.join(Role.values)}.")
    if scope == NOWHERE:
        raise ValueError("A token is bound to a camera or site at least, or else to the whole fleet.")
    maker = by.principal
    if not maker.may_give(Role(role), scope, site_of):
        raise GivesTooMuch
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name,
        digest=digest_of(secret),
        hint=secret[: len(PREFIX) + 4],
        role=role,
        is_bound=not scope.is_whole,
        created_at=now,
        created_by=by.label,
        maker=maker.id,
        idempotency_key=idempotency_key,
        expires_at=expires_at,
    )
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            memory.forget(each.digest for each in _store(token, scope, by, now))
            break
        except IntegrityError:
            # Another request with the same key or name was faster, and is found in the next attempt.
            if not attempts_left:
                raise
    return token, secret


def _store(token: ApiToken, scope: Scope, by: Author, now: datetime) -> list[ApiToken]:
    """Write the new token; returns those that it replaces."""
    with transaction.atomic():
        if (maker_id := token_id_of(by.principal)) and not _locked(Q(pk=maker_id, revoked_at=None)):
            # Locked, so that who revokes the maker at this moment finds what it made.
            raise MakerGone
        replaced = _revoke(_to_be_replaced(token, now), by, now)
        token.save(force_insert=True)
        TokenBinding.objects.bulk_create(
            [
                *(TokenBinding(token=token, site_id=site_id) for site_id in sorted(scope.sites)),
                *(TokenBinding(token=token, camera_id=camera_id) for camera_id in sorted(scope.cameras)),
            ],
            batch_size=500,
        )
        _record("token.created", token, by, now)
    return replaced


def _to_be_replaced(token: ApiToken, now: datetime) -> list[ApiToken]:
    """What a new token replaces, locked: that of the same key of its maker, and an expired one of its name."""
    same_key = Q(maker=token.maker, idempotency_key=token.idempotency_key)
    either = Q(name=token.name) | same_key if token.idempotency_key else Q(name=token.name)
    found = _locked(either & Q(revoked_at=None))
    for each in found:
        is_of_key = (each.maker, each.idempotency_key) == (token.maker, token.idempotency_key)
        is_expired = each.expires_at is not None and each.expires_at <= now
        if not is_expired and not (token.idempotency_key and is_of_key):
            raise NameTaken
    return found


def default_expiry(now: datetime) -> datetime:
    """Until when a token is valid where its maker says nothing."""
    return now + timedelta(days=DEFAULT_DAYS)


def valid_tokens(now: datetime) -> QuerySet[ApiToken]:
    """The tokens that are neither revoked nor expired."""
    return ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


def is_name_taken(name: str, now: datetime) -> bool:
    """Whether a token that is neither revoked nor expired has this name."""
    return valid_tokens(now).filter(name=name).exists()


def last_expiry_of(maker: Principal, now: datetime) -> datetime | None:
    """Until when a token may be valid that this principal makes; None for no end."""
    ends: list[datetime] = []
    if maker_id := token_id_of(maker):
        expiries = ApiToken.objects.filter(pk=maker_id).values_list("expires_at", flat=True)
        ends += [expires_at for expires_at in expiries if expires_at]
    if not maker.has_perm(GIVE):
        ends.append(now + timedelta(days=MOST_DAYS_OF_A_WORKER))
    return min(ends, default=None)


def token_id_of(principal: Principal) -> UUID | None:
    """The id of the token that the principal is; None for a person or a command."""
    kind, _colon, key = principal.id.partition(":")
    return UUID(key) if kind == "token" else None


def revoke_tokens(*, ids: Iterable[UUID], by: Author, now: datetime) -> int:
    """Revoke the tokens that are not yet revoked, and what they made; returns how many were."""
    with transaction.atomic():
        tokens = _revoke(_locked(Q(pk__in=list(ids), revoked_at=None)), by, now)
    memory.forget(token.digest for token in tokens)
    return len(tokens)


def unbind_from_cameras(*, camera_ids: Collection[UUID], by: Author, now: datetime) -> None:
    """Cameras go, and what binds tokens to them; a token that is bound to nothing else is revoked."""
    lost = TokenBinding.objects.filter(camera_id__in=camera_ids)
    with transaction.atomic():
        # Those of all cameras, in one order: else two deletions could wait for one another.
        _locked(Q(pk__in=lost.values("token")))
        bound = lost.values_list("camera_id", flat=True).order_by("camera_id").distinct()
        for camera_id in list(bound):
            _unbind(Q(camera_id=camera_id), f"camera {camera_id}", by, now)


def unbind_from_site(*, site_id: UUID, by: Author, now: datetime) -> None:
    """A site goes, and what binds tokens to it; a token that is bound to nothing else is revoked."""
    _unbind(Q(site_id=site_id), f"site {site_id}", by, now)


def _unbind(which: Q, lost: str, by: Author, now: datetime) -> None:
    with transaction.atomic():
        # The tokens are locked first: of two bindings that go at once, the second is seen to be the last.
        tokens = _locked(Q(pk__in=TokenBinding.objects.filter(which).values("token")))
        if not tokens:
            return
        TokenBinding.objects.filter(which, token__in=tokens).delete()
        still_bound = set(TokenBinding.objects.filter(token__in=tokens).values_list("token", flat=True))
        valid = [token for token in tokens if token.revoked_at is None]
        for token in valid:
            _record("token.binding_lost", token, by, now, [lost])
        revoked = _revoke([token for token in valid if token.pk not in still_bound], by, now)
    memory.forget(token.digest for token in (*tokens, *revoked))


def _revoke(tokens: Sequence[ApiToken], by: Author, now: datetime) -> list[ApiToken]:
    """Revoke locked tokens, then what they made, and so on; returns all that were."""
    revoked: list[ApiToken] = []
    while tokens:
        ApiToken.objects.filter(pk__in=[token.pk for token in tokens]).update(revoked_at=now)
        for token in tokens:
            _record("token.revoked", token, by, now)
        revoked += tokens
        tokens = _locked(Q(maker__in=[f"token:{token.pk}" for token in tokens], revoked_at=None))
    return revoked


def _locked(which: Q) -> list[ApiToken]:
    return list(ApiToken.objects.select_for_update().filter(which).order_by("pk"))


def _record(action: str, token: ApiToken, by: Author, now: datetime, fields: Sequence[str] = ()) -> None:
    audit.record(
        by=by,
        now=now,
        action=action,
        object_type="token",
        object_id=token.pk,
        object_name=token.name,
        fields=fields,
    )


def scope_of(token: ApiToken) -> Scope:
    """What the token is bound to, or the whole fleet; reads its bindings."""
    if not token.is_bound:
        return WHOLE_FLEET
    bindings = token.bindings.all()
    return Scope(
        sites=frozenset(binding.site_id for binding in bindings if binding.site_id),
        cameras=frozenset(binding.camera_id for binding in bindings if binding.camera_id),
    )


def principal_of(token: ApiToken) -> Principal:
    scope = scope_of(token)
    return Principal(f"token:{token.pk}", f"token:{token.name}", grants_of(Role(token.role), scope))


class _Remembered(NamedTuple):
    principal: Principal | None
    until: float  # monotonic seconds
    expires_at: float  # Unix seconds; infinity where the token does not expire


class TokenMemory:
    """Digests verified lately, known and unknown, and which of them were used since the last flush."""

    def __init__(self) -> None:
        self._remembered: dict[str, _Remembered] = {}
        self._used: set[str] = set()
        self._flushed_at = time.monotonic()
        self._lock = threading.Lock()

    def recall(self, digest: str) -> tuple[bool, Principal | None]:
        """(True, who it is or None for nobody), or (False, None) where the database must be asked."""
        entry = self._remembered.get(digest)
        if entry is None or entry.until <= time.monotonic():
            return False, None
        if entry.principal is None or entry.expires_at <= time.time():
            return True, None
        self._used.add(digest)
        return True, entry.principal

    def look_up(self, digests: Iterable[str], now: datetime) -> None:
        """Ask the database for all of them in one query, one more for bindings, and remember the answers.

        Raises django.db.Error where the database is away: that is no verdict on a token.
        """
        wanted = set(digests)
        found = {token.digest: token for token in valid_tokens(now).filter(digest__in=wanted)}
        prefetch_related_objects([token for token in found.values() if token.is_bound], "bindings")
        moment = time.monotonic()
        if len(self._remembered) > REMEMBER_AT_MOST:
            self._remembered.clear()
        for digest in wanted:
            token = found.get(digest)
            if token is None:
                self._remembered[digest] = _Remembered(None, moment + REMEMBER_UNKNOWN_SECONDS, 0)
                continue
            expires_at = token.expires_at.timestamp() if token.expires_at else float("inf")
            self._remembered[digest] = _Remembered(principal_of(token), moment + REMEMBER_SECONDS, expires_at)
        # Known tokens in use come by here twice a minute, so no timer is needed to write their use down.
        if moment - self._flushed_at >= FLUSH_LAST_USED_SECONDS:
            self._flushed_at = moment
            self.flush_last_used(now)

    def flush_last_used(self, now: datetime) -> None:
        with self._lock:
            used, self._used = self._used, set()
        tokens = ApiToken.objects.filter(digest__in=used)
        with transaction.atomic():
            # In the order of the key, so that two processes that flush at once cannot deadlock.
            ids = list(tokens.select_for_update().order_by("pk").values_list("pk", flat=True))
            stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=1))
            ApiToken.objects.filter(stale, pk__in=ids).update(last_used_at=now)

    def forget(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._remembered.pop(digest, None)


memory = TokenMemory()


def verify(secret: str, now: datetime) -> Principal | None:
    """Who holds this secret, or None. Raises django.db.Error where the database is away."""
    if not secret.startswith(PREFIX):
        return None
    digest = digest_of(secret)
    known, principal = memory.recall(digest)
    if not known:
        memory.look_up([digest], now)
        _, principal = memory.recall(digest)
    return principal
