"""`manage.py export_cameras`: the cameras as a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from cameras.management.private_files import write_private
from cameras.management.terminal import plain, site_named
from cameras.transfer.exports import ExportRefused, export_cameras
from cameras.transfer.files import formats
from cameras.transfer.files.formats import Format
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database

PRINCIPAL = unlimited("command:export_cameras")
AUTHOR = PRINCIPAL.author("command")

HELP = """\
Write the cameras as a file: CSV or JSON, which import_cameras takes again, or a configuration of Frigate, paths of
MediaMTX or streams of go2rtc.

Connection strings are redacted unless --with-credentials is given, which the last three need. An entry in the
audit trail says how many cameras were written, and with credentials also which. A file is made with mode 600. What
a program cannot take is left out; a comment in the file and a warning on standard error name it.
"""
EXAMPLE = """\
examples:
  manage.py export_cameras > cameras.csv
  manage.py export_cameras --format json --with-credentials -o cameras.json
  manage.py export_cameras --format mediamtx --with-credentials --site "North lot" -o mediamtx.yml
"""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--format", choices=[*map(str, Format)], default=Format.CSV.value, help="csv by default"
        )
        parser.add_argument("--with-credentials", action="store_true", help="connection strings in clear")
        parser.add_argument("--site", metavar="NAME", help="only the cameras of one site; by its name or its id")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="standard output by default")

    @needs_database()
    def handle(self, *, with_credentials: bool, output: Path | None, **options: Any) -> None:
        try:
            written = export_cameras(
                target=Format(options["format"]),
                with_credentials=with_credentials,
                principal=PRINCIPAL,
                by=AUTHOR,
                now=timezone.now(),
                site=site_named(options["site"]),
            )
        except ExportRefused as error:
            hint = (
                " Give --with-credentials." if Format(options["format"]) in formats.WITH_CREDENTIALS_ONLY else ""
            )
            raise CommandError(f"{error}{'' if with_credentials else hint}") from None
        for left_out in written.left_out:
            self.stderr.write(plain(str(left_out)))
        if output is None:
            self.stdout.write(written.text, ending="")
            return
        write_private(output, written.text)
