"""Group commit: shared transactions, bounded waiting, and one bad request never costs the others."""

import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import InternalError, OperationalError, ProgrammingError
from prometheus_client import REGISTRY
from psycopg.errors import UndefinedTable

from telemetry.ingest import group_commit
from telemetry.ingest.accept import Submission
from telemetry.ingest.group_commit import GroupCommit, QueueFull
from telemetry.ingest.receipts import Outcome, Receipt
from telemetry.ingest.wire import Event
from tests.factories import make_principal
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

WORKER_PRINCIPAL = make_principal("worker")


def submission(count: int = 1, occupancy: int = 5) -> Submission:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Submission(WORKER_PRINCIPAL, [Event(uuid4(), at, "", occupancy, 1.0, None) for _ in range(count)])


class Accepting:
    """Stands for the transaction: remembers the groups, waits until it is released, fails with `error` or by `poison`."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.tried = self.taken = 0
        self.seconds = 0.0
        self.released = threading.Event()
        self.released.set()
        self.poison: set[int] = set()
        self.error: Exception | None = None

    def __call__(self, submissions: Sequence[Submission], now: datetime) -> list[list[Receipt]]:
        self.tried += 1
        self.taken += len(submissions)
        self.released.wait(timeout=10)
        time.sleep(self.seconds)
        if self.error:
            raise self.error
        if any(event.occupancy in self.poison for each in submissions for event in each.events):
            raise ValueError("poison")
        self.groups.append(len(submissions))
        return [
            [Receipt(Outcome.STORED, "running", event.occupancy) for event in each.events] for each in submissions
        ]


def waiting_in(queue: GroupCommit) -> int:
    """How many requests wait for the next group."""
    return len(queue._waiters)


def run(scenario: Callable[[GroupCommit, Accepting], Awaitable[None]]) -> None:
    async def with_queue() -> None:
        accepting = Accepting()
        queue = GroupCommit(accepting)
        try:
            await scenario(queue, accepting)
        finally:
            accepting.released.set()
            await queue.close()

    asyncio.run(with_queue())


def test_requests_that_arrive_during_a_commit_share_the_next_one() -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        accepting.released.clear()
        first = asyncio.create_task(queue.submit(submission()))
        await until(lambda: accepting.tried == 1)
        others = [asyncio.create_task(queue.submit(submission(occupancy=number))) for number in range(50)]
        await until(lambda: waiting_in(queue) == 50)
        accepting.released.set()

        await first
        receipts = await asyncio.gather(*others)

        assert accepting.groups == [1, 50]
        assert [receipt.generation for (receipt,) in receipts] == list(range(50)), "each gets its own"

    run(scenario)


def test_senders_that_come_again_at_once_make_one_large_group_and_not_two_in_turn() -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        async def sender() -> None:
            for _ in range(20):
                await queue.submit(submission())
                await asyncio.sleep(0.001)  # its next post is on its way

        accepting.seconds = 0.01
        accepting.released.clear()
        senders = [asyncio.create_task(sender()) for _ in range(20)]
        await until(lambda: accepting.tried == 1)
        senders += [asyncio.create_task(sender()) for _ in range(20)]
        await until(lambda: waiting_in(queue) + accepting.taken == 40)
        accepting.released.set()
        await asyncio.gather(*senders)

        assert sum(accepting.groups) == 800
        assert statistics.median(accepting.groups) >= 30

    run(scenario)


@pytest.mark.parametrize(("senders", "gather_seconds"), [(40, 0.005), (4, 60)])
def test_senders_that_do_not_come_again_hold_up_nobody(
    senders: int, gather_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "GATHER_SECONDS", gather_seconds)

    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        await asyncio.gather(*(queue.submit(submission()) for _ in range(senders)))
        await asyncio.wait_for(queue.submit(submission()), timeout=5)

        assert accepting.groups == [senders, 1]

    run(scenario)


def test_a_full_queue_refuses_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MAX_WAITING_EVENTS", 10)

    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        accepting.released.clear()
        first = asyncio.create_task(queue.submit(submission()))
        await until(lambda: accepting.tried == 1)
        waiting = asyncio.create_task(queue.submit(submission(10)))
        await until(lambda: waiting_in(queue) == 1)
        with pytest.raises(QueueFull):
            await queue.submit(submission())
        accepting.released.set()
        await asyncio.gather(first, waiting)

        assert len(await queue.submit(submission(10))) == 10

    run(scenario)


def test_a_request_that_cannot_be_stored_is_refused_alone() -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        accepting.released.clear()
        accepting.poison = {13}
        first = asyncio.create_task(queue.submit(submission()))
        await until(lambda: accepting.tried == 1)
        others = [asyncio.create_task(queue.submit(submission(occupancy=number))) for number in range(20)]
        await until(lambda: waiting_in(queue) == 20)
        accepting.released.set()
        await first

        answers = await asyncio.gather(*others, return_exceptions=True)

        assert [number for number, answer in enumerate(answers) if isinstance(answer, Exception)] == [13]

    run(scenario)


def no_such_table() -> ProgrammingError:
    error = ProgrammingError("a restore is under way")
    error.__cause__ = UndefinedTable()
    return error


@pytest.mark.parametrize("error", [OperationalError("down"), InternalError("read-only"), no_such_table()])
def test_if_the_database_is_away_the_whole_group_fails_at_once_and_the_queue_recovers(error: Exception) -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        accepting.error = error
        answers = await asyncio.gather(*(queue.submit(submission()) for _ in range(5)), return_exceptions=True)
        assert answers == [error] * 5
        assert accepting.tried == 1

        accepting.error = None
        assert len(await queue.submit(submission())) == 1

    run(scenario)


def test_a_client_that_hangs_up_before_the_commit_does_not_stop_the_others() -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        accepting.released.clear()
        first = asyncio.create_task(queue.submit(submission()))
        await until(lambda: accepting.tried == 1)
        gone, stays = (asyncio.create_task(queue.submit(submission())) for _ in range(2))
        await until(lambda: waiting_in(queue) == 2)
        gone.cancel()
        first.cancel()
        await until(lambda: gone.done() and first.done())
        accepting.released.set()

        assert len(await stays) == 1

    run(scenario)


def test_the_oldest_wait_is_known_while_a_commit_hangs() -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        assert queue.oldest_wait_seconds() == 0
        accepting.released.clear()
        waiting = asyncio.create_task(queue.submit(submission()))
        await until(lambda: queue.oldest_wait_seconds() > 0.2)
        assert queue.oldest_wait_seconds() < 5
        accepting.released.set()
        await waiting

    run(scenario)


def test_the_metric_of_waiting_events_counts_all_queues_while_a_commit_hangs() -> None:
    def waiting() -> float:
        return REGISTRY.get_sample_value("controlplane_ingest_waiting_events") or 0.0

    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        accepting.released.clear()
        before, other = waiting(), GroupCommit(Accepting())
        requests = []
        for count in (1, 40, 2):
            requests.append(asyncio.create_task(queue.submit(submission(count))))
            await until(lambda: accepting.tried == 1)  # what is being committed does not wait any more
        await other.submit(submission())
        await until(lambda: waiting() - before == 42)
        accepting.released.set()
        await asyncio.gather(*requests)
        await until(lambda: waiting() == before)
        await other.close()

    run(scenario)


def test_the_writing_thread_has_a_connection_of_its_own(monkeypatch: Any) -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        def look() -> Any:
            connection = group_commit.connections["default"]
            return connection.settings_dict["CONN_MAX_AGE"], connection.settings_dict["OPTIONS"].get("pool")

        age, pool = await asyncio.get_running_loop().run_in_executor(queue._writer, look)
        assert (age, pool) == (None, None)

    run(scenario)


def test_if_the_database_is_away_requests_behind_the_group_fail_with_it() -> None:
    async def scenario(queue: GroupCommit, accepting: Accepting) -> None:
        accepting.released.clear()
        accepting.error = OperationalError("away")
        first = asyncio.create_task(queue.submit(submission()))
        await until(lambda: accepting.tried == 1)
        behind = [asyncio.create_task(queue.submit(submission())) for _ in range(3)]
        await until(lambda: waiting_in(queue) == 3)
        accepting.released.set()

        answers = await asyncio.gather(first, *behind, return_exceptions=True)

        assert [type(error) for error in answers] == [OperationalError] * 4
        accepting.error = None
        assert await queue.submit(submission())
        assert accepting.groups == [1]

    run(scenario)


@pytest.mark.parametrize("in_use", [True, False])
def test_a_queue_rests_a_moment_after_a_group_while_the_one_before_it_is_in_use(
    in_use: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no longer, though a group took longer: then it waited for the database."""
    most, took = 0.3, 0.6
    monkeypatch.setattr(group_commit, "MAX_REST_SECONDS", most)

    async def scenario(before: GroupCommit, accepting: Accepting) -> None:
        starts: list[float] = []

        def slow(submissions: Sequence[Submission], now: datetime) -> list[list[Receipt]]:
            starts.append(time.monotonic())
            time.sleep(took)
            return [[] for _ in submissions]

        queue = GroupCommit(slow, max_group_events=1, before=before)
        waiting = [asyncio.create_task(queue.submit(submission())) for _ in range(2)]
        await until(lambda: starts)
        if in_use:
            await before.submit(submission())
        await asyncio.gather(*waiting)
        await queue.close()

        rested = starts[1] - starts[0] - took
        assert (rested >= most) is in_use
        assert rested < took

    run(scenario)
