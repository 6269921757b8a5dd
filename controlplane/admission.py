"""Admission of requests to Django, which has as many threads as there are places, each with a database connection.

No principal can take all places, and signing in, where checking a password is slow on purpose, has only a
few of them. The body is read before a place is taken, so that a slow sender holds none.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from django.conf import settings
from django.http import parse_cookie

from controlplane.addresses import client_address, holder_at
from controlplane.bare_asgi import Disconnected, Message, Receive, Scope, Send, busy, read_body, send_problem
from controlplane.holders import Places, too_many
from controlplane.problems import Problem

PLACES = 16
WAIT_SECONDS = 2.0
MAX_BODY_BYTES = 4 * 1024 * 1024
# Of all places, and of those for one address. Who signs in waits longer: the check of one password takes long.
SIGN_IN_PLACES = 2
SIGN_IN_PLACES_AN_ADDRESS = 1
SIGN_IN_WAIT_SECONDS = 5.0
# Passwords and second factors, whether somebody signs in by them or changes them.
SIGN_IN_PATHS = ("/admin/account/",)
# Checks no password, and has a bound of its own: a provider that hangs must not hold up those who sign in here.
SINGLE_SIGN_ON_PATHS = ("/admin/account/single-sign-on/",)
REMEMBERED_SESSIONS = 10_000

Application = Callable[[Any, Any, Any], Awaitable[None]]

_owners: dict[str, str] = {}


def remember_owner(session_key: str, owner: str) -> None:
    """Whose session this is, so that several sessions of one person count together."""
    if len(_owners) >= REMEMBERED_SESSIONS:
        _owners.clear()
    _owners[session_key] = owner


class Admission:
    """An ASGI application in front of another one: at most `places` requests are inside at once."""

    def __init__(self, inner: Application, places: int = PLACES, wait_seconds: float = WAIT_SECONDS) -> None:
        self._inner = inner
        self._places = asyncio.Semaphore(places)
        self._of_principals = Places(settings.REQUESTS_PER_PRINCIPAL)
        self._sign_ins = asyncio.Semaphore(SIGN_IN_PLACES)
        self._sign_ins_of_addresses = Places(SIGN_IN_PLACES_AN_ADDRESS)
        self._wait_seconds = wait_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, MAX_BODY_BYTES)
            async with self._place(scope):
                await self._inner(_with_length(scope, body), _replay(body, receive), send)
        except Disconnected:
            return
        except Problem as problem:
            await send_problem(send, problem)

    @asynccontextmanager
    async def _place(self, scope: Scope) -> AsyncIterator[None]:
        """A place inside. Raises Problem 429 where this principal or address has too many, 503 where all have."""
        async with AsyncExitStack() as held:
            if _is_sign_in(scope):
                await self._take_sign_in(scope, held)
            has_own_place = False
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await held.enter_async_context(self._of_principals.one(_holder_of(scope)))
                    has_own_place = True
                    await held.enter_async_context(self._places)
            except TimeoutError:
                if has_own_place:
                    raise busy() from None
                detail = f"More than {self._of_principals.most} requests of yours are being answered at one time."
                raise too_many(detail) from None
            yield

    async def _take_sign_in(self, scope: Scope, held: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(SIGN_IN_WAIT_SECONDS):
                address = holder_at(client_address(scope))
                await held.enter_async_context(self._sign_ins_of_addresses.one(address))
                await held.enter_async_context(self._sign_ins)
        except TimeoutError:
            detail = "Too many people sign in at this moment, or too many from your address. Try again."
            raise too_many(detail, int(SIGN_IN_WAIT_SECONDS)) from None


def _is_sign_in(scope: Scope) -> bool:
    path = scope["path"]
    is_own = path.startswith(SIGN_IN_PATHS) and not path.startswith(SINGLE_SIGN_ON_PATHS)
    return scope.get("method") == "POST" and is_own


def _holder_of(scope: Scope) -> str:
    """Who holds a place, as far as it can be known before the database is asked: token, person, or address."""
    headers = dict(scope["headers"])
    if authorization := headers.get(b"authorization"):
        return "token:" + hashlib.sha256(authorization).hexdigest()
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    if session_key := cookies.get(settings.SESSION_COOKIE_NAME):
        return _owners.get(session_key) or "session:" + session_key
    return "address:" + holder_at(client_address(scope))


def _with_length(scope: Scope, body: bytes) -> Scope:
    """The scope with the body's length: Django takes a chunked body, which has none, for an empty one."""
    framing = (b"content-length", b"transfer-encoding")
    headers = [header for header in scope["headers"] if header[0] not in framing]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    return {**scope, "headers": headers}


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
