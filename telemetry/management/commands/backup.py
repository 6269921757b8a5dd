"""`manage.py backup`: a copy of the SQLite file while the service runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from controlplane.commands import CommandWithEpilog, needs_database
from telemetry.storage.file_copy import CopyFailed, copy_into

HELP = """\
Copy the SQLite database into a folder, while the service runs: whatever was acknowledged before is in the copy.

The file is named by the time, readable by its owner alone, checked, and has its name only once it is complete. It
holds neither FIELD_ENCRYPTION_KEYS nor SECRET_KEY: keep those apart. Old copies are left alone.

PostgreSQL has its own means, pg_dump and pg_basebackup: docs/operations/backup.md shows them.
"""
EXAMPLE = """\
examples:
  manage.py backup /var/backups/controlplane
  DATABASE_URL=sqlite:////srv/restored.sqlite3 manage.py restore_check
"""
POSTGRESQL = (
    "This database is PostgreSQL, which has means of its own: pg_dump --format=directory for a copy, pg_basebackup"
    " with an archive of the WAL for any moment. docs/operations/backup.md shows both."
)


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where the copy goes; it must exist")

    @needs_database()
    def handle(self, *, folder: Path, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError(POSTGRESQL)
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder; make it first, readable by its owner alone.")
        try:
            copy = copy_into(folder, Path(connection.settings_dict["NAME"]), timezone.now())
        except CopyFailed as error:
            raise CommandError(str(error)) from None
        self.stderr.write("The copy is complete. Try it: restore_check, on the copy of it.", style_func=str)
        self.stdout.write(str(copy))
