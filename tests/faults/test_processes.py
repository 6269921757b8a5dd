"""Processes of the service killed, hung up, ended and recycled, under clients that repeat until acknowledged."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.client import Answer, Connection
from tests.faults.ledger import Ledger
from tests.faults.load import GIVE_UP_SECONDS, Load
from tests.faults.service import WORKERS, Fleet, Service

pytestmark = pytest.mark.xdist_group("faults")

Connect = Callable[..., psycopg.Connection[Any]]
Record = Callable[[str, object], None]
GRACEFUL_SECONDS = 8


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
            time.sleep(0.5)
            service.hang_up()
        time.sleep(0.5)

    ledger.check(database())
    assert ledger.unanswered == 0
    assert set(ledger.statuses) <= {200, 201}
    record_property("reloads", reloads)
    record_property("requests, all answered", len(load.attempts))


def test_a_stop_answers_what_it_has_taken_and_is_quick(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    took = []
    clients = 8
    with Load(service.port, fleet.tokens["worker"], ledger, sizes=(1,) * clients) as load:
        for _ in range(10 if long else 1):
            time.sleep(0.5)
            before, told_at = len(load.attempts), time.monotonic()
            took.append(service.stop())
            lost = [attempt for attempt in load.attempts[before:] if not attempt.status and attempt.whole]
            service.start()
            load.wait_for_answer(time.monotonic())
            assert [attempt for attempt in lost if attempt.sent_at < told_at] == []
            assert len(lost) <= clients, "more than one reset for a connection"

    ledger.check(database())
    assert set(ledger.statuses) <= {200, 201, 503}
    assert max(took) < GRACEFUL_SECONDS
    record_property("stops", len(took))
    record_property("longest stop (s)", round(max(took), 2))
    record_property("requests without an answer", ledger.unanswered)


def test_a_stop_ends_long_polls_and_idle_connections_at_its_start(service: Service, fleet: Fleet) -> None:
    async def poll() -> tuple[Answer, float]:
        async with Connection(service.port, fleet.tokens["viewer"]) as waiting, Connection(service.port) as idle:
            listed = await waiting.request("GET", "/cameras?limit=1")
            path = f"/cameras/changes?since={listed.headers['x-cursor']}&wait=30"
            await idle.request("GET", "/livez")
            polling = asyncio.create_task(waiting.request("GET", path))
            await asyncio.sleep(0.5)
            stopping = asyncio.create_task(asyncio.to_thread(service.stop))
            return await polling, await stopping

    try:
        answer, seconds = asyncio.run(poll())
    finally:
        service.start()

    assert (answer.status, answer.json()["changes"]) == (200, [])
    assert seconds < GRACEFUL_SECONDS


def test_recycled_workers_fail_no_request(
    fleet: Fleet,
    ledger: Ledger,
    database: Connect,
    database_url: str,
    tmp_path: Path,
    long: bool,
    record_property: Record,
) -> None:
    most, wanted = (500, 20_000) if long else (200, 800)
    with Service(tmp_path, database_url, "--max-requests", str(most)) as recycled:
        first = set(recycled.workers())
        with Load(recycled.port, fleet.tokens["worker"], ledger) as load:
            while len(load.attempts) < wanted or first & set(recycled.workers()):
                assert load.slowest() < GIVE_UP_SECONDS
                time.sleep(0.1)
        assert recycled.faults_told() == []

    ledger.check(database())
    assert ledger.unanswered == 0
    assert set(ledger.statuses) <= {200, 201}
    record_property("requests, all answered", len(load.attempts))


def _wait_for_workers(service: Service) -> None:
    deadline = time.monotonic() + 30
    while len(service.workers()) < WORKERS and time.monotonic() < deadline:
        time.sleep(0.1)
