"""Three queues into the database for each process, so that batches and reports do not hold up single events.

A batch of more than a hundred events goes to a second writer with a connection of its own, in chunks that are
sorted by camera.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.utils import timezone

from controlplane.problems import DATABASE_AWAY
from telemetry.ingest.accept import Submission
from telemetry.ingest.accept_reports import accept_reports
from telemetry.ingest.group_commit import GroupCommit, QueueFull
from telemetry.ingest.receipts import Receipt
from telemetry.ingest.report_wire import WorkerReport
from telemetry.ingest.ticks import TICK_SECONDS, ClockWrong, tick
from telemetry.ingest.wire import Event

QUICK_AT_MOST_EVENTS = 100
# Bodies that are being read, parsed or waiting at one time, so that the memory of a process has a bound.
MAX_WAITING_BYTES = 64 * 1024 * 1024

log = structlog.get_logger(__name__)
CHUNK_EVENTS = 1_000


class Queues:
    """The queues of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.quick = GroupCommit()
        self.bulk = GroupCommit(max_group_events=CHUNK_EVENTS, before=self.quick)
        self.reports = GroupCommit(accept_reports, max_group_events=CHUNK_EVENTS, before=self.quick)
        self._waiting_bytes = 0
        self._clock_wrong: ClockWrong | None = None
        self._ticking = self.loop.create_task(self._tick_on())

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """A function that takes room for so many bytes, or raises QueueFull. The room is given back at the end."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self._waiting_bytes + size > MAX_WAITING_BYTES:
                raise QueueFull
            self._waiting_bytes += size
            taken += size

        try:
            yield take
        finally:
            self._waiting_bytes -= taken

    async def submit(self, submission: Submission[Event]) -> list[Receipt]:
        """The receipts, in the order of the events, after the commit.

        Raises as `GroupCommit.submit` does, and ClockWrong.
        """
        self._require_clock()
        if len(submission.events) <= QUICK_AT_MOST_EVENTS:
            return await self.quick.submit(submission)
        return await self._submit_in_chunks(self.bulk, submission)

    async def submit_reports(self, submission: Submission[WorkerReport]) -> list[Receipt]:
        """The receipts, in the order of the reports, after the commit. Raises as `submit` does."""
        self._require_clock()
        return await self._submit_in_chunks(self.reports, submission)

    def _require_clock(self) -> None:
        if self._clock_wrong:
            # A new one each time: an exception that is raised again keeps the frames, and so the body, of every
            # request.
            raise ClockWrong(*self._clock_wrong.args)

    async def _submit_in_chunks(self, queue: GroupCommit, submission: Submission[Any]) -> list[Receipt]:
        principal, events = submission
        if len(events) <= CHUNK_EVENTS:
            return await queue.submit(submission)
        if not queue.has_room_for(len(events)):
            raise QueueFull
        # Nothing is awaited until all chunks are handed in: there is room for the whole batch, or it is refused.
        # Python's sort is stable: of two events with the same key the first stays the first.
        order = sorted(range(len(events)), key=lambda index: events[index].camera_id.int)
        chunks = [order[start : start + CHUNK_EVENTS] for start in range(0, len(order), CHUNK_EVENTS)]
        answers = await asyncio.gather(
            *(queue.hand_in(Submission(principal, [events[index] for index in chunk])) for chunk in chunks)
        )
        receipts: dict[int, Receipt] = {}
        for chunk, answer in zip(chunks, answers, strict=True):
            receipts.update(zip(chunk, answer, strict=True))
        return [receipts[index] for index in range(len(events))]

    def oldest_wait_seconds(self) -> float:
        return max(queue.oldest_wait_seconds() for queue in (self.quick, self.bulk, self.reports))

    async def close(self) -> None:
        """Commit what waits, and give the connections back."""
        self._ticking.cancel()
        await self.quick.close()
        await self.bulk.close()
        await self.reports.close()

    async def _tick_on(self) -> None:
        while True:
            try:
                await self.quick.run(lambda: tick(timezone.now()))
                self._clock_wrong = None
            except ClockWrong as error:
                if self._clock_wrong is None:
                    log.error("ingest answers 503", reason=str(error))
                self._clock_wrong = error
            except DATABASE_AWAY:
                pass  # the missing tick shows it
            except Exception as error:
                log.exception("no tick", exception_type=type(error).__name__)
            await asyncio.sleep(TICK_SECONDS)


_queues: Queues | None = None


def queues() -> Queues:
    """The queues of this process, made at their first use in the event loop that serves."""
    global _queues
    if _queues is None or _queues.loop.is_closed():
        _queues = Queues()
    return _queues


async def open_queues() -> None:
    """Begin to tick, because the process serves."""
    queues()


async def close_queues() -> None:
    """Commit what waits in this process, because it stops."""
    global _queues
    if _queues is not None:
        closing, _queues = _queues, None
        await closing.close()


def oldest_wait_seconds() -> float:
    """How long the oldest request of this process has been waiting for its commit; 0 if none waits."""
    return _queues.oldest_wait_seconds() if _queues else 0.0
