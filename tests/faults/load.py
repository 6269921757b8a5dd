"""Clients that post telemetry until it is acknowledged, whatever happens meanwhile."""

import asyncio
import json
import random
import threading
import time
from collections.abc import Coroutine
from typing import Any, NamedTuple

from tests.faults.client import Answer, Connection, Unanswered
from tests.faults.ledger import Event, Ledger

GIVE_UP_SECONDS = 150


class Attempt(NamedTuple):
    """One request; times of the monotonic clock. Status 0: no answer came."""

    sent_at: float
    answered_at: float
    status: int
    whole: bool

    @property
    def seconds(self) -> float:
        return self.answered_at - self.sent_at


class Load:
    """A context manager: from its start to its end, clients post events of the ledger's cameras.

    It runs in a thread of its own, so that faults are made in the main thread: what that one starts would end with
    another. At the end every event that was begun is acknowledged. Sizes are of the batches of each client; 1 is a
    single event.
    """

    def __init__(
        self, port: int, token: str, ledger: Ledger, sizes: tuple[int, ...] = (1, 1, 1, 1, 1, 1, 20, 150)
    ):
        self.attempts: list[Attempt] = []
        self._port, self._token, self._ledger, self._sizes = port, token, ledger, sizes
        self._ending = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load")

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._ending = True
        self._thread.join()
        if self._failure is not None and kind is None:
            raise self._failure

    def wait_for_answer(self, since: float) -> float:
        """Wait for the first 2xx to a request since a moment; returns how many seconds after it that came."""
        while self._failure is None:
            for attempt in reversed(self.attempts):
                if attempt.answered_at < since:
                    break
                if attempt.status in (200, 201):
                    return min(
                        attempt.answered_at - since
                        for attempt in self.attempts
                        if attempt.status in (200, 201) and attempt.answered_at >= since
                    )
            if time.monotonic() - since > GIVE_UP_SECONDS:
                raise AssertionError(f"nothing was acknowledged for {GIVE_UP_SECONDS} seconds")
            time.sleep(0.01)
        raise self._failure

    def slowest(self, since: float = 0.0) -> float:
        """The longest that an answer took, of those that came since a moment."""
        return max((attempt.seconds for attempt in self.attempts if attempt.answered_at >= since), default=0.0)

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:
            self._failure = error

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for size in self._sizes:
                group.create_task(self._client(size))

    async def _client(self, size: int) -> None:
        async with Connection(self._port, self._token) as connection:
            while not self._ending:
                events = [self._ledger.make_event() for _ in range(size)]
                await post_until_acknowledged(connection, self._ledger, events, self.attempts)


async def post_until_acknowledged(
    connection: Connection, ledger: Ledger, events: list[Event], attempts: list[Attempt]
) -> None:
    """Send one event or one batch, again after each 503 and each answer that does not come."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        sent_at = time.monotonic()
        try:
            answer = await post(connection, events)
        except Unanswered as error:
            ledger.unanswered += 1
            attempts.append(Attempt(sent_at, time.monotonic(), 0, error.sent))
            await asyncio.sleep(0.05)
            continue
        attempts.append(Attempt(sent_at, time.monotonic(), answer.status, True))
        ledger.statuses[answer.status] += 1
        if answer.status in (200, 201):
            receipt = answer.json()
            assert receipt["accepted"] + receipt["duplicates"] == len(events), receipt
            ledger.acknowledge(events, accepted=receipt["accepted"], duplicates=receipt["duplicates"])
            return
        assert answer.status == 503, (answer.status, answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
        ledger.problems[answer.json()["detail"]] += 1
        await asyncio.sleep(random.uniform(0.05, 0.15))  # sooner than asked to: clients are not always polite
    raise AssertionError(f"an event was not acknowledged for {GIVE_UP_SECONDS} seconds")


async def post(connection: Connection, events: list[Event]) -> Answer:
    """Send events: one as a single event, more as a batch. Raises Unanswered."""
    if len(events) == 1:
        (event,) = events
        return await connection.request(
            "POST", f"/telemetry/{event.camera}", json.dumps(event.wire(item=False)).encode()
        )
    return await connection.request("POST", "/telemetry", batch_of([event.wire(item=True) for event in events]))


def batch_of(items: list[Any], *, ndjson: bool = False) -> bytes:
    if ndjson:
        return "".join(f"{json.dumps(item)}\n" for item in items).encode()
    return json.dumps(items).encode()


def share(work: list[Coroutine[Any, Any, None]], clients: int) -> None:
    """Do pieces of work in their order, so many at a time."""

    async def client(queue: "list[Coroutine[Any, Any, None]]") -> None:
        while queue:
            await queue.pop()

    async def run() -> None:
        queue = work[::-1]
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(clients):
                    group.create_task(client(queue))
        finally:
            for left in queue:
                left.close()

    asyncio.run(run())


def percentile(seconds: list[float], share_below: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share_below))]
