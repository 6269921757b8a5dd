"""`manage.py demo`: a made-up fleet to try the service with."""

import json
import os
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from cameras.demo import DemoConflict, Remains, Secrets, find_demo, has_other_data, make_demo, remove_demo
from cameras.intent import InvalidIntent
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database
from telemetry.demo import write_history

AUTHOR = unlimited("command:demo").author("command")
DEFAULT_DAYS, MAX_DAYS = 8, 60

HELP = """\
Make a demo: three sites, 24 cameras with zones, a login for each role of people, and a token for each role; and
what the cameras that run would have reported in the last days, so that charts show something.

The passwords and tokens are random, and shown once: on standard output, or in a file with --credentials-file.
Where a demo is there already, or the database has cameras or sites of its own, nothing is made.
"""
EXAMPLE = """\
examples:
  manage.py demo
  manage.py demo --reset --credentials-file demo.json
"""
NEW_SECRETS = (
    "Its secrets cannot be shown again. Make new ones with `manage.py changepassword demo-viewer` and "
    "`manage.py create_token NAME --role ROLE`, or the whole demo anew with `manage.py demo --reset`."
)


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset", action="store_true", help="remove what demos made, and make it anew")
        parser.add_argument(
            "--days",
            type=_days,
            default=DEFAULT_DAYS,
            help=f"of history, 0 to {MAX_DAYS} (default: %(default)s)",
        )
        parser.add_argument("--force", action="store_true", help="make it even if there is other data")
        parser.add_argument(
            "--credentials-file",
            type=Path,
            metavar="PATH",
            help="write logins and tokens to this file (JSON, mode 600) and not to the screen; it is "
            "written only when they are made",
        )

    @needs_database()
    def handle(
        self, *, reset: bool, force: bool, days: int, credentials_file: Path | None, **options: Any
    ) -> None:
        now = timezone.now()
        began_at = now - timedelta(days=days)
        there = find_demo()
        if any(there) and not reset:
            self.stdout.write(f"The demo is there already ({_counts(there)}); nothing was made. {NEW_SECRETS}")
            return
        if has_other_data(there) and not force:
            self.stdout.write(
                "This database has cameras or sites of its own, so no demo was made. With --force it is made "
                "beside them."
            )
            return
        try:
            # The file belongs to the transaction: secrets that could not be handed over would be of no use.
            with transaction.atomic():
                if reset:
                    removed = remove_demo(by=AUTHOR, now=now)
                made = make_demo(by=AUTHOR, began_at=began_at, now=now)
                if credentials_file:
                    _write(credentials_file, made)
        except (DemoConflict, InvalidIntent) as error:
            raise CommandError(f"{error} Nothing was changed.") from None
        except OSError as error:
            raise CommandError(
                f"The credentials file cannot be written ({error.strerror}). Nothing was changed."
            ) from None
        if reset:
            self.stdout.write(f"Removed: {_counts(removed)}.")
        demo = find_demo()
        samples = write_history(demo.cameras, began_at, now) if days else 0
        self.stdout.write(f"Made: {_counts(demo)}, {samples:,} samples.")
        if credentials_file:
            self.stdout.write(f"Logins and tokens stand in {credentials_file}, and are shown nowhere else.")
        else:
            self._show(made)

    def _show(self, made: Secrets) -> None:
        self.stdout.write("\nLogins to the admin, shown this once:")
        for role, login in made.users.items():
            self.stdout.write(f"  {role:<14} {login.username}  {login.password}")
        self.stdout.write("Tokens, shown this once:")
        for role, secret in made.tokens.items():
            self.stdout.write(f"  {role:<14} {secret}")


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_DAYS:
        raise ArgumentTypeError(f"must be a whole number from 0 to {MAX_DAYS}")
    return int(text)


def _counts(demo: Remains) -> str:
    return ", ".join(f"{len(ids)} {name}" for name, ids in demo._asdict().items())


def _write(path: Path, made: Secrets) -> None:
    """Write the file as a whole, readable by its owner alone, or not at all."""
    content = {
        "users": {role: login._asdict() for role, login in made.users.items()},
        "tokens": made.tokens,
    }
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
