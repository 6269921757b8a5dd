"""PostgreSQL, whose statements are cancelled by the server where this process serves."""

import math
import select
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db.backends.postgresql import base

from controlplane.databases.deadline import statement_seconds
from controlplane.databases.last_steps import LastSteps
from controlplane.databases.postgresql.hung_server import give_up_when_it_hangs
from controlplane.databases.postgresql.pooler import SHARED, SharedSession, begin_session, what_sits_between

# Which history of which database a session reads. The timeline is that of the log that is written, and at a
# standby of the log that it receives: the control file of a server that was just promoted, or that follows such a
# one, still says the one before.
HISTORY = """
SELECT pg_is_in_recovery(),
    CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver)
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END,
    (SELECT system_identifier FROM pg_control_system()),
    (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_histories: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


class UnknownTimeline(psycopg.OperationalError):
    """`words` are for whoever sees to the service."""

    words = (
        "This standby does not say which history it follows, so cursors cannot be told from those of another: it"
        " receives nothing from a primary, or the role of the service lacks pg_read_all_stats"
        " (`manage.py database_roles` grants it)."
    )


class DatabaseWrapper(LastSteps, base.DatabaseWrapper):
    @property
    def pool(self) -> Any:
        """Django's own, which asks the server whenever a connection is taken whether it is still there.

        That is a round trip a request. A session that the server has ended is noticed without one, and the others
        that wait in the pool go with it: a server that restarted has ended all of them, and the pool waits for a
        second before it tries a third.
        """
        pool = super().pool
        if pool is not None and pool._check is pool.check_connection:
            pool._check = partial(_require_open_or_drain, pool)
        return pool

    def connect(self) -> None:
        """Raises SharedSession where a pooler in between mixes up sessions."""
        super().connect()
        if self.what_sits_between() == SHARED:
            self.connection.close()
            self.close()
            raise SharedSession(SHARED)

    def what_sits_between(self) -> str:
        """In words: nothing, or a pooler."""
        return what_sits_between(self.connection)

    def close_if_ended(self) -> None:
        """Connect anew at the next query, where the server has ended this idle session."""
        if self.connection is not None:
            try:
                _require_open(self.connection)
            except psycopg.Error:
                self.close()

    def history(self) -> str:
        """The server, its timeline and the database of this session, as one text.

        Asked once of each session: a server that goes on to another timeline has ended its sessions before. Only
        those of a standby outlive its promotion. Raises OperationalError where a standby does not say its
        timeline.
        """
        self.ensure_connection()
        session = self.connection
        history = _histories.get(session)
        if history is None:
            with self.cursor() as cursor:
                cursor.execute(HISTORY)
                is_in_recovery, timeline, server, database = cursor.fetchone()
            if timeline is None:
                with self.wrap_database_errors:
                    raise UnknownTimeline(UnknownTimeline.words)
            history = f"/{server}/{timeline}/{database}"
            if not is_in_recovery:
                _histories[session] = history
        return history

    def is_standby(self) -> bool:
        """Whether the server of this session follows another one. One query."""
        with self.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            return bool(cursor.fetchone()[0])

    def _configure_connection(self, connection: Any) -> bool:
        """What Django and the pool call once for each new connection; returns whether to commit.

        What `options` of the URL sets is left as it is.
        """
        super()._configure_connection(connection)  # type: ignore[misc]  # django-stubs lack it
        seconds = statement_seconds()
        longest = self.settings_dict.get("LONGEST_ANSWER_SECONDS") or (2 * seconds if seconds else math.inf)
        give_up_when_it_hangs(connection, longest)
        settings = list(self.settings_dict.get("SESSION_SETTINGS", ()))
        named = self.settings_dict["OPTIONS"].get("options", "") + " ".join(settings)
        if seconds is not None and "statement_timeout" not in named:
            settings.append(f"statement_timeout={int(seconds * 1000)}")
        begin_session(connection, settings)
        return True


def _require_open_or_drain(pool: Any, session: Any) -> None:
    try:
        _require_open(session)
    except psycopg.Error:
        pool.drain()
        raise


def _require_open(session: Any) -> None:
    """Raise an error of psycopg where the server has ended an idle session."""
    # Nothing comes unasked but the end of the session, and notices, after which it can still be used.
    waiting = select.poll()
    waiting.register(session.pgconn.socket, select.POLLIN)
    if waiting.poll(0):
        session.execute("")
