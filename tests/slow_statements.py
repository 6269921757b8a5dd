"""Statements of PostgreSQL that last for as long as a test wants, and sessions that wait for a lock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

HELD = 4_201_999


@contextmanager
def slow(table: str, when: str) -> Iterator[Callable[[], bool]]:
    """Statements of a table last until the end; gives whether one is under way."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [HELD])
        cursor.execute(
            f"""
            CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                WHILE NOT pg_try_advisory_xact_lock({HELD}) LOOP PERFORM pg_sleep(0.02); END LOOP;
                RETURN NULL;
            END $$;
            CREATE TRIGGER wait_for_the_test BEFORE {when} ON {table} EXECUTE FUNCTION wait_for_the_test();
            """
        )

    def is_under_way() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event = 'PgSleep'"
            )
            return bool(cursor.fetchone()[0])

    try:
        yield is_under_way
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [HELD])
            cursor.execute("DROP FUNCTION wait_for_the_test() CASCADE")


def waits_for_a_lock() -> bool:
    """Whether a session of this database waits for somebody else's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event <> 'advisory'"
        )
        return bool(cursor.fetchone()[0])
