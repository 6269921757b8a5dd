"""Bringing deleted cameras back from the bin, and erasing them before their time.

A restored camera has its id, its fields and its samples again, and the next generation. One that ran runs again,
from now on; one that was stopped is so since it was. Tokens that lost their binding stay revoked. A site that is
gone meanwhile is left out.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from cameras import actions, connections, guards, recycle_bin
from cameras.changes import record_changes
from cameras.fields import CAMERA_FIELDS
from cameras.models import BlockAction, Camera, CameraVitals, DeletedCamera, DesiredState, Purge, Site
from controlplane.access.principals import Author

_KNOWN = frozenset(field.name for field in CAMERA_FIELDS)


class PurgeBegun(Exception):
    """The camera was erased, and its samples are being purged: it cannot be restored any more."""


class Restored(NamedTuple):
    """A camera that is back. `lost_site` is the name of the site where it stood, if that is gone."""

    camera: Camera
    lost_site: str


def restore_camera(*, camera_id: UUID, by: Author, now: datetime) -> Restored:
    """Bring one camera back. Raises DeletedCamera.DoesNotExist where it is not in the bin, and PurgeBegun."""
    restored = restore_cameras(camera_ids=[camera_id], by=by, now=now)
    if restored:
        return restored[0]
    if Purge.objects.filter(pk=camera_id).exists():
        raise PurgeBegun
    raise DeletedCamera.DoesNotExist


def restore_cameras(*, camera_ids: Collection[UUID], by: Author, now: datetime) -> list[Restored]:
    """Bring back, in one transaction, those of them that are in the bin.

    It takes the permissions to delete the camera and to add one where it will stand.
    """
    with record_changes(by=by, now=now, action=BlockAction.RESTORED) as log:
        rows = recycle_bin.lock(camera_ids)
        wanted = {row.site_id for row in rows if row.site_id}
        sites = Site.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
        present = set(sites.values_list("pk", flat=True))
        restored = []
        for row in rows:
            site_id = row.site_id if row.site_id in present else None
            guards.require(by.principal, guards.DELETE, row)
            guards.require_place(by.principal, guards.ADD, site_id)
            lost_site = row.site_name if row.site_id and not site_id else ""
            camera = _camera_of(row, now)
            diff = actions.assign(camera, {**_values_of(row), "site": site_id}, now)
            if camera.desired_state == DesiredState.STOPPED:
                camera.desired_state_at = row.desired_state_at
            vitals = CameraVitals(
                camera_id=camera.pk,
                dirty_from_at=row.dirty_from_at,
                dirty_until_at=row.dirty_until_at,
                epoch=row.epoch,
                claimed_epoch=row.epoch,
            )
            log.created(camera, diff | {"connection_string": {"changed": True}}, _note_of(row, lost_site), vitals)
            restored.append(Restored(camera, lost_site))
        Camera.objects.bulk_create([one.camera for one in restored], batch_size=500)
        recycle_bin.take_out(rows)
    return restored


def erase_camera(*, camera_id: UUID, by: Author, now: datetime) -> None:
    """Erase a camera that is in the bin at once, and begin to purge its samples.

    Raises DeletedCamera.DoesNotExist where it is not, or no longer, in the bin.
    """
    if not erase_cameras(camera_ids=[camera_id], by=by, now=now):
        raise DeletedCamera.DoesNotExist


def erase_cameras(*, camera_ids: Collection[UUID], by: Author, now: datetime) -> int:
    """Erase in one transaction those of the cameras that are in the bin; returns how many."""
    with transaction.atomic():
        rows = recycle_bin.lock(camera_ids)
        for row in rows:
            guards.require(by.principal, guards.DELETE, row)
        recycle_bin.erase(rows, by=by, now=now)
    return len(rows)


def _camera_of(row: DeletedCamera, now: datetime) -> Camera:
    """A camera with the columns that people do not decide; not saved yet."""
    camera = Camera(
        id=row.pk,
        sealed_connection=row.sealed_connection,
        redacted_connection=row.redacted_connection,
        address=row.address,
        generation=row.generation + 1,
        created_at=row.created_at,
        updated_at=now,
    )
    connections.mend(camera)
    return camera


def _values_of(row: DeletedCamera) -> dict[str, object]:
    """What people had decided. Fields that cameras no longer have are left out."""
    return {"name": row.name} | {name: value for name, value in row.configuration.items() if name in _KNOWN}


def _note_of(row: DeletedCamera, lost_site: str) -> str:
    note = f"Restored: change {row.revision} had deleted it."
    return f"{note} Its site {lost_site} is gone." if lost_site else note
