"""A copy of a SQLite file while it is written to: what `cp` takes lacks what stands in the log beside the file."""

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

# Between two steps of so many pages others may write; what they write is in the copy.
PAGES_A_STEP = 2_000
SUFFIX = ".sqlite3"


class CopyFailed(Exception):
    """Nothing was left in the folder; the text says why."""


def copy_into(folder: Path, source: Path, now: datetime) -> Path:
    """A copy of the whole file, readable by its owner alone; it has its name once it is complete and on disk.

    Raises CopyFailed.
    """
    target = folder / f"controlplane-{now:%Y%m%dT%H%M%S%fZ}{SUFFIX}"
    unfinished = target.with_suffix(".unfinished")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise CopyFailed(f"Nothing can be written into {folder}: {error.strerror}.") from None
    try:
        _copy(source, unfinished)
        _flush(unfinished)
        unfinished.rename(target)
        _flush(folder)
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CopyFailed(f"The copy was not finished: {reason}.") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _copy(source: Path, target: Path) -> None:
    address = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=30)) as live, closing(sqlite3.connect(target)) as copy:
        # One snapshot from the first page to the last: otherwise each write of others would begin the copy anew.
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        live.backup(copy, pages=PAGES_A_STEP)
        # One file, and none beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        [found] = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
