"""PostgreSQL, whose statements are cancelled by the server where this process serves."""

from typing import Any

from django.db.backends.postgresql import base

from controlplane.databases.deadline import statement_seconds
from controlplane.databases.last_steps import LastSteps


class DatabaseWrapper(LastSteps, base.DatabaseWrapper):
    def _configure_connection(self, connection: Any) -> bool:
        """What Django and the pool call once for each new connection; returns whether to commit.

        After connecting and not among the options of the start: a pooler between may drop those.
        """
        commit = super()._configure_connection(connection)  # type: ignore[misc]  # django-stubs lack it
        seconds = statement_seconds()
        if seconds is None or "statement_timeout" in self.settings_dict["OPTIONS"].get("options", ""):
            return bool(commit)
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {int(seconds * 1000)}")
        return True
