"""`manage.py import_cameras`: cameras from a file, after a plan of what it would do."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from cameras.intent import InvalidIntent
from cameras.management.private_files import write_private
from cameras.management.terminal import in_words, plain, site_named
from cameras.transfer.files import formats
from cameras.transfer.files.rows import MAX_FILE_BYTES, UnreadableFile
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import Effect, Plan, PlannedRow, PlanOutdated, apply_plan
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database
from controlplane.problems import DATABASE_AWAY

PRINCIPAL = unlimited("command:import_cameras")
AUTHOR = PRINCIPAL.author("command")

HELP = """\
Import cameras from a CSV or JSON file as export_cameras writes them, or from a configuration of Frigate.

A plan is printed first: which cameras would be created, which changed and in what, which rows are refused and
why. It is all or nothing: while one row is refused, nothing is stored, unless --skip-refused leaves the refused
ones out. A row is matched by its id, else by site and name.
{FRIGATE_...} placeholders are filled from the environment. It exits with 1 where a refused row was not left out.
"""
EXAMPLE = """\
examples:
  manage.py import_cameras cameras.csv --dry-run
  manage.py import_cameras /config/config.yml --site "North lot" --yes
  manage.py import_cameras cameras.csv --skip-refused --refused refused.csv --yes
  manage.py export_cameras --format json | manage.py import_cameras - --format json --dry-run
"""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        kinds = [*map(str, formats.IMPORTED)]
        parser.add_argument("--format", choices=kinds, help="recognised by the file if left out")
        parser.add_argument("--site", metavar="NAME", help="for rows that name no site; by its name or its id")
        parser.add_argument("--dry-run", action="store_true", help="print the plan and store nothing")
        parser.add_argument("--yes", action="store_true", help="store it without asking")
        parser.add_argument("--skip-refused", action="store_true", help="store the rows that are not refused")
        parser.add_argument(
            "--refused",
            type=Path,
            metavar="FILE",
            help="write the refused rows with their reasons to a CSV; mended, it can be imported",
        )

    @needs_database()
    def handle(
        self, *, file: str, dry_run: bool, yes: bool, skip_refused: bool, refused: Path | None, **options: Any
    ) -> None:
        upload = Upload(_content(file), file, options["format"], site_named(options["site"]))
        try:
            prepared = read_upload(upload)
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        plan = prepared.plan(PRINCIPAL)
        for line in _report(plan, prepared.unit):
            self.stdout.write(line)
        count = plan.counts()[Effect.REFUSED]
        if refused and count:
            write_private(refused, prepared.refused_file(plan))
        if count and not skip_refused:
            raise CommandError(
                "Nothing was stored: correct the refused rows and import the file again, or leave them out with"
                " --skip-refused."
            )
        if count == len(plan.rows):
            raise CommandError("Nothing was stored: every row is refused.")
        if dry_run or not plan.writes:
            return
        if not yes and not _agreed():
            raise CommandError("Nothing was stored. Give --yes to store it without being asked.")
        try:
            apply_plan(
                plan, fingerprint=plan.fingerprint, by=AUTHOR, now=timezone.now(), skips_refused=skip_refused
            )
        except (PlanOutdated, InvalidIntent):
            raise CommandError("Cameras were changed meanwhile; nothing was stored. Run it again.") from None
        except DATABASE_AWAY as error:
            raise CommandError(
                f"The database is away or busy ({type(error).__name__}); nothing was stored. Run it again."
            ) from None
        self.stdout.write(f"Stored, without the {count} refused." if count else "Stored.")


def _content(file: str) -> bytes:
    """At most one byte more than is taken, however large the file is."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        with Path(file).open("rb") as source:
            return source.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CommandError(f"The file cannot be read: {error.strerror}.") from None


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Store this? [y/N] ").strip().lower() in ("y", "yes")


def _report(plan: Plan, unit: str) -> Iterator[str]:
    for planned in plan.rows:
        if planned.effect is not Effect.UNCHANGED or planned.remarks:
            yield from _lines_of(planned, unit)
    counts = plan.counts()
    for name in plan.new_sites:
        yield f"new site: {plain(name)}"
    yield (
        f"{counts[Effect.CREATE]} to create, {counts[Effect.CHANGE]} to change, "
        f"{counts[Effect.UNCHANGED]} unchanged, {counts[Effect.REFUSED]} refused."
    )


def _lines_of(planned: PlannedRow, unit: str) -> Iterator[str]:
    yield f"{planned.effect:<9} {unit} {planned.row.number}: {plain(planned.name)}"
    for fault in planned.faults:
        yield (
            f"          {plain(fault.field)}: {plain(fault.detail)}"
            if fault.field
            else f"          {plain(fault.detail)}"
        )
    for remark in planned.remarks:
        yield f"          note: {plain(remark)}"
    if planned.effect is not Effect.REFUSED:
        for name, entry in planned.diff.items():
            yield f"          {name}: {in_words(name, entry)}"
