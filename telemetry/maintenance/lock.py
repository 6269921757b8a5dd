"""That only one process at a time does something: an advisory lock of the database, or of a file beside it."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from controlplane.problems import DATABASE_AWAY

# By this very session: a pooler in between may have given this client another's.
HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND pid = pg_backend_pid() AND granted
)
"""


@contextmanager
def alone(name: str, number: int) -> Iterator[Callable[[], bool] | None]:
    """Take the lock until the end; None where another process has it.

    Else a function that says whether it is still held, which asks the database: an advisory lock ends with its
    session. `name` is that of the lock on SQLite, `number` that on PostgreSQL.
    """
    if connection.vendor == "postgresql":
        with _advisory_lock(number) as is_held:
            yield is_held
    else:
        with _file_lock(Path(f"{connection.settings_dict['NAME']}-{name}.lock")) as is_held:
            yield is_held


@contextmanager
def _advisory_lock(number: int) -> Iterator[Callable[[], bool] | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        (taken,) = cursor.fetchone()
    session = connection.connection

    def is_held() -> bool:
        # Django connects anew by itself once a transaction could not be rolled back.
        if connection.connection is not session:
            return False
        with connection.cursor() as cursor:
            cursor.execute(HELD, [number])
            return bool(cursor.fetchone()[0])

    try:
        yield is_held if taken else None
    finally:
        try:
            if taken and connection.connection is session:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
        except DATABASE_AWAY:
            pass  # the lock ended with its session


@contextmanager
def _file_lock(path: Path) -> Iterator[Callable[[], bool] | None]:
    # The file is never removed: a process could lock the removed one while another makes and locks a new one.
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield lambda: True  # closing the file releases the lock
