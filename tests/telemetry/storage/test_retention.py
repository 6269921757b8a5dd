"""What is removed: history of deleted cameras, and what is too old or too much; in bounded chunks, and never early."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras import actions, restores
from cameras.models import Purge
from telemetry.history.dirty_ranges import count_pending, is_pending
from telemetry.history.rollups import compute_rollups, kept_from
from telemetry.models import DirtyHour, HourRollup, KeptFrom, MinuteRollup, RollupWork, Sample
from telemetry.storage import forecast, partitions, retention
from telemetry.storage.retention import purge_deleted_cameras, remove_old, samples_to_purge
from tests.factories import AUTHOR, NOW, make_camera
from tests.telemetry.conftest import drop_partitions
from tests.telemetry.history.samples import EVERY, fill, kept_for, report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def chunk(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(retention, "CHUNK", 10)
    return 10


def deleted_camera(count: int, zones: tuple[str, ...] = ("",), every: timedelta = EVERY) -> UUID:
    camera_id = make_camera().pk
    fill(camera_id, count, zones, every=every)
    actions.retire_camera(camera_id=camera_id, by=AUTHOR, now=NOW, is_kept=False)
    return camera_id


def test_a_purge_removes_the_samples_of_deleted_cameras_and_of_no_other() -> None:
    kept = make_camera("Kept").pk
    fill(kept, 15)
    fill(uuid4(), 3)
    deleted_camera(25)

    compute_rollups(NOW + timedelta(hours=1))

    purged = purge_deleted_cameras()

    assert purged == (1, 25)
    assert Sample.objects.filter(camera_id=kept).count() == 15
    assert Sample.objects.count() == 18
    assert not Purge.objects.exists()


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 21])
def test_no_chunk_is_larger_than_the_bound(count: int, chunk: int) -> None:
    deleted_camera(count)
    sizes: list[int] = []

    purge_deleted_cameras(progress=sizes.append)

    assert sum(sizes) == count
    assert max(sizes, default=0) <= chunk
    assert not Purge.objects.exists()


def test_a_chunk_may_end_between_the_zones_of_one_moment(chunk: int) -> None:
    camera_id = deleted_camera(4, zones=("", "a", "b", "c", "d", "e", "f"))
    sizes: list[int] = []

    purge_deleted_cameras(progress=sizes.append)

    assert sizes == [10, 10, 8]
    assert not Sample.objects.filter(camera_id=camera_id).exists()


def test_samples_of_many_days_are_all_removed() -> None:
    deleted_camera(30, every=timedelta(days=1))

    assert purge_deleted_cameras() == (1, 30)
    assert not Sample.objects.exists()


def test_samples_of_a_camera_that_can_be_restored_are_kept_and_rolled_up() -> None:
    camera_id = make_camera().pk
    report(camera_id, [("", NOW - timedelta(minutes=5), 1), ("", NOW, 2)], NOW)
    actions.retire_camera(camera_id=camera_id, by=AUTHOR, now=NOW)
    assert is_pending(NOW + timedelta(hours=1))

    assert purge_deleted_cameras() == (0, 0)
    compute_rollups(NOW + timedelta(hours=1))

    assert not is_pending(NOW + timedelta(hours=1))
    assert (Sample.objects.count(), HourRollup.objects.count()) == (2, 2)
    restores.restore_camera(camera_id=camera_id, by=AUTHOR, now=NOW)
    assert count_pending() == 0


def test_old_samples_of_a_camera_that_can_be_restored_are_removed_like_those_of_others() -> None:
    with kept_for(raw=1):
        camera_id = make_camera().pk
        report(camera_id, [("", NOW - timedelta(days=5), 1)], NOW - timedelta(days=5))
        report(camera_id, [("", NOW, 2)], NOW)
        actions.retire_camera(camera_id=camera_id, by=AUTHOR, now=NOW)
        compute_rollups(NOW + timedelta(hours=1))

        remove_old(NOW + timedelta(hours=1))

    assert list(Sample.objects.values_list("timestamp", flat=True)) == [NOW]


def test_a_purge_stops_between_two_chunks_and_goes_on_when_run_again() -> None:
    deleted_camera(35)
    chunks: list[int] = []

    stopped = purge_deleted_cameras(stopping=lambda: len(chunks) == 2, progress=chunks.append)

    assert stopped == (0, 20)
    assert (Sample.objects.count(), Purge.objects.count()) == (15, 1)
    assert purge_deleted_cameras() == (1, 15)
    assert not Purge.objects.exists()


def test_a_purge_without_deleted_cameras_takes_one_query() -> None:
    fill(uuid4(), 3)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        purge_deleted_cameras()

    assert len(queries) == 1


def test_what_a_purge_would_remove_is_counted_beforehand() -> None:
    deleted_camera(12)
    deleted_camera(3)

    assert samples_to_purge() == (2, 15)
    assert Sample.objects.count() == 15


def test_a_purge_removes_rollups_and_dirty_ranges_too() -> None:
    kept = make_camera("Kept").pk
    gone = make_camera("Gone").pk
    for camera_id in (kept, gone):
        report(camera_id, [("", NOW - timedelta(days=1), 1), ("door", NOW, 2)], NOW)
    compute_rollups(NOW + timedelta(hours=1))
    for camera_id in (kept, gone):
        report(camera_id, [("", NOW - timedelta(days=2), 1)], NOW)
        RollupWork.objects.create(camera_id=camera_id, start_at=NOW, end_at=NOW)
    actions.retire_camera(camera_id=gone, by=AUTHOR, now=NOW, is_kept=False)

    purge_deleted_cameras()

    for model in (Sample, MinuteRollup, HourRollup, DirtyHour, RollupWork):
        assert set(model.objects.values_list("camera_id", flat=True)) == {kept}, model  # type: ignore[attr-defined]


# --- Old history ------------------------------------------------------------------------------------------


def history(count: int) -> UUID:
    """A camera with a sample at noon on each of so many days up to today, all summed up."""
    camera_id: UUID = make_camera().pk
    report(camera_id, [("", NOW - timedelta(days=number), 1) for number in range(count)], NOW)
    compute_rollups(NOW + timedelta(hours=1))
    return camera_id


def counts() -> tuple[int, int, int]:
    return (Sample.objects.count(), MinuteRollup.objects.count(), HourRollup.objects.count())


def test_samples_go_first_then_minutes_then_hours(without_partitions: None) -> None:
    history(60)

    with kept_for():
        remove_old(NOW + timedelta(days=1))
    first = counts()
    with kept_for():
        remove_old(NOW + timedelta(days=11))

    # Received only yesterday: samples are kept for their days from then on, and rollups as long as their samples.
    assert first == (60, 60, 60)
    # 15 March: samples from the 5th on, minutes from 23 February, hours from 3 February.
    assert counts() == (0, 10, 30)
    kept = kept_from()
    assert (kept.raw, kept.minutes, kept.hours) == tuple(
        datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 5), (2, 23), (2, 3))
    )


def test_samples_wait_for_their_rollups(without_partitions: None) -> None:
    camera_id = history(5)
    report(camera_id, [("", NOW - timedelta(days=3, minutes=5), 1)], NOW)
    later = NOW + timedelta(days=30)

    with kept_for():
        assert remove_old(later) == []
        assert Sample.objects.count() == 6
        compute_rollups(later)
        remove_old(later)

    assert Sample.objects.count() == 0


def test_what_is_too_much_goes_day_by_day_and_never_today_s(
    without_partitions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "postgresql":
        return  # whole partitions go, see below
    history(4)
    sizes = iter([300, 250, 200, 150, 150])
    monkeypatch.setattr(retention, "used_bytes", lambda: next(sizes))

    with kept_for(most=200):
        removed = remove_old(NOW + timedelta(hours=1))

    assert len(removed) == 2
    assert counts() == (2, 4, 4)
    monkeypatch.setattr(retention, "used_bytes", lambda: 300)
    with kept_for(most=200):
        remove_old(NOW + timedelta(hours=1))
    assert counts() == (1, 1, 1)
    assert kept_from().raw == datetime(2026, 3, 4, tzinfo=UTC)


def test_nothing_goes_in_the_place_of_samples_that_wait_for_their_rollups(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "postgresql":
        drop_partitions()
        for number in range(60, -1, -1):
            partitions.make_partitions(NOW - timedelta(days=number))
    camera_id = history(60)
    Sample.objects.filter(timestamp__lt=NOW - timedelta(days=20, hours=12)).delete()
    KeptFrom.objects.create(raw=NOW.replace(hour=0) - timedelta(days=20))
    with kept_for(raw=20, minutes=40, hours=100):
        remove_old(NOW)
    report(camera_id, [("", NOW - timedelta(days=20, minutes=5), 1)], NOW)
    before = counts()
    monkeypatch.setattr(retention, "used_bytes", lambda: 300)

    with kept_for(raw=20, minutes=40, hours=100, most=250):
        assert remove_old(NOW) == []

    assert counts() == before


def test_removal_stops_between_two_chunks(without_partitions: None, chunk: int) -> None:
    camera_id = make_camera().pk
    report(camera_id, [("", NOW + timedelta(seconds=number), 1) for number in range(35)], NOW)
    later = NOW + timedelta(days=30)
    compute_rollups(later)
    chunks: list[int] = []

    with kept_for():
        remove_old(later, stopping=lambda: len(chunks) == 2, progress=chunks.append)

    assert (Sample.objects.count(), max(chunks)) == (15, chunk)
    with kept_for():
        remove_old(later)
    assert Sample.objects.count() == 0


def test_on_postgresql_whole_partitions_go(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "postgresql":
        return
    drop_partitions()
    for number in range(40, -1, -1):
        partitions.make_partitions(NOW - timedelta(days=number))
    history(40)

    with kept_for(raw=20, minutes=25, hours=45), CaptureQueriesContext(connection) as queries:
        assert retention.due(NOW)
        removed = remove_old(NOW)

    assert not [query for query in queries if query["sql"].startswith("DELETE") and "_default" not in query["sql"]]
    assert f"telemetry_sample_{NOW - timedelta(days=21):%Y%m%d}" in removed
    assert f"telemetry_sample_{NOW - timedelta(days=20):%Y%m%d}" not in removed
    # 22 samples of a day: today and 20 whole days. Minutes go by whole weeks, here those before 2 February.
    assert counts() == (21, 31, 40)
    assert partitions.partitions_of(partitions.MINUTES)[0].name.endswith("20260202")

    # Too much: the oldest days go until it is enough, then weeks of minutes, then months of hours; today stays.
    used = iter([300, 280, 200])
    monkeypatch.setattr(retention, "used_bytes", lambda: next(used))
    with kept_for(raw=20, minutes=25, hours=45, most=250):
        removed = remove_old(NOW)
    assert removed == [f"telemetry_sample_{NOW - timedelta(days=number):%Y%m%d}" for number in (20, 19)]
    monkeypatch.setattr(retention, "used_bytes", lambda: 300)
    with kept_for(raw=20, minutes=25, hours=45, most=250):
        remove_old(NOW)
    assert counts() == (1, 3, 4)  # minutes since Monday the 2nd, hours since the 1st of March


def test_what_would_be_removed_is_listed_beforehand(
    without_partitions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(60)
    later = NOW + timedelta(days=11)

    with kept_for():
        assert retention.due(NOW) == []
        assert retention.due(later) == ["rows of telemetry_sample before 2026-03-05"]
    with kept_for(most=250):
        monkeypatch.setattr(retention, "used_bytes", lambda: 300)
        assert "until it is no more than TELEMETRY_MAX_BYTES" in retention.due(NOW)[0]


def test_what_a_worker_with_a_wrong_clock_sent_goes_before_any_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "postgresql":
        return
    drop_partitions()
    partitions.make_partitions(NOW)
    camera_id = history(1)
    report(camera_id, [("", NOW - timedelta(days=700, minutes=number), 1) for number in range(500)], NOW)
    compute_rollups(NOW + timedelta(hours=1))
    default, size = partitions.default_of(partitions.SAMPLES), forecast.used_bytes()
    used = iter([300, 200])
    monkeypatch.setattr(retention, "used_bytes", lambda: next(used))

    with kept_for(most=250):
        assert remove_old(NOW) == ["telemetry_sample_default"]

    assert counts() == (1, 501, 11)
    assert default
    assert kept_from().raw == default.end == NOW.replace(hour=0) - timedelta(days=699)
    assert partitions.default_of(partitions.SAMPLES) is None
    assert forecast.used_bytes() < size


def test_default_stays_while_it_holds_a_sample_of_today(
    without_partitions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        return
    history(3)
    monkeypatch.setattr(retention, "used_bytes", lambda: 300)

    with kept_for(most=250):
        assert remove_old(NOW) == []

    assert counts() == (3, 3, 3)
