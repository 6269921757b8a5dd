"""What the management commands have in common."""

from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from controlplane.problems import DATABASE_AWAY, words_of


@contextmanager
def needs_database() -> Iterator[None]:
    """A database that is away, busy or not migrated ends the command with words, and without a traceback."""
    try:
        yield
    except DATABASE_AWAY as error:
        raise CommandError(
            words_of(error)
            or f"The database does not answer ({type(error).__name__}). Try again later; if it is new, run"
            " `manage.py migrate` first."
        ) from None


class CommandWithEpilog(BaseCommand):
    """Ends its help with `epilog`, the lines of which stay as they are: examples, tables."""

    epilog: ClassVar[str] = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        # Django's own formatter would run the lines together.
        parser = super().create_parser(prog_name, subcommand, epilog=self.epilog, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser
