"""Two lanes into the database for one process, so that batches do not hold up single events.

A batch of more than a hundred events goes to a second writer with a connection of its own, in chunks that are
sorted by camera. Must not import doors.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.utils import timezone

from controlplane.problems import DATABASE_AWAY
from telemetry.ingest.accept import Submission
from telemetry.ingest.group_commit import GroupCommit, QueueFull
from telemetry.ingest.receipts import Receipt
from telemetry.ingest.ticks import TICK_SECONDS, ClockWrong, tick

QUICK_AT_MOST_EVENTS = 100
# Bodies that are read, parsed or waiting at one time; more would be memory that nobody has reckoned with.
MAX_WAITING_BYTES = 64 * 1024 * 1024

log = structlog.get_logger(__name__)
CHUNK_EVENTS = 1_000


class Lanes:
    """The lanes of one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.quick = GroupCommit()
        self.bulk = GroupCommit(max_group_events=CHUNK_EVENTS, before=self.quick)
        self._waiting_bytes = 0
        self._clock_wrong: ClockWrong | None = None
        self._ticking = self.loop.create_task(self._tick_on())

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """A function that takes room for so many bytes, or raises QueueFull; it is given back at the end."""
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

    async def submit(self, submission: Submission) -> list[Receipt]:
        """The receipts, in the order of the events, after the commit.

        Raises as `GroupCommit.submit` does, and ClockWrong.
        """
        if self._clock_wrong:
            # A new one each time: one that is raised again keeps the frames, and so the body, of every request.
            raise ClockWrong(*self._clock_wrong.args)
        if len(submission.events) <= QUICK_AT_MOST_EVENTS:
            return await self.quick.submit(submission)
        if len(submission.events) <= CHUNK_EVENTS:
            return await self.bulk.submit(submission)
        return await self._submit_in_chunks(submission)

    async def _submit_in_chunks(self, submission: Submission) -> list[Receipt]:
        principal, events = submission
        if not self.bulk.has_room_for(len(events)):
            raise QueueFull
        # Nothing is awaited until all are handed in: there is room for all of it, or it is refused whole.
        # Python's sort is stable: of two events with one key, the first stays the first.
        order = sorted(range(len(events)), key=lambda index: events[index].camera_id.int)
        chunks = [order[start : start + CHUNK_EVENTS] for start in range(0, len(order), CHUNK_EVENTS)]
        answers = await asyncio.gather(
            *(self.bulk.hand_in(Submission(principal, [events[index] for index in chunk])) for chunk in chunks)
        )
        receipts: dict[int, Receipt] = {}
        for chunk, answer in zip(chunks, answers, strict=True):
            receipts.update(zip(chunk, answer, strict=True))
        return [receipts[index] for index in range(len(events))]

    def oldest_wait_seconds(self) -> float:
        return max(self.quick.oldest_wait_seconds(), self.bulk.oldest_wait_seconds())

    async def close(self) -> None:
        """Commit what waits, and give the connections back."""
        self._ticking.cancel()
        await self.quick.close()
        await self.bulk.close()

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
                pass  # that there is no tick tells enough
            except Exception as error:
                log.exception("no tick", exception_type=type(error).__name__)
            await asyncio.sleep(TICK_SECONDS)


_lanes: Lanes | None = None


def lanes() -> Lanes:
    """The lanes of this process, made at their first use in the loop that serves."""
    global _lanes
    if _lanes is None or _lanes.loop.is_closed():
        _lanes = Lanes()
    return _lanes


async def open_lanes() -> None:
    """Begin to tick, because the process serves."""
    lanes()


async def close_lanes() -> None:
    """Commit what waits in this process, because it stops."""
    global _lanes
    if _lanes is not None:
        closing, _lanes = _lanes, None
        await closing.close()


def oldest_wait_seconds() -> float:
    """How long the oldest request of this process has been waiting; 0 where nothing was ever handed in."""
    return _lanes.oldest_wait_seconds() if _lanes else 0.0
