"""Processes of the service killed, hung up, ended and recycled, under clients that repeat until acknowledged."""

import asyncio
import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.client import Connection
from tests.faults.ledger import Ledger
from tests.faults.load import Load
from tests.faults.service import LISTENING, WORKERS, Fleet, Service
from tests.processes import END_SECONDS
from tests.waiting import wait_until

Connect = Callable[..., psycopg.Connection[Any]]
Record = Callable[[str, object], None]
GRACEFUL_SECONDS = 8
CLIENTS_THAT_WAIT = 4


class Waiters(threading.Thread):
    """Long polls, and connections that are idle until the service closes them; a context manager, which waits for that."""

    def __init__(self, port: int, token: str) -> None:
        super().__init__(name="waiters")
        self.asked = 0
        self.answers: list[tuple[int, list[Any]]] = []
        self._port, self._token = port, token

    def __enter__(self) -> "Waiters":
        self.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.join()

    def run(self) -> None:
        asyncio.run(self._wait())

    async def _wait(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS_THAT_WAIT):
                group.create_task(self._poll())

    async def _poll(self) -> None:
        async with Connection(self._port, self._token) as waiting, Connection(self._port) as idle:
            await idle.request("GET", "/livez")
            listed = await waiting.request("GET", "/cameras?limit=1")
            self.asked += 1
            answer = await waiting.request("GET", f"/cameras/changes?since={listed.headers['x-cursor']}&wait=30")
            self.answers.append((answer.status, answer.json()["changes"]))
            with contextlib.suppress(asyncio.IncompleteReadError):
                await idle.receive()


def test_nothing_acknowledged_is_lost_or_doubled_when_workers_are_killed(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    kills = 20 if long else 3
    with Load(service.port, fleet.tokens["worker"], ledger) as load:
        for _ in range(kills):
            time.sleep(0.7)
            os.kill(random.choice(service.workers()), signal.SIGKILL)
            load.wait_for_answer(time.monotonic())

    ledger.check(database())
    assert set(ledger.statuses) <= {200, 201, 503}
    assert ledger.unanswered > 0, "the kills were not noticed: the test tests nothing"
    record_property("kills", kills)
    record_property("events stored", len(ledger.acknowledged))
    record_property("requests without an answer", ledger.unanswered)
    record_property("statuses", dict(ledger.statuses))
    _wait_for_workers(service)


def test_a_reload_fails_no_request(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    reloads = 10 if long else 1
    with Load(service.port, fleet.tokens["worker"], ledger) as load:
        for _ in range(reloads):
            load.wait_for_answer(time.monotonic())
            service.hang_up()
        load.wait_for_answer(time.monotonic())

    ledger.check(database())
    assert ledger.unanswered == 0
    assert set(ledger.statuses) <= {200, 201}
    record_property("reloads", reloads)
    record_property("requests, all answered", len(load.attempts))


def test_a_reload_announces_itself_on_every_connection_that_is_kept(
    service: Service, long: bool, record_property: Record
) -> None:
    """So many short requests that some are between an answer and the next request at any moment."""
    statuses: Counter[int] = Counter()

    async def ask(until: asyncio.Task[None]) -> None:
        """Unanswered is raised where a connection ends and no answer said so."""
        async with Connection(service.port) as connection:
            while not until.done():
                statuses[(await connection.request("GET", "/livez")).status] += 1

    async def reload() -> None:
        for _ in range(10 if long else 2):
            await asyncio.to_thread(service.hang_up)

    async def all_at_once() -> None:
        reloading = asyncio.create_task(reload())
        await asyncio.gather(reloading, *(ask(reloading) for _ in range(64)))

    asyncio.run(all_at_once())

    assert set(statuses) == {200}
    record_property("requests, all answered", statuses.total())


def test_a_stop_answers_what_it_has_taken_ends_waits_and_is_quick(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    took = []
    clients = 8
    with Load(service.port, fleet.tokens["worker"], ledger, sizes=(1,) * clients) as load:
        for _ in range(10 if long else 1):
            with Waiters(service.port, fleet.tokens["viewer"]) as waiters:
                wait_until(lambda: waiters.asked == CLIENTS_THAT_WAIT)
                before, terminated_at = len(load.attempts), time.monotonic()
                took.append(service.stop())
            unanswered = [attempt for attempt in load.attempts[before:] if not attempt.status and attempt.whole]
            service.start()
            load.wait_for_answer(time.monotonic())
            assert waiters.answers == [(200, [])] * CLIENTS_THAT_WAIT
            assert [attempt for attempt in unanswered if attempt.sent_at < terminated_at] == []
            assert len(unanswered) <= clients, "more than one reset for a connection"

    ledger.check(database())
    assert set(ledger.statuses) <= {200, 201, 503}
    assert max(took) < GRACEFUL_SECONDS
    record_property("stops", len(took))
    record_property("longest stop (s)", round(max(took), 2))
    record_property("requests without an answer", ledger.unanswered)


def test_a_stop_that_comes_while_workers_start_is_not_forgotten(
    database_url: str, fleet: Fleet, tmp_path: Path
) -> None:
    service = Service(tmp_path, database_url, "--graceful-timeout", "60")
    service.launch()
    _wait_for_workers(service)
    before = service.log.read_text()
    took = service.stop()

    assert LISTENING not in before, "they had loaded the application: the test tests nothing"
    assert took < END_SECONDS, "it was ended by force"


def test_recycled_workers_fail_no_request(
    small_service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    first = set(small_service.workers())
    with Load(small_service.port, fleet.tokens["worker"], ledger) as load:
        while len(load.attempts) < (20_000 if long else 500) or first & set(small_service.workers()):
            load.wait_for_answer(time.monotonic())
            time.sleep(0.1)

    ledger.check(database())
    assert ledger.unanswered == 0
    assert set(ledger.statuses) <= {200, 201}
    record_property("requests, all answered", len(load.attempts))


def _wait_for_workers(service: Service) -> None:
    wait_until(lambda: len(service.workers()) == WORKERS, seconds=30)
