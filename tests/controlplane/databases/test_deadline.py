"""The deadline of a serving process's statements, on both databases, and what the answer says of it."""

import time
from collections.abc import Iterator

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections

from controlplane import problems
from controlplane.databases import deadline
from controlplane.databases.deadline import begin_serving
from tests.admin_client import CAMERAS, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

COUNT_TO = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"
# Each takes minutes where nobody stops it.
ENDLESS = {
    "postgresql": "SELECT pg_sleep(60)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
}


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process serves, with a deadline that a test can wait for; its connection is a new one."""
    monkeypatch.setattr(deadline, "_serving", False)
    monkeypatch.setattr(deadline, "STATEMENT_SECONDS", 0.2)
    begin_serving()
    connection.close()
    yield
    connection.close()


def endless() -> None:
    with connection.cursor() as cursor:
        cursor.execute(ENDLESS[connection.vendor])
        cursor.fetchall()


def test_a_statement_of_a_serving_process_is_cancelled_and_answered_in_words_of_its_own(serving: None) -> None:
    started = time.monotonic()
    with pytest.raises(OperationalError) as raised:
        endless()

    assert time.monotonic() - started < 30
    problem = problems.unforeseen(raised.value)
    assert problem.status == 503
    assert "Retry-After" not in problem.headers
    assert "Ask for less" in problem.detail
    assert "epeat" not in problem.detail
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,), "the connection is of use afterwards"


def test_a_page_of_the_admin_whose_statement_is_cancelled_is_a_503_in_words(
    serving: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in("viewer", name="vera")
    monkeypatch.setattr("cameras.admin.cameras.CameraAdmin.get_search_results", lambda *asked: (endless(), False))

    page = client.get(CAMERAS, {"q": "gate"}, headers={"accept": "text/html"})
    assert page.status_code == 503
    assert "Ask for less" in page.content.decode()
    assert "Retry-After" not in page.headers


def test_commands_have_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "_serving", False)
    monkeypatch.setattr(deadline, "STATEMENT_SECONDS", 0.05)
    connection.close()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_sleep(0.2)")
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)
        else:
            cursor.execute("SELECT 'a' REGEXP 'a'")
            assert cursor.fetchone() == (1,), "a command may use them"
            cursor.execute(f"SELECT count(*) FROM ({COUNT_TO.format(2_000_000)})")
            assert cursor.fetchone() == (2_000_000,)


def test_a_slow_reader_of_many_rows_is_not_cut(serving: None) -> None:
    rows = "SELECT value FROM generate_series(1, 5000) AS value"
    if connection.vendor == "sqlite":
        rows = COUNT_TO.format(5_000)
    with connection.cursor() as cursor:
        cursor.execute(rows)
        taken = 0
        while part := cursor.fetchmany(1_000):
            taken += len(part)
            time.sleep(0.1)  # longer in all than a statement may take
    assert taken == 5_000


def test_a_connection_with_a_deadline_of_its_own_keeps_that(serving: None) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite's has no options of the start
    wrapper = connections.create_connection(DEFAULT_DB_ALIAS)
    wrapper.settings_dict = {**wrapper.settings_dict, "OPTIONS": {"options": "-c statement_timeout=5s"}}
    with wrapper.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("5s",)
    wrapper.close()


def test_a_regular_expression_holds_nobody_up(serving: None) -> None:
    """Python's, which SQLite would use, cannot be interrupted; PostgreSQL's can."""
    pattern = "^(.+)(.+)(.+)(.+)(.+)(.+)\\1\\2\\3\\4\\5\\6$" if connection.vendor == "postgresql" else "(.|.)*!"
    operator = "~" if connection.vendor == "postgresql" else "REGEXP"
    started = time.monotonic()
    with connection.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute(f"SELECT %s {operator} %s", ["rtsp://user:***@10.0.0.5:554/stream" * 2, pattern])
    assert time.monotonic() - started < 30
