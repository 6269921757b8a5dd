"""SQLite's file is copied while it is written to, and the copy is served."""

import sqlite3
import stat
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from tests.faults.conftest import CAMERAS_A_TEST
from tests.faults.ledger import Ledger, SampleKey
from tests.faults.load import Load
from tests.faults.restored import check_command, check_rows, check_watchers, cursor_of, restore_check
from tests.faults.service import Service, make_fleet
from tests.processes import Failure, output_of, service_environment


def stored_in(file: Path) -> set[SampleKey]:
    with closing(sqlite3.connect(file)) as copy:
        return {
            (str(UUID(camera)), datetime.fromisoformat(f"{timestamp}+00:00"), zone)
            for camera, timestamp, zone in copy.execute("SELECT camera_id, timestamp, zone FROM telemetry_sample")
        }


def test_a_copy_of_the_live_file_holds_what_was_acknowledged_before_and_old_cursors_are_gone(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'live.sqlite3'}"
    fleet = make_fleet(url, CAMERAS_A_TEST)
    ledger = Ledger(fleet.cameras)
    backups = tmp_path / "backups"
    backups.mkdir()
    command = [sys.executable, "manage.py", "backup", backups]
    with (
        Service(tmp_path, url, processes=1) as service,
        Load(service.port, fleet.tokens["worker"], ledger) as load,
    ):
        load.wait_for_answer(time.monotonic())
        before = ledger.acknowledged.copy()
        printed = output_of(command, timeout=60, env=service_environment(url))
        load.wait_for_answer(time.monotonic() + 0.1)
        cursor = cursor_of(service, fleet)

    [copy] = backups.iterdir()
    assert printed == f"{copy}\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    stored = stored_in(copy)
    check_rows(None, ledger, before, stored)
    with closing(sqlite3.connect(copy)) as restored:
        [accepted] = restored.execute("SELECT sum(accepted_count) FROM cameras_cameravitals").fetchone()
    assert accepted == len(stored)
    restored_url = f"sqlite:///{copy}"
    check_command(restored_url)
    check_watchers(tmp_path, restored_url, fleet, cursor)

    with closing(sqlite3.connect(copy)) as restored, restored:
        restored.execute("UPDATE cameras_cameravitals SET accepted_count = 0")
        restored.execute("DELETE FROM telemetry_sample WHERE zone = ''")
    wrong = r"(?s)WRONG counters.*WRONG latest samples: 20 are missing.*WRONG keys: .* 0 of 20 .*No new epoch"
    with pytest.raises(Failure, match=wrong):
        restore_check(restored_url, FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode())
