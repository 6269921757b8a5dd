"""PostgreSQL killed, frozen, locked and out of connections, under clients that repeat until acknowledged."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import Cluster
from tests.faults.client import Connection
from tests.faults.conftest import DATABASE, ROLE
from tests.faults.ledger import Ledger
from tests.faults.load import Load, percentile, post
from tests.faults.service import Fleet, Service
from tests.waiting import wait_until

Connect = Callable[..., psycopg.Connection[Any]]
Record = Callable[[str, object], None]


class Reads(threading.Thread):
    """One client that repeats a GET; a context manager."""

    def __init__(self, port: int, token: str, path: str) -> None:
        super().__init__(name="reads")
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.last_served_at = 0.0
        self._port, self._token, self._path = port, token, path
        self._ending = False

    def __enter__(self) -> "Reads":
        self.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._ending = True
        self.join()

    def run(self) -> None:
        asyncio.run(self._read())

    async def _read(self) -> None:
        async with Connection(self._port, self._token) as connection:
            while not self._ending:
                started = time.monotonic()
                answer = await connection.request("GET", self._path)
                self.seconds.append(time.monotonic() - started)
                self.statuses[answer.status] += 1
                if answer.status == 200:
                    self.last_served_at = time.monotonic()
                await asyncio.sleep(0.02)

    def wait_for_answer(self, since: float) -> float:
        """Wait for a 200 since a moment; returns how many seconds after it that came, to about 10 ms."""
        wait_until(lambda: self.last_served_at > since, seconds=30)
        return time.monotonic() - since


def test_nothing_is_lost_or_doubled_when_postgresql_is_killed_and_every_answer_comes_soon(
    cluster: Cluster,
    service: Service,
    fleet: Fleet,
    ledger: Ledger,
    database: Connect,
    long: bool,
    record_property: Record,
) -> None:
    """Killed so many times, and down for so many seconds."""
    until_acknowledged, until_read = [], []
    for seconds_down in [30, 120, *[0] * 18] if long else [5, 0]:
        with (
            Load(service.port, fleet.tokens["worker"], ledger) as load,
            Reads(service.port, fleet.tokens["viewer"], "/cameras") as reads,
        ):
            load.wait_for_answer(time.monotonic())
            killed_at = time.monotonic()
            cluster.kill()
            time.sleep(seconds_down)
            refused = [attempt.status for attempt in load.attempts if attempt.sent_at > killed_at]
            cluster.start()
            started_at = time.monotonic()
            until_read.append(reads.wait_for_answer(started_at))
            until_acknowledged.append(load.wait_for_answer(started_at))

        assert set(reads.statuses) <= {200, 503}
        assert load.slowest() < 3
        assert max(reads.seconds) < 3
        if seconds_down:
            assert reads.statuses[503] > 0
            assert set(refused) <= {200, 201, 503}
            assert refused.count(503) > 10 * seconds_down
            record_property(f"down {seconds_down} s: answers of 503", refused.count(503))
            record_property(f"down {seconds_down} s: slowest answer of ingest (s)", round(load.slowest(), 2))
            record_property(f"down {seconds_down} s: slowest GET /cameras (s)", round(max(reads.seconds), 2))

    ledger.check(database())
    assert set(ledger.statuses) <= {200, 201, 503}
    assert max(until_acknowledged) < 2
    assert max(until_read) < 2
    record_property("kills", len(until_acknowledged))
    record_property("longest until the first read (s)", round(max(until_read), 3))
    record_property("events stored", len(ledger.acknowledged))
    record_property("statuses", dict(ledger.statuses))
    record_property("requests without an answer", ledger.unanswered)
    record_property("longest until the first acknowledgement (s)", round(max(until_acknowledged), 3))


def test_a_restart_of_postgresql_between_requests_fails_none(
    cluster: Cluster, service: Service, fleet: Fleet, ledger: Ledger, database: Connect
) -> None:
    """Though every session that the processes keep has ended."""

    async def ask() -> list[int]:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            event = ledger.make_event()
            answer = await post(connection, [event])
            ledger.acknowledge([event], accepted=1, duplicates=0)
        async with Connection(service.port, fleet.tokens["viewer"]) as connection:
            return [answer.status, (await connection.request("GET", "/cameras?limit=1")).status]

    async def ask_together() -> list[list[int]]:
        return await asyncio.gather(*[ask() for _ in range(12)])

    asyncio.run(ask_together())
    cluster.stop()
    cluster.start()

    assert asyncio.run(ask_together()) == [[201, 200]] * 12
    ledger.check(database())


def test_a_frozen_postgresql_stops_no_process_and_loses_nothing(
    cluster: Cluster,
    service: Service,
    fleet: Fleet,
    ledger: Ledger,
    database: Connect,
    long: bool,
    record_property: Record,
) -> None:
    workers, seconds = service.workers(), 20 if long else 2.5
    with (
        Load(service.port, fleet.tokens["worker"], ledger) as load,
        Reads(service.port, "", "/livez") as probes,
    ):
        load.wait_for_answer(time.monotonic())
        frozen_at = time.monotonic()
        with cluster.frozen():
            time.sleep(seconds)
        thawed_at = time.monotonic()
        until_acknowledged = load.wait_for_answer(thawed_at)
        time.sleep(2)
        thawed = [attempt.seconds for attempt in load.attempts if attempt.sent_at > thawed_at]

    ledger.check(database())
    assert set(ledger.statuses) <= {200, 201, 503}
    assert set(probes.statuses) == {200}
    assert service.workers() == workers
    assert load.slowest(frozen_at) > 1.5, "it was not frozen: the test tests nothing"
    assert load.slowest(frozen_at) < 5, "a server that hangs is waited for"
    assert until_acknowledged < 2
    assert thawed, "nothing was answered for two seconds"
    assert percentile(thawed, 0.99) < 2
    record_property("slowest /livez (s)", round(max(probes.seconds), 3))
    record_property("slowest answer of ingest (s)", round(load.slowest(frozen_at), 2))
    record_property("until the first acknowledgement (s)", round(until_acknowledged, 3))


def test_a_locked_table_of_samples_is_answered_with_503_and_leaves_the_configuration_alone(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    with (
        Load(service.port, fleet.tokens["worker"], ledger) as load,
        Reads(service.port, fleet.tokens["viewer"], "/cameras") as reads,
        database(autocommit=False) as locker,
    ):
        load.wait_for_answer(time.monotonic())
        locker.execute("LOCK TABLE telemetry_sample IN ACCESS EXCLUSIVE MODE")
        time.sleep(10 if long else 3)
        locker.rollback()
        until_acknowledged = load.wait_for_answer(time.monotonic())

    ledger.check(database())
    assert ledger.statuses[503] > 0
    assert set(ledger.statuses) <= {200, 201, 503}
    assert set(reads.statuses) == {200}
    assert percentile(reads.seconds, 0.99) < 1
    assert until_acknowledged < 2
    assert load.slowest() < 3
    record_property("slowest answer of ingest (s)", round(load.slowest(), 2))
    record_property("p99 of GET /cameras (s)", round(percentile(reads.seconds, 0.99), 3))


@pytest.fixture
def service_for_readers(database_url: str, fleet: Fleet, tmp_path: Path) -> Iterator[Service]:
    """One where one principal may have all places: those who wait for a connection are not refused for that."""
    with Service(tmp_path, database_url, settings={"REQUESTS_PER_PRINCIPAL": "64"}) as service:
        yield service
        assert service.logged_errors() == []


def test_a_database_without_connections_to_spare_is_answered_with_503(
    service_for_readers: Service,
    fleet: Fleet,
    ledger: Ledger,
    database: Connect,
    long: bool,
    record_property: Record,
) -> None:
    control = database()
    control.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 10")
    end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
    count_sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
    try:
        control.execute(end_sessions, [ROLE])
        readers = [Reads(service_for_readers.port, fleet.tokens["viewer"], "/cameras") for _ in range(32)]
        with (
            Load(service_for_readers.port, fleet.tokens["worker"], ledger, sizes=(1,) * 32) as load,
            ExitStack() as stack,
        ):
            for reader in readers:
                stack.enter_context(reader)
            most = 0
            for _ in range(60 if long else 2):
                time.sleep(1)
                row = control.execute(count_sessions, [ROLE]).fetchone()
                most = max(most, row[0] if row else 0)
            control.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")
            until_acknowledged = load.wait_for_answer(time.monotonic())
    finally:
        control.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")

    ledger.check(control)
    statuses = sum((reader.statuses for reader in readers), Counter[int]())
    stored = [attempt.seconds for attempt in load.attempts if attempt.status in (200, 201)]
    assert set(ledger.statuses) <= {200, 201, 503}
    assert set(statuses) <= {200, 503}
    assert most <= 10
    assert percentile(stored, 0.99) < 3
    assert until_acknowledged < 2
    record_property("connections", most)
    record_property("statuses of ingest", dict(ledger.statuses))
    record_property("statuses of GET /cameras", dict(statuses))
    record_property("p99 of what was stored (s)", round(percentile(stored, 0.99), 3))


def test_a_database_that_only_reads_is_answered_with_503(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect
) -> None:
    control = database()
    camera = f"/cameras/{ledger.cameras[0]}"
    statuses: dict[str, int] = {}

    async def ask() -> None:
        for role, method, path in (
            ("viewer", "GET", "/readyz"),
            ("viewer", "GET", camera),
            ("administrator", "PATCH", camera),
        ):
            async with Connection(service.port, fleet.tokens[role]) as connection:
                body = b'{"name": "Renamed"}' if method == "PATCH" else b""
                statuses[f"{method} {path}"] = (await connection.request(method, path, body)).status

    with Load(service.port, fleet.tokens["worker"], ledger) as load:
        load.wait_for_answer(time.monotonic())
        # As a provider does where the disk is full: sessions that are there are read-only from now on, too.
        control.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            control.execute("SELECT pg_reload_conf()")
            wait_until(lambda: ledger.statuses[503])
            asyncio.run(ask())
        finally:
            control.execute("ALTER SYSTEM RESET default_transaction_read_only")
            control.execute("SELECT pg_reload_conf()")
        until_acknowledged = load.wait_for_answer(time.monotonic())

    ledger.check(database())
    assert set(ledger.statuses) <= {200, 201, 503}
    assert ledger.statuses[503] > 0
    assert until_acknowledged < 5
    assert statuses == {"GET /readyz": 503, f"GET {camera}": 200, f"PATCH {camera}": 503}


def test_the_tests_use_a_database_of_their_own(cluster: Cluster) -> None:
    """What is killed here is nobody else's."""
    with cluster.connect(DATABASE) as connection:
        row = connection.execute("SHOW data_directory").fetchone()

    assert row is not None
    assert row[0] == str(cluster.folder / "data")
