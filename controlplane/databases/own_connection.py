"""A connection that belongs to one thread for as long as that works, outside the pool that requests share."""

import copy
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import load_backend


def use_own_connection(*settings: str, longest_answer_seconds: float | None = None, **options: Any) -> None:
    """Have this thread connect for itself at its next query.

    `settings` are of the session, such as `lock_timeout=2s`, and `options` of the connection; both are for
    PostgreSQL, and nothing on SQLite. A server that hangs or is gone is noticed within seconds, and no round trip
    lasts longer than is said.
    """
    wanted = copy.deepcopy(connections.settings[DEFAULT_DB_ALIAS])
    wanted["CONN_MAX_AGE"] = None
    wanted["LONGEST_ANSWER_SECONDS"] = longest_answer_seconds
    known = wanted["OPTIONS"]
    known.pop("pool", None)
    if wanted["ENGINE"].endswith("postgresql"):
        wanted["SESSION_SETTINGS"] = settings
        known |= {
            "connect_timeout": 2,
            "target_session_attrs": "read-write",
            "tcp_user_timeout": 5_000,
            "keepalives_idle": 10,
            **options,
        }
    connections[DEFAULT_DB_ALIAS] = load_backend(wanted["ENGINE"]).DatabaseWrapper(wanted, DEFAULT_DB_ALIAS)


def close_if_ended() -> None:
    """Have this thread connect anew at its next query, where the server has ended its connection meanwhile."""
    connection: Any = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "postgresql":
        connection.close_if_ended()
