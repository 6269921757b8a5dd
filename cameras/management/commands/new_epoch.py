"""`manage.py new_epoch`: every watcher of the change feed has to list again."""

from typing import Any

from django.utils import timezone

from cameras.change_feed import begin_epoch
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database

AUTHOR = unlimited("command:new_epoch").author("command")

HELP = """\
Begin a new epoch of the change feed, and print the new cursor.

Run this after the database was restored from a backup, before traffic comes back. A restored database numbers
its next changes anew; a watcher that saw the changes that were lost would take them for the same ones. With a
new epoch each cursor that was given out before is answered with 410 Gone: watchers list the cameras again and
watch from there. Nothing else changes, and running it twice does no harm.

(On PostgreSQL a restore into a new cluster and a failover are noticed without this command.)
"""
EXAMPLE = """\
example:
  pg_restore ... && manage.py migrate && manage.py new_epoch
"""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    @needs_database()
    def handle(self, **options: Any) -> None:
        cursor = begin_epoch(by=AUTHOR, now=timezone.now())
        self.stderr.write("A new epoch has begun: watchers will list again. It begins at", style_func=str)
        self.stdout.write(str(cursor))
