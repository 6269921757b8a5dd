"""A dump, and a base backup with an archive, are taken under load, restored elsewhere, and served."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, Restored
from tests.faults.conftest import CAMERAS_A_TEST
from tests.faults.ledger import Ledger
from tests.faults.load import Load
from tests.faults.restored import check_command, check_rows, check_watchers, check_wrong_key, cursor_of
from tests.faults.service import Service, make_fleet
from tests.waiting import wait_until

DATABASE, POINT = "live", "drill"
RESTORED = "restored"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster() as cluster:
        if not all(os.access(cluster.bin / program, os.X_OK) for program in ("pg_dump", "pg_basebackup")):
            pytest.skip("This PostgreSQL has no pg_dump or pg_basebackup.")
        cluster.archive_into(cluster.folder / "archive")
        cluster.create_database(DATABASE)
        yield cluster


def test_a_dump_and_a_moment_of_the_archive_hold_what_was_acknowledged_before_and_old_cursors_are_gone(
    source: Cluster, tmp_path: Path, long: bool, record_property: Callable[[str, object], None]
) -> None:
    fleet = make_fleet(source.url(DATABASE), CAMERAS_A_TEST)
    ledger = Ledger(fleet.cameras)
    with (
        Service(tmp_path, source.url(DATABASE), processes=1) as service,
        Load(service.port, fleet.tokens["worker"], ledger) as load,
    ):
        load.wait_for_answer(time.monotonic())
        base = source.base_backup()
        time.sleep(20 if long else 0.3)
        before_dump = ledger.acknowledged.copy()
        dump = source.dump(DATABASE)
        before_point = ledger.acknowledged.copy()
        with source.connect() as connection:
            connection.execute("SELECT pg_create_restore_point(%s)", [POINT])
        load.wait_for_answer(time.monotonic() + 0.1)
        cursor = cursor_of(service, fleet)
    with source.connect() as connection:
        segment = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        assert segment
        wait_until(lambda: (source.folder / "archive" / segment[0]).exists())

    source.create_database(RESTORED)
    source.load_dump(dump, RESTORED)
    with source.connect(RESTORED) as connection:
        check_rows(connection, ledger, before_dump, stored_in(source, RESTORED))
    check_wrong_key(source.url(RESTORED))
    with Restored(source, base, source.folder / "archive", POINT) as other:
        with other.connect(DATABASE) as connection:
            check_rows(connection, ledger, before_point, stored_in(other, DATABASE))
        check_command(other.url(DATABASE))
        check_watchers(tmp_path, other.url(DATABASE), fleet, cursor)
        lost = len(ledger.acknowledged) - len(stored_in(other, DATABASE))
    if long:
        check_command(source.url(RESTORED))
        check_watchers(tmp_path, source.url(RESTORED), fleet, cursor)
    record_property("events before the restore point, of which all are there", len(before_point))
    record_property("events acknowledged after it", lost)


def stored_in(cluster: Cluster, database: str) -> set[tuple[str, object, str]]:
    with cluster.connect(database) as connection:
        return {
            (camera, timestamp, zone)
            for camera, timestamp, zone in connection.execute(
                "SELECT camera_id::text, timestamp, zone FROM telemetry_sample"
            )
        }
