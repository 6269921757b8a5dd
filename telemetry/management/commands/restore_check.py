"""`manage.py restore_check`: whether a restored database may be served, and a new epoch for it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from cameras.change_feed import begin_epoch
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database
from telemetry.storage.restored import check_restored

AUTHOR = unlimited("command:restore_check").author("command")

HELP = """\
Check a database that was restored from a backup, before traffic comes back, and begin a new epoch of the change
feed.

It checks that the migrations are those of this code, that rows and counters are of one moment, that
FIELD_ENCRYPTION_KEYS opens every connection string, and that the logs are as they were written. Then a new epoch
begins: every cursor that was given out before is answered with 410, and watchers list again.

Ends with 1, and begins no epoch, where something is wrong; each line says what, and what to do.
"""
EXAMPLE = """\
example:
  DATABASE_URL=postgresql://controlplane@restored:5432/controlplane manage.py restore_check
"""
NEXT = """\
How to go on: point DATABASE_URL of web, ingest and maintain at this database and start them, `maintain` too. Keep
the old database stopped. Workers send again what was not acknowledged; what was lost is what was acknowledged
after the moment of this copy."""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="check, and begin no epoch")

    @needs_database()
    def handle(self, *, dry_run: bool, **options: Any) -> None:
        wrong = 0
        for check in check_restored():
            self.stdout.write(f"{'WRONG' if check.advice else 'ok':<6}{check.name}: {check.found}.")
            if check.advice:
                self.stdout.write(f"      {check.advice}")
                wrong += 1
        if wrong:
            raise CommandError("Do not serve this database yet. No new epoch was begun.")
        if dry_run:
            return
        cursor = begin_epoch(by=AUTHOR, now=timezone.now())
        self.stdout.write(f"ok    epoch: a new one begins at {cursor}; older cursors are answered with 410.")
        self.stderr.write(NEXT, style_func=str)
