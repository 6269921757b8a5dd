"""Removing samples: for now those of deleted cameras, which cameras.Purge names.

A camera has perhaps millions of samples, so they go in chunks by primary key, each in a transaction of its own:
none holds locks or a snapshot for long. Must not import doors or ingest.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from cameras.models import Purge
from telemetry.models import Sample

CHUNK = 5_000


class Purged(NamedTuple):
    """How many cameras are done with, and how many samples were removed."""

    cameras: int
    samples: int


def purge_deleted_cameras(
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], object] = lambda count: None,
) -> Purged:
    """Remove the samples of every deleted camera, then its Purge row.

    `stopping` is asked before each chunk, `progress` is told the size of each. What is left is gone on with by
    the next call.
    """
    cameras = samples = 0
    for camera_id in Purge.objects.order_by("requested_at", "pk").values_list("pk", flat=True):
        done_up_to: datetime | None = None
        finished = False
        while not finished and not stopping():
            deleted, done_up_to = _delete_chunk(camera_id, done_up_to)
            finished = done_up_to is None
            samples += deleted
            progress(deleted)
        cameras += finished
    return Purged(cameras, samples)


def samples_to_purge() -> Purged:
    """What a purge would remove now."""
    cameras = list(Purge.objects.values_list("pk", flat=True))
    return Purged(len(cameras), Sample.objects.filter(camera_id__in=cameras).count())


def _delete_chunk(camera_id: UUID, done_up_to: datetime | None) -> tuple[int, datetime | None]:
    """Remove the camera's oldest samples; with the last of them goes its Purge row.

    Returns how many were removed and up to when, or None where none are left. Given back, the latter spares the
    next chunk the index entries of this one. No sample comes in between: ingest knows the camera no more.
    """
    samples = Sample.objects.of_camera(camera_id).between(done_up_to, None)
    with transaction.atomic():
        end = samples.oldest_first().values_list("timestamp", "zone")[CHUNK - 1 : CHUNK]
        for timestamp, zone in end:
            chunk = samples.filter(timestamp__lte=timestamp).filter(Q(timestamp__lt=timestamp) | Q(zone__lte=zone))
            return chunk.delete()[0], timestamp
        deleted, _ = samples.delete()
        Purge.objects.filter(pk=camera_id).delete()
        return deleted, None
