"""Partitions: made ahead, and every sample can be stored."""

import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from telemetry.health import check_partitions
from telemetry.ingest.accept import Submission, accept
from telemetry.ingest.wire import Event
from telemetry.models import KeptFrom, Sample
from telemetry.storage.partitions import (
    SAMPLES,
    TABLES,
    Table,
    days_ahead,
    drop_partition,
    make_partitions,
    partition_names,
    partitions_of,
)
from tests.at_once import at_once
from tests.factories import make_camera
from tests.telemetry.conftest import drop_partitions
from tests.telemetry.ingest.test_accept import WORKER_PRINCIPAL

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_migrate_leaves_a_week_ahead() -> None:
    if connection.vendor == "postgresql":
        drop_partitions(SAMPLES)

    call_command("migrate", verbosity=0)

    assert days_ahead(datetime.now(UTC)) == 7


@pytest.mark.parametrize(
    ("period", "day", "first", "following"),
    [
        ("day", date(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 1)),
        ("week", date(2026, 3, 1), date(2026, 2, 23), date(2026, 3, 2)),
        ("week", date(2026, 3, 2), date(2026, 3, 2), date(2026, 3, 9)),
        ("month", date(2026, 1, 31), date(2026, 1, 1), date(2026, 2, 1)),
        ("month", date(2026, 12, 1), date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_partitions_are_days_weeks_from_monday_and_months(
    period: str, day: date, first: date, following: date
) -> None:
    table = Table("any", "start_at", period, "raw")

    assert table.period_of(day) == first
    assert table.after(first) == following


@pytest.mark.parametrize("table", TABLES)
def test_a_table_without_its_coming_partitions_is_a_warning(table: Table) -> None:
    now = datetime.now(UTC)
    make_partitions(now)
    if connection.vendor != "postgresql":
        assert check_partitions(now) == (True, "")
        return
    with connection.cursor() as cursor:
        for partition in partitions_of(table):
            cursor.execute(f"DROP TABLE {partition.name}")

    finding = check_partitions(now)

    assert days_ahead(now) == 0
    assert finding.ok
    assert finding.detail.startswith("Warning: partitions for 0 days ahead only")
    make_partitions(now)
    assert (days_ahead(now), check_partitions(now)) == (7, (True, ""))


def test_every_partition_reaches_a_week_ahead() -> None:
    if connection.vendor != "postgresql":
        return
    now = datetime.now(UTC)
    make_partitions(now)

    assert all(partitions_of(table)[-1].end > now + timedelta(days=7) for table in TABLES)
    assert not [name for table in TABLES for name in partition_names(table) if not name.startswith(table.name)]


def test_days_are_made_once_by_several_at_once() -> None:
    now = datetime.now(UTC)
    if connection.vendor != "postgresql":
        assert make_partitions(now) == []
        return
    drop_partitions(SAMPLES)

    made = [name for names in at_once(*[lambda: make_partitions(now)] * 4) for name in names]

    assert len(made) == len(set(made)) == 9
    assert make_partitions(now) == []


def test_a_sample_of_a_day_without_a_partition_is_stored_and_keeps_its_day_from_being_made() -> None:
    camera = make_camera()
    now = datetime.now(UTC)
    if connection.vendor == "postgresql":
        drop_partitions(SAMPLES)
    moments = [now - timedelta(days=400), now]

    events = [Event(camera.pk, moment, "", 1, 1.0, None) for moment in moments]
    (receipts,) = accept([Submission(WORKER_PRINCIPAL, events)], now)
    made = make_partitions(now)

    assert [receipt.outcome.value for receipt in receipts] == ["stored", "stored"]
    assert Sample.objects.count() == 2
    if connection.vendor == "postgresql":
        assert f"telemetry_sample_{now:%Y%m%d}" not in made
        assert len(made) == 8
        (again,) = accept([Submission(WORKER_PRINCIPAL, events)], now)
        assert [receipt.outcome.value for receipt in again] == ["duplicate", "duplicate"]
        drop_partitions(SAMPLES)
        Sample.objects.all().delete()
        make_partitions(now)


def test_a_process_killed_while_it_makes_a_day_leaves_nothing_that_refuses_samples() -> None:
    if connection.vendor != "postgresql":
        return
    camera, now = make_camera(), datetime.now(UTC)
    yesterday = now - timedelta(days=400)
    event = Event(camera.pk, yesterday, "", 1, 1.0, None)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE telemetry_sample_default ADD CONSTRAINT telemetry_sample_20200101_not_in_default"
            f" CHECK (NOT (timestamp < '{now:%Y-%m-%d}')) NOT VALID"
        )

    with pytest.raises(OperationalError):  # endpoints answer this with 503
        accept([Submission(WORKER_PRINCIPAL, [event])], now)
    make_partitions(now)
    ((receipt,),) = accept([Submission(WORKER_PRINCIPAL, [event])], now)

    assert receipt.outcome.value == "stored"


def test_a_day_whose_samples_are_in_default_refuses_none_of_them_meanwhile() -> None:
    if connection.vendor != "postgresql":
        return
    camera, now = make_camera(), datetime.now(UTC)
    drop_partitions(SAMPLES)
    accept([Submission(WORKER_PRINCIPAL, [Event(camera.pk, now, "", 1, 1.0, None)])], now)

    with CaptureQueriesContext(connection) as queries:
        make_partitions(now)

    added = [query["sql"] for query in queries if "ADD CONSTRAINT telemetry_sample_" in query["sql"]]
    assert len(added) == 8
    assert not [sql for sql in added if f"{now:%Y%m%d}" in sql]
    Sample.objects.all().delete()
    make_partitions(now)


def test_what_retention_has_removed_is_not_made_again() -> None:
    if connection.vendor != "postgresql":
        return
    now = datetime.now(UTC)
    drop_partitions(SAMPLES)
    KeptFrom.objects.create(raw=now.replace(hour=0, minute=0, second=0, microsecond=0))

    made = make_partitions(now)

    assert f"telemetry_sample_{now:%Y%m%d}" in made
    assert f"telemetry_sample_{now - timedelta(days=1):%Y%m%d}" not in made
    KeptFrom.objects.all().delete()
    make_partitions(now)


def test_ingest_does_not_wait_while_a_day_that_is_to_go_is_in_use() -> None:
    """During a vacuum, say: what ingest uses is not locked before the day itself is."""
    if connection.vendor != "postgresql":
        return
    camera, now = make_camera(), datetime.now(UTC)
    made = make_partitions(now - timedelta(days=40))
    oldest = partitions_of(TABLES[0])[0]
    dropped: list[bool] = []

    def drop() -> None:
        dropped.append(drop_partition(oldest, first=lambda: True))
        connection.close()

    user = connection.copy()
    try:
        user.set_autocommit(False)
        user.cursor().execute(f"LOCK TABLE {oldest.name} IN SHARE UPDATE EXCLUSIVE MODE")
        dropping = threading.Thread(target=drop)
        dropping.start()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20ms'")
            for number in range(100):  # OperationalError where it has to wait
                moment = now - timedelta(microseconds=number)
                accept([Submission(WORKER_PRINCIPAL, [Event(camera.pk, moment, "", 1, 1.0, None)])], now)
                time.sleep(0.005)
            cursor.execute("RESET lock_timeout")
        assert dropped == []
        user.rollback()
        dropping.join(30)
    finally:
        user.close()

    assert dropped == [True]
    assert oldest.name not in partition_names()
    assert Sample.objects.count() == 100
    with connection.cursor() as cursor:
        for name in set(made) - {oldest.name}:
            cursor.execute(f"DROP TABLE {name}")
