"""PgBouncer between the service and PostgreSQL: sessions are kept, or the service says what is wrong."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.cluster import Cluster
from tests.faults.conftest import DATABASE
from tests.faults.ledger import Ledger
from tests.faults.load import Load
from tests.faults.service import Fleet, Service, manage
from tests.faults.test_database import Reads
from tests.pooler import PGBOUNCER, Pooler

Connect = Callable[..., psycopg.Connection[Any]]

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None and os.environ.get("CI") != "true",
    reason="there is no PgBouncer; on Debian: apt-get install pgbouncer",
)

SETTINGS_IN_FORCE = """
from django.db import connection
from controlplane.databases.deadline import begin_serving
from telemetry.ingest.group_commit import _own_connection
def shown():
    with connection.cursor() as cursor:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SHOW {name}")
            print(cursor.fetchone()[0])
begin_serving()
shown()
connection.close()
_own_connection()
from django.db import connection
shown()
"""


def ask(service: Service, path: str, token: str) -> httpx.Response:
    return httpx.get(f"{service.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def test_behind_a_pooler_that_keeps_sessions_all_is_served_and_every_timeout_is_in_force(
    cluster: Cluster, fleet: Fleet, ledger: Ledger, database: Connect, tmp_path: Path
) -> None:
    with Pooler(cluster, DATABASE) as pooler, Service(tmp_path, pooler.url) as service:
        with (
            Load(service.port, fleet.tokens["worker"], ledger) as load,
            Reads(service.port, fleet.tokens["viewer"], "/cameras?limit=1") as reads,
        ):
            load.wait_for_answer(time.monotonic())
            reads.wait_for_answer(time.monotonic())
            time.sleep(1)
        ready = ask(service, "/readyz", fleet.tokens["viewer"])
        shown = manage(pooler.url, "shell", "-v0", "-c", SETTINGS_IN_FORCE)
        assert service.logged_errors() == []

    ledger.check(database())
    assert set(ledger.statuses) <= {200, 201}
    assert set(reads.statuses) == {200}
    assert ready.json()["checks"]["pooler"]["ok"]
    assert "keeps a session" in ready.json()["checks"]["pooler"]["detail"]
    assert shown.stdout.split() == ["10s", "2s", "30s", "5s", "2s", "30s"], shown.stderr


def test_a_pooler_that_mixes_up_sessions_is_refused_in_words_everywhere(
    cluster: Cluster, fleet: Fleet, ledger: Ledger, database: Connect, tmp_path: Path
) -> None:
    sample = {"timestamp": "2026-01-01T00:00:00Z", "occupancy": 1, "confidence": 0.5}
    with Pooler(cluster, DATABASE, pool_mode="transaction") as pooler:
        with Service(tmp_path, pooler.url) as service:
            worker = {"Authorization": f"Bearer {fleet.tokens['worker']}"}
            path = f"{service.url}/telemetry/{ledger.cameras[0]}"
            posts = [httpx.post(path, json=sample, headers=worker, timeout=30) for _ in range(5)]
            reads = [ask(service, "/cameras?limit=1", fleet.tokens["viewer"]) for _ in range(5)]
            ready = ask(service, "/readyz", fleet.tokens["viewer"])
            assert service.logged_errors() == []
        maintained = manage(pooler.url, "maintain", "--once")
        with database() as control:
            locks = control.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()

    assert {answer.status_code for answer in [*posts, *reads]} == {503}
    assert "pool_mode = session" in reads[-1].json()["detail"]
    assert ready.status_code == 503
    assert maintained.returncode == 1
    assert "pool_mode = session" in maintained.stderr
    assert locks == (0,)


@pytest.mark.parametrize(("changed", "before"), [({"pool_mode": "statement"}, 0), ({"server_reset_query": ""}, 1)])
def test_a_command_is_told_of_a_pooler_that_gives_statements_sessions_or_resets_none(
    cluster: Cluster, fleet: Fleet, changed: dict[str, str], before: int
) -> None:
    with Pooler(cluster, DATABASE, **changed) as pooler:
        for _ in range(before):
            assert manage(pooler.url, "list_tokens").returncode == 0
        done = manage(pooler.url, "list_tokens")

    assert done.returncode == 1
    assert "server_reset_query = DISCARD ALL" in done.stderr


def test_without_a_pooler_readyz_says_so(service: Service, fleet: Fleet) -> None:
    found = ask(service, "/readyz", fleet.tokens["viewer"]).json()["checks"]["pooler"]

    assert found == {"ok": True, "detail": "Nothing sits between this service and PostgreSQL."}
