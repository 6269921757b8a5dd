"""SQLite under two processes: no client is answered that the database is locked, and group commit pays."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.client import Connection
from tests.faults.ledger import Ledger
from tests.faults.load import post
from tests.faults.service import Fleet, Service, make_fleet

CLIENTS = 32


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'faults.sqlite3'}"


def rate(port: int, token: str, ledger: Ledger, seconds: float) -> float:
    """Events a second that clients with single events reach; each must be stored."""

    async def client(until: float) -> int:
        count = 0
        async with Connection(port, token) as connection:
            while time.monotonic() < until:
                event = ledger.make_event()
                answer = await post(connection, [event])
                ledger.statuses[answer.status] += 1
                ledger.acknowledge([event], accepted=1, duplicates=0)
                count += 1
        return count

    async def all_clients() -> float:
        started = time.monotonic()
        counts = await asyncio.gather(*(client(started + seconds) for _ in range(CLIENTS)))
        return sum(counts) / (time.monotonic() - started)

    return asyncio.run(all_clients())


def test_two_processes_on_sqlite_never_find_it_locked_and_share_commits(
    url: str, tmp_path: Path, long: bool, record_property: Callable[[str, object], None]
) -> None:
    fleet: Fleet = make_fleet(url, 20)
    grouped, alone = Ledger(fleet.cameras), Ledger(fleet.cameras)
    seconds = 10 if long else 1.5

    with Service(tmp_path, url) as service:
        together = rate(service.port, fleet.tokens["worker"], grouped, seconds)
        assert service.logged_errors() == []
    # The same events by the endpoint that stores each in a transaction of its own.
    wsgi = Service(
        tmp_path, url, "--threads", "4", application="controlplane.wsgi:application", worker_class="gthread"
    )
    with wsgi:
        one_by_one = rate(wsgi.port, fleet.tokens["worker"], alone, seconds)
        assert wsgi.logged_errors() == []

    assert grouped.statuses.keys() | alone.statuses.keys() == {201}
    database = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        stored = database.execute("SELECT count(*) FROM telemetry_sample").fetchone()[0]
        accepted = database.execute("SELECT sum(accepted_count) FROM cameras_cameravitals").fetchone()[0]
    finally:
        database.close()
    assert stored == accepted == len(grouped.acknowledged) + len(alone.acknowledged)
    assert together > 1.5 * one_by_one
    record_property("events a second, group commit", round(together))
    record_property("events a second, one transaction each", round(one_by_one))
    record_property("ratio", round(together / one_by_one, 1))
