"""PostgreSQL behind Django: its pool, and the history that a session reads."""

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from controlplane.databases.postgresql.base import DatabaseWrapper

pytestmark = pytest.mark.django_db(transaction=True)


def over_a_pool(size: int) -> DatabaseWrapper:
    """The database of the tests, over a pool of so many connections."""
    settings = copy.deepcopy(connection.settings_dict)
    settings["OPTIONS"]["pool"] = {"min_size": 0, "max_size": size, "timeout": 1}
    settings["CONN_HEALTH_CHECKS"] = True
    return DatabaseWrapper(settings, "pooled")


@pytest.fixture
def pooled() -> Iterator[DatabaseWrapper]:
    wrapper = over_a_pool(1)
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def asked(wrapper: Any, sql: str) -> Any:
    with wrapper.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def test_a_session_that_the_server_has_ended_is_replaced_before_it_is_used(pooled: DatabaseWrapper) -> None:
    first = asked(pooled, "SELECT pg_backend_pid()")
    pooled.close()
    assert asked(pooled, "SELECT pg_backend_pid()") == first, "it comes from the pool"
    pooled.close()

    assert asked(connection, f"SELECT pg_terminate_backend({first}, 5000)")

    assert asked(pooled, "SELECT pg_backend_pid()") != first


def test_when_the_server_has_ended_all_sessions_of_a_pool_the_first_who_asks_is_served() -> None:
    pooled = over_a_pool(8)
    try:
        pooled.pool.open()
        sessions = [pooled.pool.getconn() for _ in range(8)]
        for session in sessions:
            pooled.pool.putconn(session)
        for session in sessions:
            assert asked(connection, f"SELECT pg_terminate_backend({session.info.backend_pid}, 5000)")

        assert asked(pooled, "SELECT 1") == 1
    finally:
        pooled.close()
        pooled.close_pool()


def test_a_session_with_an_unread_notice_is_used_further(pooled: DatabaseWrapper) -> None:
    first = asked(pooled, "SELECT pg_backend_pid()")
    with pooled.cursor() as cursor:
        cursor.execute("LISTEN news")
    pooled.close()

    asked(connection, "SELECT pg_notify('news', 'something')")

    assert asked(pooled, "SELECT pg_backend_pid()") == first


def test_the_history_is_asked_once_of_each_session(
    pooled: DatabaseWrapper, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1, connection=pooled):
        first = pooled.history()
        assert pooled.history() == first
    assert first == connection.history()  # type: ignore[attr-defined]  # another session of the same database

    system, timeline, database = first.lstrip("/").split("/")
    assert system == str(asked(connection, "SELECT system_identifier FROM pg_control_system()"))
    assert timeline == str(asked(connection, "SELECT timeline_id FROM pg_control_checkpoint()"))
    assert database == str(asked(connection, "SELECT oid FROM pg_database WHERE datname = current_database()"))

    pooled.close()
    pooled.close_pool()
    with django_assert_num_queries(1, connection=pooled):
        assert pooled.history() == first


@pytest.mark.parametrize("seconds", [0.2, 1.3, 3.5])
def test_a_statement_that_lasts_is_waited_for_while_its_server_answers(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH slept AS MATERIALIZED (SELECT pg_sleep(%s)) SELECT generate_series(1, 30000) FROM slept",
            [seconds],
        )
        assert len(cursor.fetchall()) == 30_000


def test_a_statement_that_lasts_longer_than_it_may_ends_its_session_and_the_next_one_works(
    pooled: DatabaseWrapper,
) -> None:
    pooled.settings_dict["LONGEST_ANSWER_SECONDS"] = 1.5
    asked(pooled, "SELECT 1")
    began_at = time.monotonic()

    with pytest.raises(OperationalError, match="the server does not answer"):
        asked(pooled, "SELECT pg_sleep(30)")

    assert time.monotonic() - began_at < 5
    pooled.close()
    assert asked(pooled, "SELECT 1") == 1
