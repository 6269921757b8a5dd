"""SQLite, whose statements are interrupted from within where this process serves."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db.backends.sqlite3 import base

from controlplane.databases.deadline import statement_seconds
from controlplane.databases.last_steps import LastSteps

# This many steps of SQLite's virtual machine take about a millisecond.
STEPS_BETWEEN_CHECKS = 20_000


class DatabaseWrapper(LastSteps, base.DatabaseWrapper):
    _statement_seconds: float | None = None

    def get_new_connection(self, conn_params: Any) -> Any:
        _make_private(str(conn_params["database"]))
        connection = super().get_new_connection(conn_params)
        self._statement_seconds = statement_seconds()
        if self._statement_seconds is not None:
            connection.create_function("REGEXP", 2, _refuse_regular_expressions)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        if self._statement_seconds is None:
            return super().create_cursor(name)
        cursor: Any = self.connection.cursor(factory=CursorWithDeadline)
        cursor.seconds = self._statement_seconds
        return cursor


def _make_private(file: str) -> None:
    """Make the file of a new database readable for its owner only; SQLite's files beside it take its mode."""
    if not file.startswith(("file:", ":memory:")):
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))


def _refuse_regular_expressions(pattern: str, text: str) -> None:
    """In the place of Django's, which is Python's: nothing can interrupt that, and all threads wait for it."""
    raise ValueError("A serving process matches no regular expressions in SQLite.")


class CursorWithDeadline(base.SQLiteCursorWrapper):
    """Each call computes for at most `seconds`; what a slow reader does between calls does not count."""

    seconds = 0.0

    def execute(self, *args: Any) -> Any:
        return self._in_time(super().execute, *args)

    def executemany(self, *args: Any) -> Any:
        return self._in_time(super().executemany, *args)

    def fetchone(self) -> Any:
        return self._in_time(super().fetchone)

    def fetchmany(self, *args: Any) -> Any:
        return self._in_time(super().fetchmany, *args)

    def fetchall(self) -> Any:
        return self._in_time(super().fetchall)

    def __next__(self) -> Any:
        return self._in_time(super().__next__)

    def _in_time(self, call: Callable[..., Any], *args: Any) -> Any:
        deadline = time.monotonic() + self.seconds
        self.connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_CHECKS)
        return call(*args)
