"""Deleted cameras: what is kept so that they can be restored, and when it is erased.

A deleted camera is either in the bin (DeletedCamera) or being purged (Purge), never both: who moves it from one to
the other, or out of the bin, locks its row there first.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from cameras.fields import CAMERA_FIELDS
from cameras.models import Camera, CameraVitals, DeletedCamera, Purge, Site
from cameras.querysets import DeletedCameraQuerySet
from controlplane.access import audit
from controlplane.access.principals import Author, unlimited

# Erased in one transaction.
CHUNK = 500
# Fields that have a column of their own in the bin.
_APART = ("name", "site", "connection_string")
_MAINTAIN = unlimited("command:maintain").author("command")


def put(cameras: Sequence[Camera], *, by: str, now: datetime) -> None:
    """Keep cameras that were just deleted. Their vitals are locked, and still there."""
    if not cameras:
        return
    sites = dict(Site.objects.filter(pk__in={camera.site_id for camera in cameras}).values_list("pk", "name"))
    vitals = CameraVitals.objects.select_for_update(no_key=True).order_by("pk")
    dirty = {row.pk: row for row in vitals.filter(pk__in=[camera.pk for camera in cameras])}
    DeletedCamera.objects.bulk_create(
        [_row_of(camera, sites, dirty.get(camera.pk), by, now) for camera in cameras], batch_size=500
    )


def _row_of(
    camera: Camera, sites: dict[UUID, str], vitals: CameraVitals | None, by: str, now: datetime
) -> DeletedCamera:
    return DeletedCamera(
        id=camera.pk,
        name=camera.name,
        site_id=camera.site_id,
        site_name=sites.get(camera.site_id, "") if camera.site_id else "",
        sealed_connection=camera.sealed_connection,
        redacted_connection=camera.redacted_connection,
        address=camera.address,
        configuration={
            field.name: getattr(camera, field.column) for field in CAMERA_FIELDS if field.name not in _APART
        },
        generation=camera.generation,
        created_at=camera.created_at,
        desired_state_at=camera.desired_state_at,
        deleted_at=now,
        deleted_by=by,
        revision=camera.revision,
        dirty_from_at=vitals.dirty_from_at if vitals else None,
        dirty_until_at=vitals.dirty_until_at if vitals else None,
        epoch=vitals.epoch if vitals else 0,
    )


def purge(cameras: Iterable[Camera | DeletedCamera], *, now: datetime) -> None:
    """Let `maintain` remove the samples of cameras that cannot be restored."""
    purges = [Purge(camera_id=camera.pk, site_id=camera.site_id, requested_at=now) for camera in cameras]
    Purge.objects.bulk_create(purges, batch_size=500)


def lock(camera_ids: Collection[UUID]) -> list[DeletedCamera]:
    """Those of them that are in the bin, by id, locked until the transaction ends."""
    return list(DeletedCamera.objects.select_for_update().filter(pk__in=camera_ids).order_by("pk"))


def take_out(rows: Collection[DeletedCamera]) -> None:
    """Remove locked rows from the bin."""
    DeletedCamera.objects.filter(pk__in=[row.pk for row in rows]).delete()


def erase(rows: Sequence[DeletedCamera], *, by: Author, now: datetime) -> None:
    """Remove locked rows for good, with an audit entry each; their samples are purged from now on."""
    take_out(rows)
    purge(rows, now=now)
    audit.record_all(
        by=by, now=now, action="camera.erased", object_type="camera", objects=[(row.pk, row.name) for row in rows]
    )


def erase_expired(now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> int:
    """Erase what has been in the bin for its days; returns how many cameras.

    A row that is being restored or erased in this moment is left to whoever does it.
    """
    erased = 0
    expired = _expired(now).order_by("pk")
    # Asked without a transaction, which on SQLite would take the one write lock from ingest.
    while not stopping() and expired.exists():
        with transaction.atomic():
            rows = list(expired.select_for_update(skip_locked=True)[:CHUNK])
            erase(rows, by=_MAINTAIN, now=now)
        if not rows:
            break
        erased += len(rows)
    return erased


def count_expired(now: datetime) -> int:
    """How many cameras `erase_expired` would erase now."""
    return _expired(now).count()


def restorable_until(row: DeletedCamera) -> datetime:
    """The moment from which a camera is erased by the next maintenance."""
    return row.deleted_at + timedelta(days=settings.DELETED_CAMERA_DAYS)


def reserved(camera_ids: Collection[UUID]) -> set[UUID]:
    """Those ids that belong to deleted cameras, so that no other camera may have them."""
    in_bin = DeletedCamera.objects.filter(pk__in=camera_ids).values_list("pk", flat=True)
    purged = Purge.objects.filter(pk__in=camera_ids).values_list("pk", flat=True)
    return {*in_bin, *purged}


def _expired(now: datetime) -> DeletedCameraQuerySet:
    return DeletedCamera.objects.filter(deleted_at__lte=now - timedelta(days=settings.DELETED_CAMERA_DAYS))
