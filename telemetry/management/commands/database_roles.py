"""`manage.py database_roles`: two roles of PostgreSQL, of which the service's own cannot rewrite the logs."""

from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError, connection

from controlplane.commands import CommandWithEpilog, needs_database
from telemetry.storage import roles

HELP = """\
Print the SQL for two roles of PostgreSQL: an owner, which migrates, and the service's own.

The service may add to the change log and to the audit trail, and can neither change nor remove what is there: not
by a fault of ours, and not by who breaks into it. Neither role is a superuser. It is safe to run at any time and
as often as you like: the first time as a superuser of the server, after each `migrate` as the owner, which
--apply does itself. Passwords are not in it: set them with psql's \\password.

Then the service runs with a DATABASE_URL of its own role, and `migrate`, `prune_log` and --apply with the owner's.
"""
EXAMPLE = """\
example:
  manage.py database_roles | psql --username postgres --dbname controlplane
  DATABASE_URL=postgresql://controlplane_owner:...@db/controlplane manage.py migrate
  DATABASE_URL=postgresql://controlplane_owner:...@db/controlplane manage.py database_roles --apply
"""
MAY_MAKE_FUNCTIONS = (
    "The service may make functions, which the owner may come to call. Only a superuser of the server can keep it"
    " from that: print the SQL once more, and run it with psql."
)


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--owner", default="controlplane_owner", help="the role that migrates (%(default)s)")
        parser.add_argument("--service", default="controlplane", help="the service's own role (%(default)s)")
        parser.add_argument("--apply", action="store_true", help="run it on DATABASE_URL and print nothing")

    def handle(self, owner: str, service: str, apply: bool, **options: Any) -> None:
        try:
            text = roles.statements(owner, service)
        except ValueError as error:
            raise CommandError(str(error)) from None
        if not apply:
            self.stdout.write(text)
            return
        self._apply(text, service)

    @needs_database()
    def _apply(self, text: str, service: str) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles: with SQLite the file's mode says who may write.")
        try:
            with connection.cursor() as cursor:
                cursor.execute(text)
                cursor.execute("SELECT has_language_privilege(%s, 'plpgsql', 'USAGE')", [service])
                [may_make_functions] = cursor.fetchone()
        except ProgrammingError as error:
            reason = str(error).partition("\n")[0]
            raise CommandError(
                f"{reason}. The first time it takes a superuser of the server: print it, and run it with psql."
            ) from None
        if may_make_functions:
            self.stderr.write(MAY_MAKE_FUNCTIONS, style_func=str)
            return
        self.stderr.write("The roles have what they need, and no more.", style_func=str)
