"""The database of DATABASE_URL, with the options of PostgreSQL or of SQLite."""

from controlplane.databases import url
from controlplane.settings.environment import DATABASE_POOL_SIZE, DATABASE_URL

DATABASES = {"default": url.read(DATABASE_URL)}
_database = DATABASES["default"]
_options = _database.setdefault("OPTIONS", {})
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["ENGINE"] = "controlplane.databases.sqlite3"
    # IMMEDIATE: two writers queue for the lock instead of failing when a reader wants to write.
    # synchronous=FULL: what was acknowledged is on disk, also in WAL mode.
    _options.update(
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    )
else:
    _database["ENGINE"] = "controlplane.databases.postgresql"
    # A host that has vanished says nothing: the wait ends when what was sent is not acknowledged for so long.
    for _name, _value in {"connect_timeout": 2, "tcp_user_timeout": 5_000, "keepalives_idle": 10}.items():
        _options.setdefault(_name, _value)
    _database["SESSION_SETTINGS"] = [
        setting
        for setting in ("lock_timeout=2s", "idle_in_transaction_session_timeout=30s")
        if setting.partition("=")[0] not in _options.get("options", "")
    ]
    if DATABASE_POOL_SIZE:
        # For the threads of Django and those that look tokens up together. Its waits are short because a caller is
        # better served by an early 503 than by a late answer, and one may wait twice: for the look-up of tokens
        # that is under way, and for the next one. While the pool repeats a connection that failed, it makes no
        # other: with seconds of that, callers would be refused for as long after the database is back.
        _options["pool"] = {"min_size": 0, "max_size": DATABASE_POOL_SIZE, "timeout": 1, "reconnect_timeout": 0.5}
        _database["CONN_HEALTH_CHECKS"] = True
