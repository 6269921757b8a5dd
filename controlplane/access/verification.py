"""Verifying tokens in an event loop: what is not remembered is looked up together, off the loop.

For the endpoints that are bare ASGI callables.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.db import connection
from django.utils import timezone

from controlplane.access.authentication import REALM, bearer_of
from controlplane.access.principals import Principal
from controlplane.access.refusals import record_refusal_in_loop
from controlplane.access.tokens import PREFIX, digest_of, memory
from controlplane.addresses import source_of_scope
from controlplane.bare_asgi import Scope
from controlplane.problems import DATABASE_AWAY, Problem, reason_of

log = structlog.get_logger(__name__)


class _LookUps:
    """The look-ups of one event loop: while one is under way, those that come form the next."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "tokens")
        self._turn = asyncio.Lock()
        self._digests: set[str] = set()
        self._next: asyncio.Task[None] | None = None

    async def join(self, digest: str) -> None:
        self._digests.add(digest)
        if self._next is None:
            self._next = self.loop.create_task(self._look_up())
        await asyncio.shield(self._next)

    async def _look_up(self) -> None:
        async with self._turn:
            digests, self._digests, self._next = self._digests, set(), None
            try:
                await self.loop.run_in_executor(self._thread, _look_up, digests)
            except DATABASE_AWAY as error:
                log.warning("tokens not looked up", tokens=len(digests), reason=reason_of(error))
                raise


def _look_up(digests: set[str]) -> None:
    try:
        memory.look_up(digests, timezone.now())
    finally:
        connection.close()


_look_ups: _LookUps | None = None


async def verify(secret: str, *, is_remembered: bool = True) -> Principal | None:
    """Who holds this secret, or None; as it is now, where it is not to be remembered.

    Raises django.db errors where the database is away.
    """
    global _look_ups
    if not secret.startswith(PREFIX):
        return None
    digest = digest_of(secret)
    known, principal = memory.recall(digest)
    if not known or not is_remembered:
        if _look_ups is None or _look_ups.loop is not asyncio.get_running_loop():
            _look_ups = _LookUps()
        await _look_ups.join(digest)
        _, principal = memory.recall(digest)
    return principal


async def require(scope: Scope, headers: dict[bytes, bytes], permission: str, refusal: str) -> Principal:
    """Who sends a request with these headers. Raises Problem 401, and 403 where the permission is missing."""
    secret = bearer_of(headers.get(b"authorization", b"").decode("latin-1"))
    principal = await verify(secret) if secret else None
    if principal is None:
        detail = "Send `Authorization: Bearer cpt_...` with a token that is known, not expired and not revoked."
        raise Problem(401, detail, headers={"WWW-Authenticate": REALM})
    if not principal.has_perm(permission):
        raise await refused(principal, scope, refusal)
    return principal


async def refused(principal: Principal, scope: Scope, refusal: str) -> Problem:
    """The 403 for a request that does not come to Django; it stands in the audit trail then."""
    await record_refusal_in_loop(principal, source_of_scope(scope), f"{scope['method']} {scope['path']}")
    return Problem(403, refusal)
