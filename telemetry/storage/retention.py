"""Which history is kept: so many days of samples, minutes and hours, so many bytes, nothing of erased cameras.

On PostgreSQL whole partitions are dropped. Rows of DEFAULT that are too old are deleted in chunks; if there are
too many bytes DEFAULT is emptied at once. On other databases all rows are deleted in chunks. Samples are removed
first, then minutes, then hours, each only where the finer ones are gone.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Min

from cameras.models import Camera, DeletedCamera, Purge
from telemetry.history.dirty_ranges import is_pending
from telemetry.history.rollups import kept_from
from telemetry.history.spans import DAY, MICROSECOND, ceil_to, floor_to
from telemetry.models import DirtyHour, KeptFrom, RollupWork, Sample
from telemetry.storage.forecast import used_bytes
from telemetry.storage.levels import LEVELS, Level
from telemetry.storage.partitions import (
    SAMPLES,
    Partition,
    default_of,
    drop_partition,
    empty_default,
    partitions_of,
)

CHUNK = 5_000


class Pace(NamedTuple):
    """`stopping` is asked before each chunk, `progress` gets how many rows or partitions each removed."""

    stopping: Callable[[], bool]
    progress: Callable[[int], object]


# --- Deleted cameras --------------------------------------------------------------------------------------


class Purged(NamedTuple):
    """How many cameras are finished, and how many samples were removed."""

    cameras: int
    samples: int


def purge_deleted_cameras(
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], object] = lambda count: None,
) -> Purged:
    """Remove the history of every camera that has a Purge row, then the row; the next call does what is left.

    A camera may have millions of rows, so they are removed in chunks, each in a transaction of its own: none keeps
    locks or a snapshot for long.
    """
    cameras = samples = 0
    for camera_id in Purge.objects.order_by("requested_at", "pk").values_list("pk", flat=True):
        for level in LEVELS:
            for deleted in _delete_in_chunks(level.model.objects.of_camera(camera_id), Pace(stopping, progress)):
                samples += deleted if level.table is SAMPLES else 0
        if stopping():
            break
        # No row can have come meanwhile: ingest accepts nothing of a deleted camera.
        with transaction.atomic():
            DirtyHour.objects.filter(camera_id=camera_id).delete()
            RollupWork.objects.filter(camera_id=camera_id).delete()
            Purge.objects.filter(pk=camera_id).delete()
        cameras += 1
    return Purged(cameras, samples)


def samples_to_purge() -> Purged:
    """What a purge would remove now."""
    cameras = list(Purge.objects.values_list("pk", flat=True))
    return Purged(len(cameras), Sample.objects.filter(camera_id__in=cameras).count())


# --- Old history ------------------------------------------------------------------------------------------


def remove_old(
    now: datetime,
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], object] = lambda count: None,
) -> list[str]:
    """Remove what is older than its retention, then what is too much; returns in a few words what was removed.

    Samples stay until their rollups are computed. Samples in DEFAULT, and on databases without partitions, are
    kept for their days after they were received, so that what arrives late is not removed at once.
    """
    pace, removed = Pace(stopping, progress), []
    for level in LEVELS:
        cutoff = _cutoff(level, now)
        if cutoff is not None:
            removed += _remove_before(level, cutoff, pace)
    while _too_much() and not stopping():
        lost = _remove_oldest(now, pace)
        if not lost:
            break
        removed += lost
    return removed


def due(now: datetime) -> list[str]:
    """What `remove_old` would remove now, in a few words; it also lists samples that wait for their rollups."""
    found = []
    for level in LEVELS:
        if cutoff := _cutoff(level, now):
            if connection.vendor == "postgresql":
                found += [partition.name for partition in partitions_of(level.table) if partition.end <= cutoff]
            if _newest_row(level, cutoff):
                found.append(f"rows of {level.table.name} before {cutoff:%Y-%m-%d}")
    if _too_much():
        found.append("then the oldest of what is left, until it is no more than TELEMETRY_MAX_BYTES")
    return found


def _cutoff(level: Level, now: datetime) -> datetime | None:
    """The moment before which rows of a level are too old and may be removed; None if none may."""
    cutoff = floor_to(now, DAY) - timedelta(days=getattr(settings, level.setting))
    bound = _bound(level, now)
    return min(cutoff, bound) if bound else None


def _bound(level: Level, now: datetime) -> datetime | None:
    """The moment before which rows may be removed: today for samples, else what the finer level has kept from."""
    kept = kept_from()
    return {"raw": floor_to(now, DAY), "minutes": kept.raw, "hours": kept.minutes}[level.table.level]


def _too_much() -> bool:
    return bool(settings.TELEMETRY_MAX_BYTES) and used_bytes() > settings.TELEMETRY_MAX_BYTES


def _remove_oldest(now: datetime, pace: Pace) -> list[str]:
    """Remove the oldest partition, or without partitions the oldest day, of the first level that may lose one.

    If samples wait for their rollups, nothing is removed: coarser levels must not go in their place.
    """
    for level in LEVELS:
        bound = _bound(level, now)
        if bound is None:
            continue
        if connection.vendor == "postgresql":
            if (oldest := _oldest_partition(level)) and oldest.end <= bound:
                return [oldest.name] if _drop(level, oldest, pace) else []
        elif (oldest_row := _oldest_row(level)) and oldest_row < bound:
            end = min(floor_to(oldest_row, DAY) + DAY, bound)
            count = _delete_rows(level, end, now, pace) if _advance(level, end) else 0
            return [f"{count:,} rows of {level.table.name}"] if count else []
    return []


def _oldest_partition(level: Level) -> Partition | None:
    """The partition that ends first. DEFAULT counts as one, because workers with a wrong clock may fill it."""
    present = [*partitions_of(level.table)[:1], default_of(level.table)]
    return min(filter(None, present), key=lambda partition: partition.end, default=None)


def _remove_before(level: Level, cutoff: datetime, pace: Pace) -> list[str]:
    removed = []
    for partition in partitions_of(level.table) if connection.vendor == "postgresql" else []:
        if partition.end <= cutoff and not pace.stopping() and _drop(level, partition, pace):
            removed.append(partition.name)
    newest = _newest_row(level, cutoff)
    if newest and _advance(level, min(ceil_to(newest + MICROSECOND, DAY), cutoff)):
        count = _delete_rows(level, cutoff, cutoff, pace)
        removed.append(f"{count:,} rows of {level.table.name}")
    return removed


def _drop(level: Level, partition: Partition, pace: Pace) -> bool:
    first = partial(_advance, level, partition.end)
    if partition.name == level.table.default:
        dropped = empty_default(level.table, partition.end, first)
    else:
        dropped = drop_partition(partition, first)
    pace.progress(int(dropped))
    return dropped


def _advance(level: Level, end: datetime) -> bool:
    """Note in KeptFrom that history of this level begins at `end`; False if samples before wait for rollups."""
    with transaction.atomic():
        if level.table is SAMPLES and is_pending(end):
            return False
        name = level.table.level
        kept, _ = KeptFrom.objects.get_or_create(pk=1)
        setattr(kept, name, max(end, getattr(kept, name) or end))
        kept.save(update_fields=[name])
        return True


# --- Rows -------------------------------------------------------------------------------------------------


def _cameras_with_history() -> list[UUID]:
    """Cameras, those in the bin too. What is being purged goes by itself."""
    return [pk for model in (Camera, DeletedCamera) for pk in model.objects.values_list("pk", flat=True)]


def _old_rows(level: Level, camera_id: UUID, cutoff: datetime, received_before: datetime) -> Any:
    rows = level.model.objects.of_camera(camera_id).between(None, cutoff)
    return rows.filter(received_at__lt=received_before) if level.model is Sample else rows


def _in_default(level: Level) -> str:
    received = " AND received_at < %(received_before)s" if level.model is Sample else ""
    return f"FROM {level.table.default} WHERE {level.table.column} < %(cutoff)s{received}"


def _newest_row(level: Level, cutoff: datetime) -> datetime | None:
    """The moment of the newest row that is too old and not in a partition of its own."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            given = {"cutoff": cutoff, "received_before": cutoff}
            cursor.execute(f"SELECT max({level.table.column}) {_in_default(level)}", given)
            return cursor.fetchone()[0]
    rows = (_old_rows(level, camera_id, cutoff, cutoff) for camera_id in _cameras_with_history())
    moments = (of_camera.aggregate(newest=Max(of_camera.moment))["newest"] for of_camera in rows)
    return max(filter(None, moments), default=None)


def _oldest_row(level: Level) -> datetime | None:
    rows = (level.model.objects.of_camera(pk) for pk in _cameras_with_history())
    moments = (of_camera.aggregate(oldest=Min(of_camera.moment))["oldest"] for of_camera in rows)
    return min(filter(None, moments), default=None)


def _delete_rows(level: Level, cutoff: datetime, received_before: datetime, pace: Pace) -> int:
    """Remove, in chunks, the rows that are too old and not in a partition of their own; returns how many."""
    if connection.vendor == "postgresql":
        return sum(_delete_from_default(level, cutoff, received_before, pace))
    rows = (_old_rows(level, camera_id, cutoff, received_before) for camera_id in _cameras_with_history())
    return sum(sum(_delete_in_chunks(of_camera, pace)) for of_camera in rows)


def _delete_from_default(level: Level, cutoff: datetime, received_before: datetime, pace: Pace) -> Iterator[int]:
    chunk = f"SELECT ctid {_in_default(level)} LIMIT {CHUNK}"
    statement = f"DELETE FROM {level.table.default} WHERE ctid = ANY (ARRAY({chunk}))"
    deleted = CHUNK
    while deleted >= CHUNK and not pace.stopping():
        with connection.cursor() as cursor:
            cursor.execute(statement, {"cutoff": cutoff, "received_before": received_before})
            deleted = cursor.rowcount
        pace.progress(deleted)
        yield deleted


def _delete_in_chunks(rows: Any, pace: Pace) -> Iterator[int]:
    """Remove rows of one camera, oldest first; yields how many after each chunk."""
    done_up_to: datetime | None = None
    while not pace.stopping():
        # From the end of the chunk before, because the index still has entries of what was just removed.
        left = rows.between(done_up_to, None)
        ends = list(left.oldest_first().values_list(rows.moment, "zone")[CHUNK - 1 : CHUNK])
        deleted, _ = (left.up_to(*ends[0]) if ends else left).delete()
        if deleted:
            pace.progress(deleted)
            yield deleted
        if not ends:
            return
        done_up_to = ends[0][0]
