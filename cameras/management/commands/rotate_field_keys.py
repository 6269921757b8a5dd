"""`manage.py rotate_field_keys`: every connection string on the first key of the ring."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from cameras.key_rotation import Canary, Survey, count_sealed, rotate_keys, survey_keys
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog
from controlplane.problems import DATABASE_AWAY
from controlplane.stopping import stop_signals

AUTHOR = unlimited("command:rotate_field_keys").author("command")
MAX_LISTED = 50

HELP = """\
Seal every camera's connection string, the secrets of webhooks, and last the canary, on the first key of
FIELD_ENCRYPTION_KEYS.

To change the key: put a new one in front of FIELD_ENCRYPTION_KEYS and keep the old ones behind it, restart all
processes, run this command, and drop the old keys once it exits with 0. It may be stopped (Ctrl-C, SIGTERM) and
run again at any time, while the service runs: what was saved meanwhile is never overwritten, and watchers of the
cameras see no change.

It exits with 1 while anything is left on an old key or cannot be read. A connection string that no key opens is
mended by setting it anew.
"""
EXAMPLE = """\
examples:
  manage.py rotate_field_keys --check
  manage.py rotate_field_keys && echo the old keys can go
"""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", "--dry-run", action="store_true", dest="check", help="report only, and change nothing"
        )

    def handle(self, *, check: bool, **options: Any) -> None:
        try:
            with stop_signals() as stopping, tqdm(total=count_sealed(), unit="cam", disable=None) as bar:
                if check:
                    rotated, survey = 0, survey_keys(bar.update)
                else:
                    rotated, found = rotate_keys(
                        by=AUTHOR, now=timezone.now(), stopping=stopping, progress=bar.update
                    )
                    if found is None:
                        raise CommandError(f"Stopped after {rotated} were rotated. Run it again to go on.")
                    survey = found
        except DATABASE_AWAY as error:
            raise CommandError(
                f"The database is away or busy ({type(error).__name__}). Run it again to go on where this ended."
            ) from None
        self.stdout.write(_report(rotated, survey))
        if not survey.is_clean:
            raise CommandError("Keep all keys of FIELD_ENCRYPTION_KEYS for now.")


def _report(rotated: int, survey: Survey) -> str:
    unreadable = str(len(survey.unreadable))
    if survey.unreadable:
        ids = ", ".join(map(str, survey.unreadable[:MAX_LISTED]))
        more = ", ..." if len(survey.unreadable) > MAX_LISTED else ""
        unreadable += f" ({ids}{more})"
    already = max(0, survey.on_first_key - rotated)
    line = (
        f"rotated {rotated}, already on the first key {already}, unreadable {unreadable}, "
        f"left on old keys {survey.on_old_keys}"
    )
    if survey.elsewhere:
        line += f"; secrets of subscriptions left on old keys {survey.elsewhere}"
    return line if survey.canary is Canary.ON_FIRST_KEY else f"{line}; the canary is {survey.canary}"
