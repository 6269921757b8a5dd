"""`manage.py revoke_token`: a token is refused everywhere within 30 seconds."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import timezone

from cameras.management.terminal import plain
from cameras.rules import parse_uuid
from controlplane.access import tokens
from controlplane.access.models import ApiToken
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database

AUTHOR = unlimited("command:revoke_token").author("command")

EXAMPLE = """\
examples:
  manage.py revoke_token gate-worker
  manage.py revoke_token 3b7e5d18-90c4-4d2a-8f61-c05a7b29e483

`manage.py list_tokens` lists names and ids.
"""


class Command(CommandWithEpilog):
    help = "Revoke a token, and the tokens that it made. It is refused everywhere within 30 seconds."
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("token", metavar="NAME", help="the token's name, or its id")

    @needs_database()
    def handle(self, *, token: str, **options: Any) -> None:
        by_name = Q(name=token)
        token_id = parse_uuid(token)
        found = ApiToken.objects.filter(by_name | Q(pk=token_id) if token_id else by_name, revoked_at=None).first()
        if found is None:
            raise CommandError(
                f"No token that could be revoked has this name or id: “{plain(token)}”."
                " `manage.py list_tokens` lists those that can."
            )
        revoked = tokens.revoke_tokens(ids=[found.pk], by=AUTHOR, now=timezone.now())
        more = f", and {revoked - 1} that it made" if revoked > 1 else ""
        self.stdout.write(f"Revoked {plain(found.name)} ({found.pk}){more}.")
