"""Files that the commands write: they hold passwords."""

import os
from pathlib import Path

from django.core.management.base import CommandError


def write_private(file: Path, text: str) -> None:
    """The file is readable by its owner alone, from its first byte on. Raises CommandError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as target:
            os.fchmod(target.fileno(), 0o600)
            target.write(text)
    except OSError as error:
        raise CommandError(f"The file {file} cannot be written: {error.strerror}.") from None
