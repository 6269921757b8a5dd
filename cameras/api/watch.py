"""The change feed for those who watch it: GET /cameras/changes as a bare ASGI callable.

A page at once or as soon as something changed, or a stream of events, as Accept says.
"""

import asyncio

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, QueryDict, parse_cookie

from cameras.api import feed
from cameras.api.poller import Poller
from cameras.api.stream import EventStream
from cameras.change_feed import Cursor, CursorGone, seen_by
from controlplane import problems
from controlplane.access.authentication import REALM, bearer_of
from controlplane.access.memberships import may_enter, principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.session_store import SessionStore
from controlplane.access.steps import step_of
from controlplane.access.verification import refused, verify
from controlplane.bare_asgi import Receive, Scope, Send, as_asked, headers_of, send_json, send_problem
from controlplane.negotiation import EVENT_STREAM, JSON, preferred_type
from controlplane.problems import Problem

PATHS = ("/cameras/changes", "/cameras/changes/")


def is_watch(scope: Scope) -> bool:
    """Whether a request is for this endpoint."""
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in PATHS


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one page of the feed, at once or as soon as something changed; or stream what changes."""
    send = as_asked(scope, send)
    try:
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
        if preferred_type(accept.decode("latin-1"), (JSON, EVENT_STREAM)) == EVENT_STREAM:
            await _stream(scope, receive, send)
        else:
            await send_json(send, 200, await _page(scope, receive), headers=[(b"vary", b"Accept")])
    except Problem as problem:
        await send_problem(send, problem)
    except CursorGone as error:
        await send_problem(send, feed.gone(error))
    except Exception as error:
        await send_problem(send, problems.unforeseen(error))


async def _stream(scope: Scope, receive: Receive, send: Send) -> None:
    poller, headers = _of_this_loop(), headers_of(scope)
    principal = await _principal(poller, scope, headers)
    query = feed.read_stream_query(_query(scope), headers.get(b"last-event-id", b"").decode("latin-1"))
    gone = poller.loop.create_task(_disconnect(receive))
    try:
        stream = EventStream(
            poller, principal, query, send, gone, lambda: _principal(poller, scope, headers, is_remembered=False)
        )
        await stream.serve(head_only=scope["method"] == "HEAD")
    finally:
        gone.cancel()


async def _page(scope: Scope, receive: Receive) -> bytes:
    poller = _of_this_loop()
    headers = headers_of(scope)
    principal = await _principal(poller, scope, headers)
    query = feed.read_query(_query(scope))
    scan = await poller.scan(query.since, query.limit)
    seen = seen_by(principal, scan.changes)
    deadline = poller.loop.time() + (query.wait_seconds if scope["method"] == "GET" else 0)
    gone = poller.loop.create_task(_disconnect(receive))
    try:
        while not seen and not scan.more and await _something_after(poller, principal, scan.next, deadline, gone):
            # Who waited may have lost what they could see, or all of it, meanwhile.
            principal = await _principal(poller, scope, headers)
            scan = await poller.scan(scan.next, query.limit)
            seen = seen_by(principal, scan.changes)
    finally:
        gone.cancel()
    return feed.render(scan.next, seen, scan.more)


async def _something_after(
    poller: Poller, principal: Principal, seen: Cursor, deadline: float, gone: asyncio.Future[None]
) -> bool:
    """Whether there is something after `seen`, as soon as there is; False at the deadline.

    Raises Problem 429 where the principal waits too often already, 503 where too many wait in all.
    """
    if deadline <= poller.loop.time():
        return False
    woken = asyncio.Event()
    gone.add_done_callback(lambda _: woken.set())
    with poller.watching(principal.id, woken.set):
        while not poller.ended and not gone.done():
            if poller.known is not None and poller.known.cursor != seen:
                return True
            woken.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await woken.wait()
            except TimeoutError:
                return False
    return False


def _query(scope: Scope) -> QueryDict:
    try:
        return QueryDict(scope["query_string"])
    except Exception:
        raise Problem(400, "The query cannot be read.") from None


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _principal(
    poller: Poller, scope: Scope, headers: dict[bytes, bytes], *, is_remembered: bool = True
) -> Principal:
    principal = None
    if b"authorization" in headers:
        secret = bearer_of(headers[b"authorization"].decode("latin-1"))
        principal = await verify(secret, is_remembered=is_remembered) if secret else None
    elif cookie := parse_cookie(headers.get(b"cookie", b"").decode("latin-1")).get(settings.SESSION_COOKIE_NAME):
        principal = await poller.read(lambda: _principal_of_session(cookie))
    if principal is None:
        raise Problem(401, "Send a token, or sign in.", headers={"WWW-Authenticate": REALM})
    if not principal.has_perm("cameras.view_change"):
        raise await refused(principal, scope, "Your role may not do this.")
    return principal


def _principal_of_session(key: str) -> Principal | None:
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    if not may_enter(user):
        return None
    if step := step_of(user, request.session):
        raise Problem(403, step)
    return principal_of_user(user)


_poller: Poller | None = None


def _of_this_loop() -> Poller:
    global _poller
    if _poller is None or _poller.loop is not asyncio.get_running_loop():
        _poller = Poller()
    return _poller


def end_waits() -> None:
    """Answer everybody who waits in this process, because it is about to stop."""
    _of_this_loop().end()


async def close_watch() -> None:
    """End what is under way for those who waited in this process, because it stops."""
    global _poller
    if _poller is not None:
        poller, _poller = _poller, None
        await poller.close()
