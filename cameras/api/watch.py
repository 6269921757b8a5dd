"""The long poll of the change feed: GET /cameras/changes as a bare ASGI callable.

Waiters hold neither a thread nor a connection: one poller a process reads the revision, and those that wait
for the same page share one reading of it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import HttpRequest, QueryDict, parse_cookie

from cameras.api import feed
from cameras.change_feed import Cursor, CursorGone, Scan, current_cursor, scan_changes, seen_by
from controlplane import problems
from controlplane.access.authentication import REALM, bearer_of, principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.verification import refused, verify
from controlplane.bare_asgi import Receive, Scope, Send, busy, headers_of, send_json, send_problem
from controlplane.holders import Holders
from controlplane.problems import Problem

PATHS = ("/cameras/changes", "/cameras/changes/")
MAX_WAITERS = 2_000
POLL_SECONDS = 0.25

log = structlog.get_logger(__name__)

T = TypeVar("T")


def is_watch(scope: Scope) -> bool:
    """Whether a request is for this endpoint."""
    return scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in PATHS


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one page of the feed, at once or as soon as something changed."""
    try:
        await send_json(send, 200, await _page(scope, receive))
    except Problem as problem:
        await send_problem(send, problem)
    except CursorGone as error:
        await send_problem(send, feed.gone(error))
    except Exception as error:
        await send_problem(send, problems.unforeseen(error))


async def _page(scope: Scope, receive: Receive) -> bytes:
    watch = _of_this_loop()
    headers = headers_of(scope)
    principal = await _principal(watch, scope, headers)
    query = feed.read_query(_query(scope))
    scan = await watch.scan(query.since, query.limit)
    seen = seen_by(principal, scan.changes)
    deadline = watch.loop.time() + query.wait_seconds
    gone = watch.loop.create_task(_disconnect(receive))
    try:
        while not seen and not scan.more and await watch.wait_for_change(principal, scan.next, deadline, gone):
            scan = await watch.scan(scan.next, query.limit)
            seen = seen_by(principal, scan.changes)
    finally:
        gone.cancel()
    return feed.render(scan.next, seen, scan.more)


def _query(scope: Scope) -> QueryDict:
    try:
        return QueryDict(scope["query_string"])
    except Exception:
        raise Problem(400, "The query cannot be read.") from None


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _principal(watch: "_Watch", scope: Scope, headers: dict[bytes, bytes]) -> Principal:
    principal = None
    if b"authorization" in headers:
        secret = bearer_of(headers[b"authorization"].decode("latin-1"))
        principal = await verify(secret) if secret else None
    elif cookie := parse_cookie(headers.get(b"cookie", b"").decode("latin-1")).get(settings.SESSION_COOKIE_NAME):
        principal = await watch.in_thread(lambda: _principal_of_session(cookie))
    if principal is None:
        raise Problem(401, "Send a token, or sign in.", headers={"WWW-Authenticate": REALM})
    if not principal.has_perm("cameras.view_change"):
        raise await refused(principal, scope, "Your role may not do this.")
    return principal


def _principal_of_session(key: str) -> Principal | None:
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    return principal_of_user(user) if user.is_authenticated else None


class _Watch:
    """The waiters of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "watch")
        self._waiters = 0
        self._of_principals = Holders(settings.WATCHES_PER_PRINCIPAL)
        self._poller: asyncio.Task[None] | None = None
        self._known: Cursor | None = None
        self._changed = asyncio.Event()
        self._ended = False
        self._turn = asyncio.Lock()
        self._queued: dict[tuple[Cursor | None, int], asyncio.Task[Scan]] = {}

    async def in_thread(self, read: Callable[[], T]) -> T:
        return await self.loop.run_in_executor(self._thread, _with_connection, read)

    async def wait_for_change(
        self, principal: Principal, seen: Cursor, deadline: float, gone: asyncio.Future[None]
    ) -> bool:
        """Whether there is something after `seen`, as soon as there is; False at the deadline.

        Raises Problem 429 where the principal waits too often already, 503 where too many wait in all.
        """
        if deadline <= self.loop.time():
            return False
        if self._waiters >= MAX_WAITERS:
            raise busy()
        refusal = f"More than {self._of_principals.most} requests of yours wait for changes at one time."
        with self._of_principals.one(principal.id, refusal):
            return await self._wait_for_change(seen, deadline, gone)

    async def _wait_for_change(self, seen: Cursor, deadline: float, gone: asyncio.Future[None]) -> bool:
        self._waiters += 1
        try:
            if self._poller is None or self._poller.done():
                self._known = None
                self._poller = self.loop.create_task(self._poll())
            while not self._ended and not gone.done():
                if self._known is not None and self._known != seen:
                    return True
                left = deadline - self.loop.time()
                if left <= 0:
                    return False
                changed = self.loop.create_task(self._changed.wait())
                try:
                    await asyncio.wait((changed, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
            return False
        finally:
            self._waiters -= 1

    async def scan(self, since: Cursor | None, limit: int) -> Scan:
        """The page after a cursor; those who ask for the same page before it is read share one reading."""
        key = (since, limit)
        if key not in self._queued:
            self._queued[key] = self.loop.create_task(self._scan(since, limit))
        return await asyncio.shield(self._queued[key])

    async def _scan(self, since: Cursor | None, limit: int) -> Scan:
        async with self._turn:
            # Whoever comes from now on may know of a later change, so another reading is theirs.
            del self._queued[since, limit]
            return await self.in_thread(lambda: scan_changes(since, limit))

    def end(self) -> None:
        """Answer all who wait, and from now on everybody, at once."""
        self._ended = True
        self._changed.set()

    async def close(self) -> None:
        """End the waits and the poller, and give the connection back."""
        self.end()
        if self._poller is not None:
            await self._poller
        await self.in_thread(lambda: connection.close())
        self._thread.shutdown()

    async def _poll(self) -> None:
        while self._waiters and not self._ended:
            known: Cursor | None
            try:
                known = await self.in_thread(current_cursor)
            except problems.DATABASE_AWAY:
                known = self._known  # waiters stay until the database answers again, or their time is up
            if known != self._known:
                self._known = known
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(POLL_SECONDS)


def _with_connection(read: Callable[[], T]) -> T:
    """Read over the connection that the thread keeps; one that has failed is not used again."""
    try:
        return read()
    except problems.DATABASE_AWAY:
        connection.close()
        raise


_watch: _Watch | None = None


def _of_this_loop() -> _Watch:
    global _watch
    if _watch is None or _watch.loop is not asyncio.get_running_loop():
        _watch = _Watch()
    return _watch


def end_waits() -> None:
    """Answer everybody who waits in this process, because it is about to stop."""
    _of_this_loop().end()


async def close_watch() -> None:
    """End what is under way for those who waited in this process, because it stops."""
    global _watch
    if _watch is not None:
        watch, _watch = _watch, None
        await watch.close()
