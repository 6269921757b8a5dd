"""What history is kept: so many days of samples, minutes and hours, so many bytes, nothing of deleted cameras.

On PostgreSQL whole partitions are dropped. What is too old in DEFAULT goes row by row; where it is too much,
DEFAULT goes as a whole. Elsewhere all rows go in chunks. Samples go first, then minutes, then hours, each only
where the finer ones are gone. Must not import doors or ingest.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Min

from cameras.models import Camera, Purge
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
    """`stopping` is asked before each chunk, `progress` is told how many rows or partitions each removed."""

    stopping: Callable[[], bool]
    progress: Callable[[int], object]


# --- Deleted cameras --------------------------------------------------------------------------------------


class Purged(NamedTuple):
    """How many cameras are done with, and how many samples were removed."""

    cameras: int
    samples: int


def purge_deleted_cameras(
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], object] = lambda count: None,
) -> Purged:
    """Remove the history of every deleted camera, then its Purge row; the next call goes on with what is left.

    A camera has perhaps millions of rows, so they go in chunks by primary key, each in a transaction of its own:
    none holds locks or a snapshot for long. No row comes in between: ingest knows the camera no more.
    """
    cameras = samples = 0
    for camera_id in Purge.objects.order_by("requested_at", "pk").values_list("pk", flat=True):
        for level in LEVELS:
            for deleted in _delete_in_chunks(level.model.objects.of_camera(camera_id), Pace(stopping, progress)):
                samples += deleted if level.table is SAMPLES else 0
        if stopping():
            break
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
    """Remove what is older than its days, then what is too much; says in a few words what was removed.

    Samples stay as long as their rollups are not computed. Rows of DEFAULT, and of databases without partitions,
    are kept for their days after they came in, so that what arrives late does not vanish at once.
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
    """What `remove_old` would remove now, in a few words; samples that are not summed up yet wait all the same."""
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
    """Before when a level is too old, and may go; None where nothing may."""
    cutoff = floor_to(now, DAY) - timedelta(days=getattr(settings, level.setting))
    bound = _bound(level, now)
    return min(cutoff, bound) if bound else None


def _bound(level: Level, now: datetime) -> datetime | None:
    """Samples before today may go; of the other levels, what the finer one has already lost."""
    kept = kept_from()
    return {"raw": floor_to(now, DAY), "minutes": kept.raw, "hours": kept.minutes}[level.table.level]


def _too_much() -> bool:
    return bool(settings.TELEMETRY_MAX_BYTES) and used_bytes() > settings.TELEMETRY_MAX_BYTES


def _remove_oldest(now: datetime, pace: Pace) -> list[str]:
    """Remove the oldest partition, or elsewhere the oldest day, of the first level that may lose any.

    Where samples wait for their rollups, everything waits: what is kept longer must not go in their place.
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
    """The one that ends first, DEFAULT among them: workers with a wrong clock may fill it as well."""
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
    """Make known that history begins no earlier; False where samples before have yet to be summed up."""
    with transaction.atomic():
        if level.table is SAMPLES and is_pending(end):
            return False
        name = level.table.level
        kept, _ = KeptFrom.objects.get_or_create(pk=1)
        setattr(kept, name, max(end, getattr(kept, name) or end))
        kept.save(update_fields=[name])
        return True


# --- Rows -------------------------------------------------------------------------------------------------


def _old_rows(level: Level, camera_id: UUID, cutoff: datetime, received_before: datetime) -> Any:
    rows = level.model.objects.of_camera(camera_id).between(None, cutoff)
    return rows.filter(received_at__lt=received_before) if level.model is Sample else rows


def _in_default(level: Level) -> str:
    received = " AND received_at < %(received_before)s" if level.model is Sample else ""
    return f"FROM {level.table.default} WHERE {level.table.column} < %(cutoff)s{received}"


def _newest_row(level: Level, cutoff: datetime) -> datetime | None:
    """The moment of the newest row that is too old and in no partition."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            given = {"cutoff": cutoff, "received_before": cutoff}
            cursor.execute(f"SELECT max({level.table.column}) {_in_default(level)}", given)
            return cursor.fetchone()[0]
    cameras = Camera.objects.values_list("pk", flat=True)
    rows = (_old_rows(level, camera_id, cutoff, cutoff) for camera_id in cameras)
    moments = (of_camera.aggregate(newest=Max(of_camera.moment))["newest"] for of_camera in rows)
    return max(filter(None, moments), default=None)


def _oldest_row(level: Level) -> datetime | None:
    rows = (level.model.objects.of_camera(pk) for pk in Camera.objects.values_list("pk", flat=True))
    moments = (of_camera.aggregate(oldest=Min(of_camera.moment))["oldest"] for of_camera in rows)
    return min(filter(None, moments), default=None)


def _delete_rows(level: Level, cutoff: datetime, received_before: datetime, pace: Pace) -> int:
    """Remove, in chunks, the rows that are too old and in no partition."""
    if connection.vendor == "postgresql":
        return sum(_delete_from_default(level, cutoff, received_before, pace))
    cameras = list(Camera.objects.values_list("pk", flat=True))
    rows = (_old_rows(level, camera_id, cutoff, received_before) for camera_id in cameras)
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
    """Remove rows of one camera, oldest first; each chunk begins where the one before ended."""
    done_up_to: datetime | None = None
    while not pace.stopping():
        left = rows.between(done_up_to, None)  # spares the index entries of what was just removed
        ends = list(left.oldest_first().values_list(rows.moment, "zone")[CHUNK - 1 : CHUNK])
        deleted, _ = (left.up_to(*ends[0]) if ends else left).delete()
        if deleted:
            pace.progress(deleted)
            yield deleted
        if not ends:
            return
        done_up_to = ends[0][0]
