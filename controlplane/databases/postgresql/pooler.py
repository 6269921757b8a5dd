"""What sits between this process and PostgreSQL: nothing, a pooler, or one that mixes up its clients' sessions.

Timeouts, advisory locks and prepared statements belong to a session. A pooler that hands one session to another
client without resetting it loses the first, orphans the second and mixes up the third, so it is refused.
"""

import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

from controlplane.databases.postgresql.hung_server import give_up_when_it_hangs

SHARED = (
    "Between this service and PostgreSQL sits a pooler that hands a session on to another client without resetting"
    " it. Have it keep a session for each connection (PgBouncer: pool_mode = session and server_reset_query ="
    " DISCARD ALL), or connect to PostgreSQL itself."
)
POOLED = "A pooler sits in between, and keeps a session for each connection."
DIRECT = "Nothing sits between this service and PostgreSQL."
# After it was seen to keep sessions, it is tried again by the first connection that is made so much later.
TRY_AGAIN_SECONDS = 5.0
# A pooler that has none to spare for the second connection says nothing about itself.
OTHER_SECONDS = 2.0
# A session that is handed on unreset shows the mark of the client before.
BEGIN = "SELECT pg_backend_pid(), current_setting('controlplane.client', true); SET controlplane.client = 'taken'"
LOOK = "SELECT pg_backend_pid(), current_setting('controlplane.client', true)"

_found: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_kept_sessions_at: dict[tuple[str, int], float] = {}


class SharedSession(psycopg.OperationalError):
    """`words` are for whoever sees to the service."""

    words = SHARED


def begin_session(session: Any, settings: Iterable[str]) -> None:
    """Set `settings`, such as `lock_timeout=2s`, in a new session, and find out what sits in between.

    After connecting and not among the options of the start, which poolers drop or refuse.
    """
    parts = (setting.partition("=") for setting in settings)
    assignments = [f"SET {name} = '{value}'" for name, _, value in parts]
    with session.cursor() as cursor:
        cursor.execute("; ".join([BEGIN, *assignments]))
        server_pid, mark = cursor.fetchone()
    if server_pid == session.info.backend_pid:
        _found[session] = DIRECT
    else:
        _found[session] = SHARED if mark or _is_handed_on(session, server_pid) else POOLED


def what_sits_between(session: Any) -> str:
    """DIRECT, POOLED or SHARED, as it was when the session began."""
    return _found.get(session, DIRECT)


def _is_handed_on(session: Any, server_pid: int) -> bool:
    place, now = (session.info.host, session.info.port), time.monotonic()
    if now - _kept_sessions_at.get(place, -TRY_AGAIN_SECONDS) < TRY_AGAIN_SECONDS:
        return False
    parameters = session.info.get_parameters() | {"password": session.info.password, "connect_timeout": 2}
    try:
        with psycopg.connect(**parameters, autocommit=True) as other:
            give_up_when_it_hangs(other, OTHER_SECONDS)
            other_pid, mark = other.execute(LOOK).fetchone()  # type: ignore[misc]  # it always has a row
    except psycopg.OperationalError:
        return False
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    if mark or other_pid == server_pid or pid != server_pid:
        return True
    _kept_sessions_at[place] = now
    return False
