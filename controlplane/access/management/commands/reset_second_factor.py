"""`manage.py reset_second_factor USER`: somebody who has lost all second factors can set up new ones."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.utils import timezone

from controlplane.access import second_factors
from controlplane.access.principals import unlimited
from controlplane.commands import CommandWithEpilog, needs_database

AUTHOR = unlimited("command:reset_second_factor").author("command")

HELP = """\
Take away all second factors of a person, recovery codes too: for the day on which the phone is gone, and nobody
is there who could do it in the admin. The password stays, and where REQUIRE_MFA asks for a second factor the
person is led to set up a new one at the next sign-in. It stands in the audit trail.
"""
EXAMPLE = """\
example:
  manage.py reset_second_factor anna
"""


class Command(CommandWithEpilog):
    help = HELP
    epilog = EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="as it is typed at the login")

    @needs_database()
    def handle(self, *, username: str, **options: Any) -> None:
        person = get_user_model().objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is no person with the username {username!r}.")
        kinds = second_factors.remove_all(person=person, by=AUTHOR, now=timezone.now())
        self.stdout.write(f"removed {second_factors.in_words(kinds)}" if kinds else "there was no second factor")
