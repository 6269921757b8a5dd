"""Whether a restored database is of this code, and what a copy says that cannot be taken."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from cameras.change_feed import current_cursor
from controlplane.access.models import AuditEntry
from telemetry.storage.file_copy import CopyFailed, copy_into
from tests.factories import make_camera
from tests.telemetry.history.samples import report

pytestmark = pytest.mark.django_db


def test_a_database_that_is_whole_gets_a_new_epoch_and_one_that_is_only_looked_at_does_not(capsys: Any) -> None:
    now = timezone.now()
    report(make_camera().pk, [("", now, 3)], now)
    before = current_cursor()

    call_command("restore_check", "--dry-run")
    assert current_cursor() == before
    call_command("restore_check")

    assert current_cursor().epoch != before.epoch
    assert AuditEntry.objects.get(action="epoch.renewed").by == "command:restore_check"
    out, err = capsys.readouterr()
    assert "1 cameras, 1 vitals, 1 samples" in out
    assert "How to go on" in err


@pytest.mark.parametrize(
    ("applied", "removed", "words"),
    [
        (
            ("cameras", "9999_of_tomorrow"),
            None,
            "of a newer version: this code does not know cameras.9999_of_tomorrow",
        ),
        (None, ("cameras", "0011_deleted_cameras"), "of an older version: it lacks cameras.0011_deleted_cameras"),
    ],
)
def test_a_dump_of_another_version_is_named_and_gets_no_epoch(
    applied: Any, removed: Any, words: str, capsys: Any
) -> None:
    before, recorder = current_cursor(), MigrationRecorder(connection)
    if applied:
        recorder.record_applied(*applied)
    if removed:
        recorder.record_unapplied(*removed)

    with pytest.raises(CommandError, match="Do not serve this database yet"):
        call_command("restore_check")

    assert words in capsys.readouterr().out
    assert current_cursor() == before


def test_a_copy_that_cannot_be_made_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database" * 1_000)
    folder = tmp_path / "copies"
    folder.mkdir()

    with pytest.raises(CopyFailed, match="was not finished: file is not a database"):
        copy_into(folder, broken, timezone.now())
    assert list(folder.iterdir()) == []
    if connection.vendor == "sqlite":
        with pytest.raises(CommandError, match="is no folder; make it first"):
            call_command("backup", str(tmp_path / "none"))
    else:
        with pytest.raises(CommandError, match=r"pg_dump.*docs/operations/backup\.md"):
            call_command("backup", str(folder))
