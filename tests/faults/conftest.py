"""A PostgreSQL and a service of these tests' own, which they may kill."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection as configured

from tests.cluster import Cluster
from tests.faults.ledger import Ledger
from tests.faults.service import Fleet, Service, make_fleet

CAMERAS = 900
CAMERAS_A_TEST = 20
ROLE = "service"
DATABASE = "faults"
SMALL_CAP = 40

# These need a PostgreSQL that they may kill; where the tests run on SQLite, only its own faults are tested.
ON_POSTGRESQL = [
    "test_backup.py",
    "test_chunks.py",
    "test_database.py",
    "test_failover.py",
    "test_greedy_clients.py",
    "test_patroni.py",
    "test_pooler.py",
    "test_processes.py",
    "test_proxy.py",
    "test_slow_clients.py",
    "test_stalled_streams.py",
    "test_standby.py",
    "test_submissions.py",
    "test_takeovers.py",
]
collect_ignore = ON_POSTGRESQL if configured.vendor == "sqlite" else ["test_sqlite.py", "test_sqlite_backup.py"]


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether the full numbers are asked for."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        with cluster.connect() as connection:
            # Not a superuser: their connections are not counted against a limit.
            connection.execute(f"CREATE ROLE {ROLE} LOGIN")
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        yield cluster


@pytest.fixture(scope="session")
def database_url(cluster: Cluster) -> str:
    return cluster.url(DATABASE, user=ROLE)


@pytest.fixture(scope="session")
def fleet(database_url: str) -> Fleet:
    return make_fleet(database_url, CAMERAS)


@pytest.fixture(scope="session")
def _running(database_url: str, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), database_url) as service:
        yield service


@pytest.fixture(scope="session")
def small_service(
    database_url: str, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory, long: bool
) -> Iterator[Service]:
    """One whose workers take few connections, and end after so many requests."""
    options = ("--worker-connections", str(SMALL_CAP), "--max-requests", "500" if long else "200")
    with Service(tmp_path_factory.mktemp("small"), database_url, *options) as service:
        yield service
        assert service.logged_errors() == []


@pytest.fixture(scope="session")
def ingest_tier(database_url: str, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("ingest")
    with Service(folder, database_url, application="telemetry.asgi:application") as tier:
        yield tier
        assert tier.logged_errors() == []


@pytest.fixture
def service(_running: Service) -> Iterator[Service]:
    """The service; a test fails where its log shows an error, whatever clients were answered."""
    before = len(_running.logged_errors())
    yield _running
    assert _running.logged_errors()[before:] == []


@pytest.fixture
def ledger(fleet: Fleet) -> Ledger:
    """A ledger of cameras that no other test uses."""
    return Ledger([fleet.cameras.pop() for _ in range(CAMERAS_A_TEST)])


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Opens connections, as a superuser."""
    opened: list[psycopg.Connection[Any]] = []

    def connect(*, autocommit: bool = True) -> psycopg.Connection[Any]:
        opened.append(cluster.connect(DATABASE, autocommit=autocommit))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The figures that tests have measured, where this folder was asked for by name."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    measured = [
        (report.nodeid.rpartition("::")[2], name, value)
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
    ]
    if measured:
        terminalreporter.section("figures")
    for test, name, value in measured:
        terminalreporter.write_line(f"{test}: {name}: {value}")
