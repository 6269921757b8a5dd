"""One poller a process for everybody who waits for changes or streams them: none of them holds a thread or a
connection. It reads what is new, remembers it for a while, and wakes those who watch.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import structlog
from django.conf import settings
from django.utils import timezone

from cameras.api.feed import MAX_LIMIT
from cameras.api.readings import SharedReadings
from cameras.api.statuses import RecentStatuses, SeenStatus, read_statuses
from cameras.change_feed import Cursor, CursorGone, Scan, current_cursor, scan_changes
from cameras.models import Camera, Change
from cameras.status_feed import SETTLING, known_until, stored_within
from controlplane import problems
from controlplane.bare_asgi import busy
from controlplane.holders import Holders

MAX_WATCHERS = 2_000
POLL_SECONDS = 0.25
# Nearly every status is committed so soon after it was written; now and then those are sought that were not.
USUAL_SETTLING = timedelta(seconds=5)
THOROUGH_EVERY_SECONDS = 15.0
AWAY_AFTER_SECONDS = 5.0
REMEMBERED_CHANGES = 2_000
STATUSES_AT_ONCE = 1_000

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Known(NamedTuple):
    """What the last poll found: what came up to here is remembered, or can be read."""

    cursor: Cursor
    second: int
    number: int
    """Of the last of the recent statuses."""
    statuses_until: datetime | None


class _Found(NamedTuple):
    follows: bool
    """Whether the changes are all that came after those of the poll before."""
    cursor: Cursor
    changes: list[Change]
    more: bool
    statuses: list[tuple[SeenStatus, datetime]]
    statuses_until: datetime | None


class Poller:
    """Polls while somebody watches, for the watchers of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.known: Known | None = None
        self.ended = False
        self._readings = SharedReadings("watch")
        # What single watchers have missed: reading it holds up no poll.
        self._missed = SharedReadings("watch-missed")
        self._of_principals = Holders(settings.WATCHES_PER_PRINCIPAL)
        self._wakes: set[Callable[[], None]] = set()
        self._of_statuses = 0  # how many watch statuses too
        self._task: asyncio.Task[None] | None = None
        self._changes: deque[Change] = deque(maxlen=REMEMBERED_CHANGES)
        self._statuses = RecentStatuses()
        self._statuses_read_at = 0.0
        self._thorough_at: float | None = None
        self._looked = asyncio.Event()  # at statuses, since somebody watches them
        self._made: dict[Hashable, Any] = {}

    # --- Who watches --------------------------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        """How many wait for changes or stream them."""
        return len(self._wakes)

    @contextmanager
    def watching(self, principal_id: str, wake: Callable[[], None], *, statuses: bool = False) -> Iterator[None]:
        """Watch inside the block: `wake` is called whenever a poll has found something new, and at the end.

        Raises Problem 429 where the principal watches too often already, 503 where too many watch in all.
        """
        if self.watchers >= MAX_WATCHERS:
            raise busy()
        refusal = f"More than {self._of_principals.most} requests of yours wait for changes at one time."
        with self._of_principals.one(principal_id, refusal):
            self._wakes.add(wake)
            if statuses and not self._of_statuses:
                self._statuses_read_at, self._thorough_at = self.loop.time(), None
                self._looked.clear()
            self._of_statuses += statuses
            if self._task is None or self._task.done():
                self.known = None
                self._task = self.loop.create_task(self._poll_on())
            try:
                yield
            finally:
                self._of_statuses -= statuses
                self._wakes.remove(wake)

    def end(self) -> None:
        """Have all who watch end, and from now on everybody, at once."""
        self.ended = True
        self._looked.set()
        self._wake_all()

    async def close(self) -> None:
        """End the watching and the poller, and give the connections back."""
        self.end()
        if self._task is not None:
            await self._task
        await self._readings.close()
        await self._missed.close()

    def _wake_all(self) -> None:
        for wake in tuple(self._wakes):
            wake()

    # --- Reading ------------------------------------------------------------------------------------------

    async def read(self, read: Callable[[], T]) -> T:
        return await self._readings.read(read)

    async def scan(self, since: Cursor | None, limit: int) -> Scan:
        """The page of changes after a cursor. Raises CursorGone."""
        return await self._readings.read(lambda: scan_changes(since, limit), (since, limit))

    async def read_missed(self, read: Callable[[], T], key: Hashable) -> T:
        """What one watcher has missed, or several who have missed the same."""
        return await self._missed.read(read, key)

    # --- What is remembered -------------------------------------------------------------------------------

    def changes_after(self, cursor: Cursor) -> list[Change] | None:
        """The changes from a cursor to what is known, which is to be known; None where they are not remembered."""
        known = self.known
        behind = known.cursor.revision - cursor.revision if known else 0
        if behind > len(self._changes):
            return None
        return list(islice(self._changes, len(self._changes) - behind, None)) if behind > 0 else []

    def statuses_after(self, number: int) -> list[SeenStatus] | None:
        """The statuses noticed after a number, each camera once; None where they are not remembered."""
        return self._statuses.after(number)

    async def number(self) -> int:
        """Of the last status that was noticed: what was stored before, a watcher can read after this.

        Raises Problem 503 where the database is away.
        """
        try:
            async with asyncio.timeout(AWAY_AFTER_SECONDS):
                await self._looked.wait()
        except TimeoutError:
            raise problems.database_away() from None
        return self._statuses.number

    def made_once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is made of what is known: once for all who need the same, until a poll finds more."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    # --- Polling ------------------------------------------------------------------------------------------

    async def _poll_on(self) -> None:
        while self._wakes and not self.ended:
            more = False
            try:
                more = await self._poll()
            except problems.DATABASE_AWAY:
                pass  # watchers stay until the database answers again
            except Exception:
                log.exception("polling for changes failed")
            if not more:
                await asyncio.sleep(POLL_SECONDS)

    async def _poll(self) -> bool:
        """Read what is new, and wake those who watch; whether there is more at once."""
        began, second, before = self.loop.time(), int(time.time()), self.known
        cursor, ago = before.cursor if before else None, self._statuses_ago(began)
        found = await self._readings.read(lambda: _read(cursor, ago, self._statuses))
        if not found.follows:
            self._changes.clear()
        self._changes.extend(found.changes)
        for status, changed_at in found.statuses:
            self._statuses.add(status, changed_at, began)
        self._statuses.forget(began)
        if ago:
            self._statuses_read_at = began
            if ago >= SETTLING:
                self._thorough_at = began
            self._looked.set()
        number = self._statuses.number
        self.known = Known(found.cursor, second, number, found.statuses_until)
        if before is None or (before.cursor, before.number) != (found.cursor, number):
            self._made.clear()
            self._wake_all()
        return found.more

    def _statuses_ago(self, now: float) -> timedelta | None:
        """How far back statuses are to be read; None where nobody watches them."""
        if not self._of_statuses:
            return None
        is_thorough = self._thorough_at is None or now - self._thorough_at >= THOROUGH_EVERY_SECONDS
        return timedelta(seconds=now - self._statuses_read_at) + (SETTLING if is_thorough else USUAL_SETTLING)


def _read(after: Cursor | None, statuses_ago: timedelta | None, known: RecentStatuses) -> _Found:
    cursor, more, follows = current_cursor(), False, after is not None
    changes: list[Change] = []
    if after is not None and after != cursor:
        try:
            cursor, changes, more = scan_changes(after, MAX_LIMIT)
        except CursorGone as gone:
            cursor, follows = gone.current, False
    if statuses_ago is None:
        return _Found(follows, cursor, changes, more, [], None)
    until = known_until()
    new = known.new(stored_within(statuses_ago))
    ids = iter(new)
    statuses = []
    while chunk := list(islice(ids, STATUSES_AT_ONCE)):
        cameras = Camera.objects.filter(pk__in=chunk)
        statuses += [(status, new[status.camera_id]) for status in read_statuses(cameras, timezone.now())]
    return _Found(follows, cursor, changes, more, statuses, until)
