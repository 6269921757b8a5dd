"""Occurrences of windows: written, begun and ended, again and again, by `maintain` and by whoever schedules one.

Each step is one transaction, and what it did is read off the rows: one that is done again does nothing. A camera
that a person started during an occurrence is not taken by it again, as each goes through its cameras once.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from cameras import holds
from cameras.actions import lock_cameras, set_desired_state
from cameras.changes import record_changes
from cameras.guards import OPERATE
from cameras.models import Camera, DesiredState, Hold
from cameras.windows.models import Occurrence, Window, WindowAction, covering
from cameras.windows.recurrence import spans
from controlplane.access.principals import Author, unlimited

# So long before it begins is an occurrence written, so that who reads them knows of it in time.
AHEAD = timedelta(minutes=5)
# Cameras, or occurrences of a window, in one transaction.
CHUNK = 500
_MAINTAIN = unlimited("command:maintain").author("command")


class Done(NamedTuple):
    """How many cameras were stopped by windows, and started again after them."""

    stopped: int
    started: int


def begin_and_end(now: datetime, *, by: Author = _MAINTAIN, stopping: Callable[[], bool] = lambda: False) -> Done:
    """Do what is due by now, for all windows."""
    for window_id in list(Window.objects.due(now + AHEAD).values_list("pk", flat=True)):
        if not stopping():
            write_due(window_id, now)
    _settle_missed(now)
    stopped = sum(begin(each, by=by, now=now, stopping=stopping) for each in waiting(now))
    # Only now: a camera that another window still stops stays stopped from one to the other.
    started = release(by=by, now=now, stopping=stopping)
    over = Occurrence.objects.filter(ended_at=None, ends_at__lte=now)
    over.update(ended_at=F("ends_at"))
    return Done(stopped, started)


def count_due(now: datetime) -> int:
    """How many occurrences `begin_and_end` would write, begin or end now."""
    ending = Occurrence.objects.filter(ended_at=None, ends_at__lte=now).count()
    return Window.objects.due(now).count() + len(waiting(now)) + ending


def write_due(window_id: UUID, now: datetime) -> None:
    """Write the occurrences of a window that begin by now, or soon; all of them, also after a long time."""
    with transaction.atomic():
        window = Window.objects.select_for_update().filter(pk=window_id).first()
        if window is None or window.next_at is None:
            return
        camera_ids = sorted(str(pk) for pk in window.covered.values_list("camera_id", flat=True))
        rows: list[Occurrence] = []
        first, window.next_at = window.next_at, None
        for span in spans(window.schedule, window.effective_at, datetime.max.replace(tzinfo=now.tzinfo)):
            start = max(span.start, window.effective_at)
            if start < first:
                continue
            if start > now + AHEAD or len(rows) == CHUNK:
                window.next_at = start
                break
            rows.append(_occurrence(window, camera_ids, start, span.end))
        Occurrence.objects.bulk_create(rows, ignore_conflicts=True)
        window.save(update_fields=["next_at"])


def waiting(now: datetime, window_id: UUID | None = None) -> list[UUID]:
    """The stops that last now and have not taken all of their cameras, of all windows or of one."""
    found: QuerySet[Occurrence] = Occurrence.objects.stopping().at(now).filter(begun_at=None)
    if window_id:
        found = found.filter(window_id=window_id)
    return list(found.order_by("starts_at", "pk").values_list("pk", flat=True))


def begin(occurrence_id: UUID, *, by: Author, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Stop the running cameras of an occurrence, and hold them; returns how many were stopped."""
    stopped = 0
    while not stopping():
        with record_changes(by=by, now=now):
            lasting = Occurrence.objects.at(now).filter(begun_at=None, ended_at=None)
            occurrence = lasting.select_for_update().filter(pk=occurrence_id).first()
            if occurrence is None:
                break
            ids = _next_cameras(occurrence)
            stopped += _take(occurrence, ids, by, now)
            occurrence.taken_up_to = ids[-1] if ids else occurrence.taken_up_to
            if len(ids) < CHUNK:
                occurrence.begun_at = now
            occurrence.save(update_fields=["taken_up_to", "begun_at"])
    return stopped


def _next_cameras(occurrence: Occurrence) -> list[UUID]:
    cameras = Camera.objects.filter(occurrence.reach.as_q()).order_by("pk")
    if occurrence.taken_up_to:
        cameras = cameras.filter(pk__gt=occurrence.taken_up_to)
    return list(cameras.values_list("pk", flat=True)[:CHUNK])


def _take(occurrence: Occurrence, ids: Collection[UUID], by: Author, now: datetime) -> int:
    running = [camera.pk for camera in lock_cameras(ids) if camera.desired_state == DesiredState.RUNNING]
    why = f": {occurrence.reason}" if occurrence.reason else "."
    taken = set_desired_state(
        camera_ids=running, desired_state=DesiredState.STOPPED, by=by, now=now, note=f"A window stops it{why}"
    )
    Hold.objects.bulk_create(
        [Hold(camera_id=camera.pk, occurrence_id=occurrence.pk, made_at=now) for camera in taken]
    )
    return len(taken)


def release(
    *,
    by: Author,
    now: datetime,
    over: Occurrence | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Start the held cameras that no window stops any more, and let them go; returns how many.

    Only those that the author may start, and only those that `over` is over, where it is given.
    """
    scope = by.principal.scope_for(OPERATE)
    held = [
        (camera_id, site_id)
        for camera_id, site_id in Hold.objects.order_by("pk").values_list("pk", "camera__site_id")
        if scope.covers(camera_id, site_id) and (over is None or over.reach.includes(camera_id, site_id))
    ]
    active = list(Occurrence.objects.stopping().at(now)) if held else []
    free = [camera_id for camera_id, site_id in held if not covering(active, camera_id, site_id)]
    started = 0
    for first in range(0, len(free), CHUNK):
        if not stopping():
            started += _start_again(free[first : first + CHUNK], by, now)
    return started


def _start_again(ids: Collection[UUID], by: Author, now: datetime) -> int:
    with record_changes(by=by, now=now):
        cameras = list(lock_cameras(ids))
        # Read again under the locks: a person, or another window, may have come first.
        active = list(Occurrence.objects.stopping().at(now))
        held = set(Hold.objects.filter(pk__in=ids).values_list("pk", flat=True))
        free = [
            camera.pk
            for camera in cameras
            if camera.pk in held and not covering(active, camera.pk, camera.site_id)
        ]
        holds.drop(free)
        note = "Started again: no window stops it any more."
        return len(
            set_desired_state(camera_ids=free, desired_state=DesiredState.RUNNING, by=by, now=now, note=note)
        )


def _settle_missed(now: datetime) -> None:
    """A stop that was over before it could take anything is recorded as missed; a mute acts by its times alone."""
    Occurrence.objects.filter(
        action=WindowAction.STOP, begun_at=None, taken_up_to=None, ended_at=None, ends_at__lte=now
    ).update(is_missed=True, ended_at=F("ends_at"))
    mutes = Occurrence.objects.filter(action=WindowAction.MUTE, begun_at=None, starts_at__lte=now)
    mutes.update(begun_at=F("starts_at"))


def _occurrence(window: Window, camera_ids: list[str], start: datetime, end: datetime) -> Occurrence:
    return Occurrence(
        window=window,
        action=window.action,
        site_id=window.site_id,
        is_everything=window.is_everything,
        camera_ids=camera_ids,
        reason=window.reason,
        starts_at=start,
        ends_at=end,
    )
