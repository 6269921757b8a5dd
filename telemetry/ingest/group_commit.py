"""Group commit: requests that wait while a transaction is under way share the next one.

Owns a bounded queue, its one writing thread and that thread's own connection.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone
from prometheus_client import Gauge, Histogram

from controlplane.databases.own_connection import close_if_ended, use_own_connection
from controlplane.problems import is_database_away, reason_of
from telemetry.ingest.accept import Submission, accept
from telemetry.ingest.receipts import Receipt

MAX_WAITING_EVENTS = 20_000
MAX_GROUP_EVENTS = 1_000
# A group of batches takes up to this long on a busy machine. If it took longer it waited for the database, and a
# rest would give the other queue nothing.
MAX_REST_SECONDS = 0.1
# Busy senders come again as soon as they are answered. Waiting for most of them makes larger groups: fewer commits
# and flushes of the disk. With few senders it gains nothing; one that does not come again delays the others for
# GATHER_SECONDS at most.
GATHER_FROM_REQUESTS = 5
GATHER_SHARE = 3 / 4
GATHER_SECONDS = 0.005
# The metric is in a file that processes share: updating it with every event would cost too much.
METRIC_DELAY_SECONDS = 0.1

GROUP_EVENTS = Histogram(
    "controlplane_ingest_group_events",
    "Events that shared a transaction.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000),
)
COMMIT_SECONDS = Histogram(
    "controlplane_ingest_commit_seconds",
    "Time of a group's transaction.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
WAITING_EVENTS = Gauge(
    "controlplane_ingest_waiting_events", "Events that wait for a transaction.", multiprocess_mode="livesum"
)

log = structlog.get_logger(__name__)

T = TypeVar("T")
Accept = Callable[[Sequence[Submission[Any]], datetime], list[list[Receipt]]]


class QueueFull(Exception):
    """More events wait than can be stored in a reasonable time: the sender should come back later."""


class _Waiter(NamedTuple):
    submission: Submission[Any]
    answer: asyncio.Future[list[Receipt]]
    since: float  # the loop's clock


class GroupCommit:
    """A queue of one event loop. What is handed in is answered after its commit, or not at all."""

    def __init__(
        self,
        accept: Accept = accept,
        max_group_events: int = MAX_GROUP_EVENTS,
        before: "GroupCommit | None" = None,
    ) -> None:
        """Where `before` is another queue that is in use, this one rests after a group for as long as it took, at
        most `MAX_REST_SECONDS`.
        """
        self._accept, self._before = accept, before
        self.groups = 0
        self._max_group_events = max_group_events
        self._loop = asyncio.get_running_loop()
        self._writer = ThreadPoolExecutor(1, "ingest", initializer=_own_connection)
        self._waiters: deque[_Waiter] = deque()
        self._waiting_events = self._published_events = 0
        self._publishing: asyncio.TimerHandle | None = None
        self._pump: asyncio.Task[None] | None = None
        self._committing_since: float | None = None
        self._wanted, self._gathered = math.inf, asyncio.Event()

    async def submit(self, submission: Submission[Any]) -> list[Receipt]:
        """The receipts, after the commit.

        Raises QueueFull; `problems.DATABASE_AWAY`; whatever else the transaction raised.
        """
        return await self.hand_in(submission)

    def hand_in(self, submission: Submission[Any]) -> asyncio.Future[list[Receipt]]:
        """What `submit` waits for. Raises QueueFull at once."""
        if not self.has_room_for(len(submission.events)):
            raise QueueFull
        answer: asyncio.Future[list[Receipt]] = self._loop.create_future()
        self._waiters.append(_Waiter(submission, answer, self._loop.time()))
        self._count_waiting(len(submission.events))
        if len(self._waiters) >= self._wanted:
            self._gathered.set()
        if self._pump is None or self._pump.done():
            self._pump = self._loop.create_task(self._commit_all())
        return answer

    def has_room_for(self, events: int) -> bool:
        return self._waiting_events + events <= MAX_WAITING_EVENTS

    def oldest_wait_seconds(self) -> float:
        """How long the oldest request has been waiting for its commit."""
        since = self._committing_since
        if since is None:
            since = self._waiters[0].since if self._waiters else None
        return 0.0 if since is None else self._loop.time() - since

    async def run(self, work: Callable[[], None]) -> None:
        """Do other work between two groups, on the writing thread and its connection. Raises what that raises."""
        await self._loop.run_in_executor(self._writer, _reconnecting, work)

    async def close(self) -> None:
        """Commit what waits, and give the connection back."""
        if self._pump is not None:
            await self._pump
        await self._loop.run_in_executor(self._writer, lambda: connections[DEFAULT_DB_ALIAS].close())
        self._writer.shutdown()

    async def _commit_all(self) -> None:
        while self._waiters:
            group = self._take_group()
            if not group:
                break
            self._committing_since = group[0].since
            started, groups_before = self._loop.time(), self._before.groups if self._before else 0
            try:
                await self._commit(group)
            finally:
                self._committing_since = None
            self.groups += 1
            if self._before and self._before.groups > groups_before:
                await asyncio.sleep(min(self._loop.time() - started, MAX_REST_SECONDS))
            if len(group) >= GATHER_FROM_REQUESTS:
                await self._gather(len(group))

    async def _gather(self, answered: int) -> None:
        """Wait until most of those who were just answered, or wait already, are there for the next group."""
        self._wanted = GATHER_SHARE * (answered + len(self._waiters))
        self._gathered.clear()
        if len(self._waiters) < self._wanted:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gathered.wait(), GATHER_SECONDS)
        self._wanted = math.inf

    def _take_group(self) -> list[_Waiter]:
        group: list[_Waiter] = []
        events = taken = 0
        while self._waiters and events < self._max_group_events:
            waiter = self._waiters.popleft()
            taken += len(waiter.submission.events)
            if not waiter.answer.done():  # whoever hung up before the commit is not stored
                group.append(waiter)
                events += len(waiter.submission.events)
        self._count_waiting(-taken)
        if group:
            GROUP_EVENTS.observe(events)
        return group

    def _take_all(self) -> list[_Waiter]:
        waiters = list(self._waiters)
        self._waiters.clear()
        self._count_waiting(-self._waiting_events)
        return waiters

    def _count_waiting(self, change: int) -> None:
        self._waiting_events += change
        if self._publishing is None:
            self._publishing = self._loop.call_later(METRIC_DELAY_SECONDS, self._publish_waiting)

    def _publish_waiting(self) -> None:
        self._publishing = None
        change, self._published_events = self._waiting_events - self._published_events, self._waiting_events
        WAITING_EVENTS.inc(change)  # not set: the queues of a process share it

    async def _commit(self, group: list[_Waiter]) -> None:
        submissions = [waiter.submission for waiter in group]
        started = self._loop.time()
        try:
            answers = await self._loop.run_in_executor(self._writer, self._write, submissions)
        except Exception as error:
            is_away = is_database_away(error)
            if len(group) > 1 and not is_away:
                # One of the requests is at fault: halve the group until that one is alone.
                middle = len(group) // 2
                await self._commit(group[:middle])
                await self._commit(group[middle:])
                return
            log.warning("group not stored", events=len(group), reason=reason_of(error))
            # Those behind the group would wait as long for the same database, and get the same error.
            behind = self._take_all() if is_away else []
            for waiter in [*group, *behind]:
                if not waiter.answer.done():
                    waiter.answer.set_exception(error)
            return
        COMMIT_SECONDS.observe(self._loop.time() - started)
        for waiter, receipts in zip(group, answers, strict=True):
            if not waiter.answer.done():
                waiter.answer.set_result(receipts)

    def _write(self, submissions: list[Submission[Any]]) -> list[list[Receipt]]:
        return _reconnecting(lambda: self._accept(submissions, timezone.now()))


def _reconnecting(work: Callable[[], T]) -> T:
    close_if_ended()  # a server that restarted since the last group costs no request
    try:
        return work()
    except Exception as error:
        if is_database_away(error):
            connections[DEFAULT_DB_ALIAS].close()  # what comes next connects anew
        raise


def _own_connection() -> None:
    """Give the writing thread a connection of its own, with deadlines for each round trip."""
    use_own_connection(
        "lock_timeout=2s",
        "statement_timeout=5s",
        "idle_in_transaction_session_timeout=30s",
        longest_answer_seconds=10.0,
        prepare_threshold=2,
    )
