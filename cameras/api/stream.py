"""One stream of events: changes as the feed has them, statuses, and up to where both are known.

What is new is remembered by the poller, for all: a stream has a place in it and no buffer of its own. One that
does not take what it is sent is ended, and goes on from the id of the last event that it has read.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from django.utils import timezone

from cameras.api import feed
from cameras.api.events import Event, written
from cameras.api.feed import EventId, StreamQuery
from cameras.api.poller import Known, Poller
from cameras.api.statuses import SeenStatus, read_statuses
from cameras.change_feed import Cursor, CursorGone, seen_by
from cameras.models import Change
from cameras.status_feed import TooMuchMissed, changed_since
from controlplane import problems
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope
from controlplane.bare_asgi import Send, begin_stream, end_stream, send_part
from controlplane.encoding import encode_json
from controlplane.negotiation import EVENT_STREAM
from controlplane.problems import Problem

HEADERS = ((b"x-accel-buffering", b"no"), (b"vary", b"Accept"))
BOOKMARK_SECONDS = 15.0
# What a person may see is read again for news no more often than this; of a token it is remembered longer.
PERSON_SECONDS = 1.0
TICK_SECONDS = 0.5
# A part that is not taken in this time is the last one.
SLOW_SECONDS = 10.0
AWAY_SECONDS = 1.0
RETRY_MILLISECONDS = (1_000, 5_000)
# Streams that miss about the same share a reading of it: a status may come twice.
MISSED_GRID_SECONDS = 15
TO_SEE_CHANGES, TO_SEE_STATUSES = "cameras.view_change", "cameras.list_camera"

log = structlog.get_logger(__name__)


class Place(NamedTuple):
    """Up to where a stream was served; `number` is that of the poller's last status."""

    cursor: Cursor
    second: int
    number: int

    @property
    def event_id(self) -> EventId:
        return EventId(self.cursor, self.second)


class _Ended(Exception):
    """Nothing more is to be sent."""


class EventStream:
    """The stream of one principal; `read_again` gives the principal as it is now, or raises Problem."""

    def __init__(
        self,
        poller: Poller,
        principal: Principal,
        query: StreamQuery,
        send: Send,
        gone: asyncio.Future[None],
        read_again: Callable[[], Awaitable[Principal]],
    ) -> None:
        if query.with_status and not principal.has_perm(TO_SEE_STATUSES):
            raise Problem(403, "Your role may not read statuses: leave `include` out.")
        self._poller, self._principal, self._query = poller, principal, query
        self._send, self._gone, self._read_again = send, gone, read_again
        self._scopes = self._scopes_of(principal)
        self._read_at = poller.loop.time()
        self._woken = asyncio.Event()
        self._sending: asyncio.Timeout | None = None

    async def serve(self, *, head_only: bool = False) -> None:
        """Send events until the client is gone, the process stops, or the principal is not what it was.

        What is raised (CursorGone, Problem, errors of the database) comes before the answer has begun.
        """
        self._gone.add_done_callback(lambda _: self._wake())
        with self._poller.watching(self._principal.id, self._wake, statuses=self._query.with_status):
            scan = await self._poller.scan(self._query.since, feed.MAX_LIMIT)
            number, now = await self._number(), timezone.now()
            second = int(now.timestamp()) if self._query.second is None else self._query.second
            self._place = Place(self._query.since or scan.next, second, number)
            missed = await self._missed(now)
            await begin_stream(self._send, EVENT_STREAM, HEADERS)
            if not head_only:
                events = [*self._changes(scan.changes), *missed]
                with suppress(_Ended):
                    await self._send_part(_retry())
                    await self._send_events(events, Place(scan.next, int(now.timestamp()), number))
                    await self._go_on()
            await end_stream(self._send)

    async def _number(self) -> int:
        """That from which on statuses come as news; those of before are read after this."""
        return await self._poller.number() if self._query.with_status else 0

    # --- What is sent, and when ---------------------------------------------------------------------------

    async def _go_on(self) -> None:
        """Send what is new, and bookmarks: the first says that nothing of before is missing any more."""
        loop, poller = self._poller.loop, self._poller
        bookmark_at, is_first = loop.time(), True
        while True:
            if poller.ended or self._gone.done():
                raise _Ended
            self._woken.clear()
            try:
                if poller.known:
                    await self._check_person()
                    await self._send_news(poller.known)
                if poller.known and loop.time() >= bookmark_at:
                    if not is_first:
                        await self._check_principal()
                    await self._send_events([self._bookmark(poller.known)], self._place)
                    bookmark_at = self._next_bookmark(is_first=is_first)
                    is_first = False
            except problems.DATABASE_AWAY:
                # It stays, as long as the client does; what it misses is read when the database is back.
                bookmark_at = max(bookmark_at, loop.time() + AWAY_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(bookmark_at if poller.known else None):
                    await self._woken.wait()

    def _next_bookmark(self, *, is_first: bool) -> float:
        """When, by the loop's clock: at several times for streams that began at one, and at ticks.

        Those of a tick have their principals read together.
        """
        seconds = BOOKMARK_SECONDS * (random.random() if is_first else 1)  # noqa: S311
        return math.ceil((self._poller.loop.time() + seconds) / TICK_SECONDS) * TICK_SECONDS

    async def _send_news(self, known: Known) -> None:
        place = self._place
        if known.cursor.epoch != place.cursor.epoch or known.cursor < place.cursor:
            await self._send_page()  # which notices a restore, unless it is the poller that does not know yet
            return
        changes = self._poller.changes_after(place.cursor)
        statuses = self._poller.statuses_after(place.number) if self._query.with_status else []
        if changes is None:
            await self._send_page()
            self._woken.set()
        elif statuses is None:
            number, now = await self._number(), timezone.now()
            missed = await self._missed(now)
            await self._send_events(missed, place._replace(second=int(now.timestamp()), number=number))
            self._woken.set()
        else:
            end = Place(known.cursor, known.second, known.number)
            parts = self._poller.made_once(
                (place, self._scopes),
                lambda: written(
                    [*self._changes(changes), *self._statuses(statuses)], place.event_id, end.event_id
                ),
            )
            for part in parts:
                await self._send_part(part)
            self._place = end

    async def _send_page(self) -> None:
        """Send changes that the poller does not remember: a page, read once for all who have come as far."""
        try:
            scan = await self._poller.scan(self._place.cursor, feed.MAX_LIMIT)
        except CursorGone as error:
            gone = Event("gone", encode_json(problems.body(feed.gone(error))))
            # Whoever connects again by itself goes on from here: it was asked to list again.
            await self._send_events([gone], self._place._replace(cursor=error.current))
            raise _Ended from None
        await self._send_events(list(self._changes(scan.changes)), self._place._replace(cursor=scan.next))

    async def _check_person(self) -> None:
        is_due = self._poller.loop.time() - self._read_at >= PERSON_SECONDS
        if is_due and self._principal.id.startswith("user:"):
            await self._check_principal()

    async def _check_principal(self) -> None:
        try:
            principal = await self._read_again()
        except Problem:
            raise _Ended from None
        self._read_at = self._poller.loop.time()
        if self._scopes_of(principal) != self._scopes:
            await self._send_events([_relist("scope")], self._place)
            raise _Ended

    async def _send_events(self, events: Sequence[Event], end: Place) -> None:
        for part in written(events, self._place.event_id, end.event_id):
            await self._send_part(part)
        self._place = end

    async def _send_part(self, part: bytes) -> None:
        try:
            async with asyncio.timeout(SLOW_SECONDS) as self._sending:
                await send_part(self._send, part)
        except TimeoutError:
            if not self._poller.ended and not self._gone.done():
                log.info("a stream was ended: its reader is too slow", principal=self._principal.id)
            raise _Ended from None
        finally:
            self._sending = None

    def _wake(self) -> None:
        self._woken.set()
        if self._sending and not self._sending.expired() and (self._poller.ended or self._gone.done()):
            self._sending.reschedule(self._poller.loop.time())

    # --- Events -------------------------------------------------------------------------------------------

    def _scopes_of(self, principal: Principal) -> tuple[Scope, Scope | None]:
        """Where it sees changes, and statuses if it asks for them."""
        of_statuses = principal.scope_for(TO_SEE_STATUSES) if self._query.with_status else None
        return principal.scope_for(TO_SEE_CHANGES), of_statuses

    def _changes(self, changes: Sequence[Change]) -> Iterator[Event]:
        for seen in seen_by(self._principal, changes):
            cursor = self._place.cursor._replace(revision=seen.change.revision)
            yield Event("change", encode_json(feed.shown(*seen)), cursor)

    def _statuses(self, statuses: Sequence[SeenStatus]) -> Iterator[Event]:
        scope = self._principal.scope_for(TO_SEE_STATUSES)
        for status in statuses:
            if scope.covers(status.camera_id, status.site_id):
                yield Event("status", status.data)

    async def _missed(self, now: datetime) -> list[Event]:
        """The statuses that were stored since the place, or that all are to be listed again."""
        _, scope = self._scopes
        if scope is None:
            return []
        grid = self._place.second - self._place.second % MISSED_GRID_SECONDS
        moment = datetime.fromtimestamp(grid, UTC)
        try:
            statuses = await self._poller.read_missed(
                lambda: list(read_statuses(changed_since(moment, scope, now), now)), (moment, scope)
            )
        except TooMuchMissed:
            return [_relist("missed")]
        return list(self._statuses(statuses))

    def _bookmark(self, known: Known) -> Event:
        data = {"status_known_until": known.statuses_until} if self._query.with_status else {}
        return Event("bookmark", encode_json(data))


def _retry() -> bytes:
    """After how many milliseconds to connect again: not all at once, when a process has stopped."""
    return b"retry: %d\n\n" % random.randint(*RETRY_MILLISECONDS)  # noqa: S311


def _relist(reason: str) -> Event:
    return Event("relist", encode_json({"reason": reason}))
