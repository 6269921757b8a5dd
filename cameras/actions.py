"""What can be done to cameras. Entry points call these; each is one transaction with its log entry.

`by` is the author: written into the log, and checked for the permission (each action may raise
`guards.OutOfScope`). `now` is read once by the entry point.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from cameras import connections, guards, holds, recycle_bin, rtsp
from cameras.changes import Recorder, as_logged, diff_of, record_changes
from cameras.fields import SPEC_FIELDS
from cameras.folded_columns import outdated_by
from cameras.intent import InvalidIntent
from cameras.models import Camera, DesiredState, Site
from cameras.querysets import CameraQuerySet
from cameras.site_actions import lock_site
from controlplane.access import audit, tokens
from controlplane.access.principals import Author
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError

# How the audit trail calls it that somebody read a connection string in clear.
REVEALED = "credentials.revealed"


class StaleRevision(Exception):
    """The camera has changed since the revision that the caller has seen; `current` is its present one."""

    def __init__(self, current: int) -> None:
        super().__init__("The camera has changed meanwhile.")
        self.current = current


def register_camera(
    *, values: Mapping[str, Any], by: Author, now: datetime, camera_id: UUID | None = None, note: str = ""
) -> Camera:
    """A new camera from values of `intent.clean_camera`; stopped unless they say otherwise.

    `note` says in the log what this was for. Raises InvalidIntent for a site that does not exist, and for an id
    that belongs to a deleted camera.
    """
    with record_changes(by=by, now=now) as log:
        if camera_id and recycle_bin.reserved([camera_id]):
            raise InvalidIntent(
                [
                    FieldError(
                        "id", "Belongs to a deleted camera: restore it, or erase it for good.", ErrorCode.CONFLICT
                    )
                ]
            )
        camera = _made(log, camera_id, values, now, note)
        _save(camera, force_insert=True)
    return camera


def clone_camera(
    *, source_id: UUID, values: Mapping[str, Any], by: Author, now: datetime, camera_id: UUID | None = None
) -> Camera:
    """A new camera that is reached as another one is, unless `values` bring a connection string of their own.

    It has its own id, to which the connection string is sealed anew. Whoever could read the connection string of
    the copy must be permitted to read the original's. Raises Camera.DoesNotExist, InvalidIntent, and
    credentials.UnreadableCredential.
    """
    with record_changes(by=by, now=now):
        source = Camera.objects.get(pk=source_id)
        if "connection_string" not in values:
            guards.require_copy(by.principal, source, values.get("site"))
            try:
                values = {**values, "connection_string": rtsp.parse(connections.read(source))}
            except rtsp.InvalidRtspUrl as error:  # what was stored is not valid any more
                raise InvalidIntent([FieldError("connection_string", error.hint)]) from None
        note = f"Clone of {source.name} ({source.pk})."
        return register_camera(values=values, by=by, now=now, camera_id=camera_id, note=note)


def update_camera(
    *,
    camera_id: UUID,
    values: Mapping[str, Any],
    by: Author,
    now: datetime,
    if_revision_in: Collection[int] | None = None,
    note: str = "",
) -> Camera:
    """The camera with just these values changed; where nothing differs, nothing is written.

    Raises Camera.DoesNotExist, StaleRevision, and InvalidIntent for a site that does not exist.
    """
    with record_changes(by=by, now=now) as log:
        camera: Camera = lock_cameras([camera_id]).get()
        _change(log, camera, values, now, note, if_revision_in)
        if "desired_state" in values:
            holds.end_by_decision([camera_id], by=by, now=now)
    return camera


def save_cameras(
    *,
    new: Iterable[tuple[UUID | None, Mapping[str, Any]]],
    changed: Mapping[UUID, tuple[int, Mapping[str, Any]]],
    by: Author,
    now: datetime,
) -> None:
    """Register and update many cameras in one transaction and a few statements.

    `new` are pairs of an id (None: a new one) and values; `changed` maps an id to the revision that was seen and
    the values. Raises StaleRevision if one has changed or is gone, and InvalidIntent for a site that is gone.
    """
    with record_changes(by=by, now=now) as log:
        cameras = list(lock_cameras(changed))
        columns = {"updated_at"}
        for camera in cameras:
            revision, values = changed[camera.pk]
            columns |= _alter(log, camera, values, now, if_revision_in=[revision])
        decided = [camera_id for camera_id, (_revision, values) in changed.items() if "desired_state" in values]
        if decided:
            holds.end_by_decision(decided, by=by, now=now)
        if len(cameras) < len(changed):
            raise StaleRevision(0)
        made = [_made(log, camera_id, values, now) for camera_id, values in new]
        sites = {camera.site_id for camera in (*cameras, *made) if camera.site_id}
        if len(Site.objects.select_for_update(no_key=True).filter(pk__in=sites).order_by("pk")) < len(sites):
            raise InvalidIntent([FieldError("site", "There is no site with this id.", ErrorCode.UNKNOWN_SITE)])
        # The rows exist and are locked. For ten thousand cameras `bulk_update` takes ten times as long.
        Camera.objects.bulk_create(
            cameras, update_conflicts=True, unique_fields=["id"], update_fields=sorted(columns), batch_size=500
        )
        Camera.objects.bulk_create(made, batch_size=500)


def replace_hardware(
    *, camera_id: UUID, connection_string: rtsp.RtspUrl, reason: str, by: Author, now: datetime
) -> Camera:
    """Another device in the place of the old one: the camera keeps its id, its history and its samples.

    Raises Camera.DoesNotExist.
    """
    note = f"Hardware replaced: {reason}" if reason else "Hardware replaced."
    values = {"connection_string": connection_string}
    return update_camera(camera_id=camera_id, values=values, by=by, now=now, note=note)


def set_desired_state(
    *, camera_ids: Iterable[UUID], desired_state: DesiredState, by: Author, now: datetime, note: str = ""
) -> list[Camera]:
    """Start or stop cameras in one transaction; returns those whose desired state changed.

    `note` says in the log why.
    """
    with record_changes(by=by, now=now) as log:
        cameras = list(lock_cameras(camera_ids))
        changed = [
            camera for camera in cameras if _change(log, camera, {"desired_state": desired_state.value}, now, note)
        ]
        holds.end_by_decision([camera.pk for camera in cameras], by=by, now=now)
        return changed


def move_cameras(*, camera_ids: Iterable[UUID], site_id: UUID | None, by: Author, now: datetime) -> list[Camera]:
    """Move cameras to a site (None: to no site) in one transaction; returns those that moved.

    Raises InvalidIntent for a site that does not exist.
    """
    with record_changes(by=by, now=now) as log:
        return [camera for camera in lock_cameras(camera_ids) if _change(log, camera, {"site": site_id}, now)]


def retire_cameras(*, camera_ids: Iterable[UUID], by: Author, now: datetime, is_kept: bool = True) -> list[Camera]:
    """Remove cameras in one transaction; returns those that still existed. They go to the bin if they are kept."""
    with record_changes(by=by, now=now) as log:
        cameras = list(lock_cameras(camera_ids))
        for camera in cameras:
            guards.require(by.principal, guards.DELETE, camera)
            log.deleted(camera, is_kept=is_kept)
        ids = [camera.pk for camera in cameras]
        tokens.unbind_from_cameras(camera_ids=ids, by=by, now=now)
        holds.drop(ids)
        # camera.delete() would lock the vitals before the counter, against the lock order of `changes`.
        Camera.objects.filter(pk__in=ids)._raw_delete("default")
    return cameras


def retire_camera(
    *,
    camera_id: UUID,
    by: Author,
    now: datetime,
    if_revision_in: Collection[int] | None = None,
    is_kept: bool = True,
) -> Camera:
    """Remove a camera, its vitals and its tokens' bindings; its changes stay. Returns what it was.

    If it is kept, it goes to the bin, from which `restores` brings it back; else its samples are purged from now
    on. Raises Camera.DoesNotExist and StaleRevision.
    """
    with record_changes(by=by, now=now):
        camera: Camera = lock_cameras([camera_id]).get()
        guards.require(by.principal, guards.DELETE, camera)
        _require_revision(camera, if_revision_in)
        (retired,) = retire_cameras(camera_ids=[camera_id], by=by, now=now, is_kept=is_kept)
    return retired


def reveal_connection_string(*, camera: Camera, by: Author, now: datetime) -> str:
    """The connection string in clear, with an audit entry. Raises credentials.UnreadableCredential."""
    guards.require(by.principal, guards.REVEAL, camera)
    text = connections.read(camera)
    audit.record(
        by=by,
        now=now,
        action=REVEALED,
        object_type="camera",
        object_id=camera.pk,
        object_name=camera.name,
    )
    return text


def lock_cameras(camera_ids: Iterable[UUID]) -> CameraQuerySet:
    """The cameras, locked in the order of their ids.

    Citus refuses this clause for several rows of a distributed table; it would be left out here.
    """
    return Camera.objects.select_for_update(no_key=True).filter(pk__in=list(camera_ids)).order_by("pk")


def _require_revision(camera: Camera, if_revision_in: Collection[int] | None) -> None:
    if if_revision_in is not None and camera.revision not in if_revision_in:
        raise StaleRevision(camera.revision)


def _change(
    log: Recorder,
    camera: Camera,
    values: Mapping[str, Any],
    now: datetime,
    note: str = "",
    if_revision_in: Collection[int] | None = None,
) -> bool:
    columns = _alter(log, camera, values, now, note, if_revision_in)
    if columns:
        _save(camera, update_fields=sorted(columns))
    return bool(columns)


def _made(
    log: Recorder, camera_id: UUID | None, values: Mapping[str, Any], now: datetime, note: str = ""
) -> Camera:
    """A new camera: logged, not saved yet."""
    guards.require_place(log.by.principal, guards.ADD, values.get("site"))
    camera = Camera(id=camera_id or uuid4(), created_at=now, updated_at=now, desired_state_at=now)
    log.created(camera, assign(camera, values, now), note)
    return camera


def _alter(
    log: Recorder,
    camera: Camera,
    values: Mapping[str, Any],
    now: datetime,
    note: str = "",
    if_revision_in: Collection[int] | None = None,
) -> set[str]:
    """Set the values on a locked row and log them, without saving; returns the columns that changed."""
    guards.require_change(log.by.principal, camera, values)
    _require_revision(camera, if_revision_in)
    site_before = camera.site_id
    diff = assign(camera, values, now)
    if not diff:
        return set()
    columns = _columns(diff)
    if "connection_string" not in diff and connections.mend(camera):
        columns |= connections.COLUMNS
    camera.updated_at = now
    if SPEC_FIELDS & diff.keys():
        camera.generation += 1
        camera.generation_at = now
    log.updated(camera, diff, site_before, note)
    return columns | outdated_by(Camera, columns) | {"generation", "generation_at", "updated_at"}


def assign(camera: Camera, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Set the values on the row; returns the diff as the log keeps it.

    For a connection string that is only that it changed, and at which address: a host is no secret.
    """
    values = dict(values)
    url = values.pop("connection_string", None)
    new = camera._state.adding
    before = {} if new else {name: as_logged(camera, name) for name in values}
    for name, value in values.items():
        setattr(camera, "site_id" if name == "site" else name, value)
    diff = diff_of(before, {name: as_logged(camera, name) for name in values})
    if "desired_state" in diff:
        camera.desired_state_at = now
    if url is not None and (new or not connections.holds(camera, url.normalised)):
        address_before = camera.address
        connections.put(camera, url)
        diff["connection_string"] = {"changed": True}
        if not new:
            diff["connection_string"]["address"] = {"before": address_before, "after": camera.address}
    return diff


def _columns(diff: Mapping[str, Any]) -> set[str]:
    columns = set(diff)
    if "connection_string" in columns:
        columns = columns - {"connection_string"} | connections.COLUMNS
    if "desired_state" in columns:
        columns.add("desired_state_at")
    return columns


def _save(camera: Camera, **how: Any) -> None:
    if camera.site_id and not lock_site(camera.site_id):
        raise InvalidIntent([FieldError("site", "There is no site with this id.", ErrorCode.UNKNOWN_SITE)])
    camera.save(**how)
