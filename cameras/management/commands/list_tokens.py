"""`manage.py list_tokens`: which machines may come in, and until when."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.utils import timezone

from cameras.management.terminal import plain
from controlplane.access.models import ApiToken
from controlplane.access.tokens import scope_of, valid_tokens
from controlplane.commands import CommandWithEpilog, needs_database

HEADINGS = ("NAME", "ROLE", "FOR", "STATE", "EXPIRES", "LAST USED", "MADE", "BY", "ID")

EXAMPLE = """\
examples:
  manage.py list_tokens
  manage.py list_tokens --all

Times are in UTC. Secrets are stored nowhere, so that none is shown.
"""


class Command(CommandWithEpilog):
    help = "List the tokens that are valid, by name."
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also those that are revoked or expired")

    @needs_database()
    def handle(self, **options: Any) -> None:
        now = timezone.now()
        tokens = ApiToken.objects.all() if options["all"] else valid_tokens(now)
        found = tokens.order_by("name", "created_at").prefetch_related("bindings")
        rows = [HEADINGS, *(_row(token, now) for token in found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write(line.rstrip())


def _row(token: ApiToken, now: datetime) -> tuple[str, ...]:
    if token.revoked_at:
        state = "revoked"
    else:
        state = "expired" if token.expires_at and token.expires_at <= now else "valid"
    return (
        plain(token.name),
        token.role,
        _for(token),
        state,
        _moment(token.expires_at),
        _moment(token.last_used_at),
        _moment(token.created_at),
        plain(token.created_by),
        str(token.pk),
    )


def _for(token: ApiToken) -> str:
    scope = scope_of(token)
    if scope.is_whole:
        return "the fleet"
    counts = [(len(scope.sites), "site"), (len(scope.cameras), "camera")]
    return ", ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in counts if count) or "nothing"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
