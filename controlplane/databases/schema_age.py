"""Whether the database has had the migrations of this code. Those of newer code change nothing for it."""

from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


def missing_migrations() -> list[str]:
    """The migrations of this code that the database has not had, such as `cameras.0031_reports`; a query."""
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in _migrations_of_this_code() - applied.keys())


def newer_migrations() -> list[str]:
    """The migrations that the database has had, and that come after the last one that this code knows; a query."""
    applied = MigrationRecorder(connection).applied_migrations()
    last: dict[str, str] = {}
    for app, name in _migrations_of_this_code():
        last[app] = max(name, last.get(app, ""))
    return sorted(f"{app}.{name}" for app, name in applied if app in last and name > last[app])


@cache
def _migrations_of_this_code() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
