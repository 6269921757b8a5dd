"""The service on a database whose logs its own role cannot rewrite, and which an owner migrates."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from telemetry.storage.roles import LOGS
from tests.cluster import Cluster
from tests.faults.service import Service, make_fleet, manage

pytestmark = pytest.mark.once

OWNER, SERVICE, DATABASE = "gate_owner", "gate", "roles"
COLUMN_OF = {
    "access_auditentry": "by",
    "access_auditobject": "object_name",
    "access_auditlink": "digest",
    "cameras_change": "by",
    "cameras_changeblock": "by",
}


@pytest.fixture(scope="module")
def urls(cluster: Cluster) -> tuple[str, str]:
    """The owner's and the service's, after the steps that the manual names."""
    cluster.create_database(DATABASE)
    printed = manage(cluster.url(DATABASE), "database_roles", "--owner", OWNER, "--service", SERVICE)
    with cluster.connect(DATABASE) as connection:
        connection.execute(printed.stdout)
        connection.execute(printed.stdout)
    owner, service = cluster.url(DATABASE, user=OWNER), cluster.url(DATABASE, user=SERVICE)
    for arguments in (["migrate", "-v0"], ["database_roles", "--apply", "--owner", OWNER, "--service", SERVICE]):
        done = manage(owner, *arguments)
        assert done.returncode == 0, done.stderr
    return owner, service


def refused(database_url: str, statement: str) -> bool:
    with psycopg.connect(database_url, autocommit=True) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
    return False


def test_the_service_adds_to_the_logs_and_cannot_rewrite_them(urls: tuple[str, str], tmp_path: Path) -> None:
    owner, service = urls
    made = make_fleet(service, 2)
    administrator = {"Authorization": f"Bearer {made.tokens['administrator']}"}
    worker = {"Authorization": f"Bearer {made.tokens['worker']}"}
    sample = {"timestamp": datetime.now(UTC).isoformat(), "occupancy": 1, "confidence": 0.5}
    with Service(tmp_path, service) as running, httpx.Client(base_url=running.url, timeout=30) as client:
        camera: dict[str, Any] = {"name": "Gate", "connection_string": "rtsp://u:p@10.0.0.5/x"}
        statuses = [
            client.post("/cameras", json=camera, headers=administrator).status_code,
            client.get(f"/cameras/{made.cameras[0]}/credentials", headers=administrator).status_code,
            client.post(f"/telemetry/{made.cameras[0]}", json=sample, headers=worker).status_code,
            client.delete(f"/cameras/{made.cameras[1]}", headers=administrator).status_code,
        ]
        assert running.logged_errors() == []
    assert statuses == [201, 200, 201, 204]
    for arguments in (["maintain", "--once"], ["verify_log"]):
        done = manage(service, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    assert set(COLUMN_OF) == set(LOGS)
    for table in LOGS:
        assert refused(service, f"UPDATE {table} SET {COLUMN_OF[table]} = NULL"), table
        assert refused(service, f"DELETE FROM {table}"), table
        assert refused(service, f"TRUNCATE {table}"), table
    assert refused(service, "DELETE FROM django_migrations")
    assert refused(service, "ALTER TABLE cameras_change DISABLE TRIGGER ALL")
    assert refused(service, "DROP TABLE access_auditlink")
    assert (
        "run it as the one that owns the tables" in manage(service, "prune_log", "--before", "2020-01-01").stderr
    )
    assert manage(owner, "prune_log", "--before", "2020-01-01").returncode == 0
    assert manage(service, "verify_log").returncode == 0


def test_the_service_drops_a_partition_that_a_migration_made(urls: tuple[str, str]) -> None:
    _owner, service = urls

    with psycopg.connect(service, autocommit=True) as connection:
        found = connection.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class JOIN pg_inherits ON inhrelid = oid"
            " WHERE relkind = 'r'"
        ).fetchall()

    assert found == [(SERVICE,)]


def test_the_service_leaves_nothing_that_the_owner_would_run_with_its_own_rights(
    cluster: Cluster, urls: tuple[str, str]
) -> None:
    owner, service = urls
    body = "$$ DELETE FROM access_auditentry; SELECT $1::text = $2::text $$"

    for language in ("sql", "plpgsql"):
        function = f"CREATE FUNCTION public.same(varchar, varchar) RETURNS boolean LANGUAGE {language} AS {body}"
        assert refused(service, function), language
    assert refused(service, "DO $$ BEGIN NULL; END $$")
    apply = ("database_roles", "--apply", "--owner", OWNER, "--service", SERVICE)
    assert "no more" in manage(owner, *apply).stderr
    with cluster.connect(DATABASE) as connection:
        connection.execute("GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC")
    assert "may make functions" in manage(owner, *apply).stderr
    assert manage(cluster.url(DATABASE), *apply).returncode == 0
    assert "no more" in manage(owner, *apply).stderr


def test_neither_role_is_a_superuser_and_a_superuser_is_refused(cluster: Cluster, urls: tuple[str, str]) -> None:
    _owner, service = urls
    again = manage(cluster.url(DATABASE), "database_roles", "--apply", "--owner", "postgres", "--service", SERVICE)
    unprivileged = manage(service, "database_roles", "--apply", "--owner", "nobody_else", "--service", SERVICE)

    assert "may be a superuser" in again.stderr
    assert "takes a superuser" in unprivileged.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--owner", "a; DROP"], "no name of a role"), (["--owner", "a", "--service", "a"], "two roles")],
)
def test_what_is_no_role_is_refused(arguments: list[str], words: str) -> None:
    done = manage("sqlite:///x.sqlite3", "database_roles", *arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
