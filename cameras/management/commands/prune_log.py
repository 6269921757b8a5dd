"""`manage.py prune_log`: remove the beginning of the change log and of the audit trail."""

from datetime import UTC, datetime, time
from typing import Any

from django.core.management.base import CommandError
from django.db import ProgrammingError
from django.utils import timezone
from django.utils.dateparse import parse_date

from cameras import log_chains
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database

AUTHOR = unlimited("command:prune_log").author("command")

HELP = """\
Remove from the change log and the audit trail what happened before a day, in UTC.

Both are kept for ever otherwise. What is removed cannot be had again: no revert, no "who was it", and a watcher
whose cursor is older lists again. The newest row of each stays, and an entry of the log stays whole. The trail
says that they were pruned, when, and up to where, so that `verify_log` tells this from a hole.

Where the database has roles as `database_roles` makes them, it is run as the owner: the service's role may not
delete from the logs.
"""
EXAMPLE = """\
example:
  DATABASE_URL=postgresql://controlplane_owner:...@db/controlplane manage.py prune_log --before 2026-01-01
"""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--before", required=True, metavar="YYYY-MM-DD", help="the first day that is kept")

    @needs_database()
    def handle(self, before: str, **options: Any) -> None:
        now = timezone.now()
        moment = _midnight_of(before)
        if moment > now:
            raise CommandError(f"--before {before} has not come yet.")
        try:
            removed = log_chains.prune(before=moment, by=AUTHOR, now=now)
        except ProgrammingError as error:
            if "permission denied" not in str(error):
                raise
            raise CommandError(
                "This role of the database may not delete from the logs: run it as the one that owns the tables."
            ) from None
        for log, rows in removed.items():
            self.stdout.write(f"{log}: {rows} rows removed.")


def _midnight_of(text: str) -> datetime:
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise CommandError(f"--before is a day such as 2026-01-31, not {text!r}.")
    return datetime.combine(day, time(), UTC)
