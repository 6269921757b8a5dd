"""What can be done to windows. Entry points call these; each is one transaction with its audit entry.

`by` is the author: written into the audit trail, and checked for the permission to start and stop what the window
is over (each action may raise `guards.OutOfScope`). `now` is read once by the entry point. What is due at once is
done at once, in the author's name.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from cameras import guards
from cameras.guards import OPERATE
from cameras.intent import InvalidIntent
from cameras.models import Camera, Site
from cameras.windows import upkeep
from cameras.windows.intent import WindowValues, values_of
from cameras.windows.models import Occurrence, Window, WindowCamera
from cameras.windows.reach import Reach
from cameras.windows.recurrence import FAR, MAX_DAYS_ONCE, spans, wall_time
from controlplane.access import audit
from controlplane.access.principals import Author, Principal
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError


def schedule_window(*, values: WindowValues, by: Author, now: datetime) -> Window:
    """A new window; one that lasts now acts at once. Raises InvalidIntent."""
    with transaction.atomic():
        require_reach(by.principal, values.reach)
        window = Window(created_by=by.label, created_at=now)
        _put(window, values, now)
        if window.next_at is None:
            raise InvalidIntent([FieldError("ends", "The window would be over already.")])
        window.save(force_insert=True)
        _cover(window, values)
        _audit(window, "window.created", by, now)
        _act(window, by, now)
    return window


def schedule_windows(*, values: Sequence[WindowValues], by: Author, now: datetime) -> list[Window]:
    """New windows, all or none. Raises InvalidIntent."""
    with transaction.atomic():
        return [schedule_window(values=each, by=by, now=now) for each in values]


def edit_window(*, window_id: UUID, values: WindowValues, by: Author, now: datetime) -> Window:
    """The window with these values; where nothing differs, nothing is written.

    What lasts is ended and begins again as the new values say, unless only its end or its reason differ. What is
    past stays. Raises Window.DoesNotExist and InvalidIntent.
    """
    with transaction.atomic():
        window = _locked(window_id, by)
        stored = values_of(window)
        changed = [name for name in WindowValues.__slots__ if getattr(stored, name) != getattr(values, name)]
        if not changed:
            return window
        if {"site", "cameras", "everything"} & set(changed):
            # Only then: one of its cameras may stand in the bin.
            require_reach(by.principal, values.reach)
        lasting = _lasting(window, now)
        _forget_what_is_to_come(window, now)
        _put(window, values, now)
        is_extended = lasting and not values.rule and set(changed) <= {"ends", "reason"}
        if is_extended or changed == ["reason"]:
            _keep(window, lasting, values, changed)
        else:
            _end_at(now, lasting)
        window.save()
        _cover(window, values)
        _audit(window, "window.updated", by, now, changed)
        _act(window, by, now)
        _let_go(lasting, by, now)
    return window


def end_window(*, window_id: UUID, by: Author, now: datetime) -> Window:
    """End what lasts now of a window; what repeats comes again. Raises Window.DoesNotExist and InvalidIntent."""
    with transaction.atomic():
        window = _locked(window_id, by)
        lasting = _require_lasting(window, now)
        _end_at(now, lasting)
        _audit(window, "window.ended", by, now)
        _let_go(lasting, by, now)
    return window


def extend_window(*, window_id: UUID, until: datetime, by: Author, now: datetime) -> Window:
    """Let what lasts now of a window last until then. Raises Window.DoesNotExist and InvalidIntent."""
    with transaction.atomic():
        window = _locked(window_id, by)
        lasting = _require_lasting(window, now)
        if not now < until <= now + timedelta(days=MAX_DAYS_ONCE):
            raise InvalidIntent([FieldError("until", "Must lie after this moment, within 10 years.")])
        _end_at(until, lasting)
        if not window.rule:
            window.ends = wall_time(until, ZoneInfo(window.zone)).replace(microsecond=0).isoformat()
            window.save(update_fields=["ends"])
        _audit(window, "window.extended", by, now, ["ends"])
    return window


def delete_window(*, window_id: UUID, by: Author, now: datetime) -> None:
    """Remove a window, and end what lasts of it; its past occurrences stay. Raises Window.DoesNotExist."""
    with transaction.atomic():
        window = _locked(window_id, by)
        lasting = _lasting(window, now)
        _forget_what_is_to_come(window, now)
        _end_at(now, lasting)
        _audit(window, "window.deleted", by, now)
        window.delete()
        _let_go(lasting, by, now)


def require_reach(principal: Principal, reach: Reach) -> None:
    """Raises OutOfScope where the principal may not start and stop all that a window is over, and InvalidIntent
    for a site or a camera that does not exist.
    """
    if reach.is_everything:
        guards.require_fleet(principal, OPERATE)
    elif reach.site_id:
        if not Site.objects.visible_to(principal).filter(pk=reach.site_id).exists():
            raise InvalidIntent([FieldError("site", "There is no site with this id.", ErrorCode.UNKNOWN_SITE)])
        guards.require_site(principal, OPERATE, reach.site_id)
    else:
        cameras = Camera.objects.visible_to(principal).filter(pk__in=reach.camera_ids).only("pk", "site_id")
        found = list(cameras)
        if len(found) < len(reach.camera_ids):
            raise InvalidIntent([FieldError("cameras", "Names a camera that does not exist.")])
        for camera in found:
            guards.require(principal, OPERATE, camera)


def may_change(principal: Principal, window: Window) -> bool:
    """Whether the principal may start and stop all that a window is over."""
    scope = principal.scope_for(OPERATE)
    if scope.is_whole or window.is_everything:
        return scope.is_whole
    if window.site_id:
        return scope.covers(None, window.site_id)
    ids = [row.camera_id for row in window.covered.all()]
    present = list(Camera.objects.filter(pk__in=ids).values_list("pk", "site_id"))
    return bool(present) and all(scope.covers(camera_id, site_id) for camera_id, site_id in present)


def _locked(window_id: UUID, by: Author) -> Window:
    window: Window = Window.objects.select_for_update().get(pk=window_id)
    if not may_change(by.principal, window):
        raise guards.OutOfScope("You may not start and stop all that this window is over.")
    return window


def _put(window: Window, values: WindowValues, now: datetime) -> None:
    window.action, window.site_id, window.is_everything = values.action, values.site, values.everything
    window.starts, window.ends, window.zone = values.starts, values.ends, values.zone
    window.rule, window.reason = values.rule, values.reason
    window.effective_at = now
    first = next(spans(window.schedule, now, now + FAR), None)
    window.next_at = max(first.start, now) if first else None


def _keep(window: Window, lasting: Sequence[Occurrence], values: WindowValues, changed: Sequence[str]) -> None:
    """Only the end or the reason differ: what lasts goes on, and takes no camera twice."""
    present = next(spans(window.schedule, window.effective_at, window.effective_at + FAR), None)
    is_over = present is None or present.start > window.effective_at
    for each in lasting:
        each.reason = values.reason
        if "ends" in changed:
            each.ends_at = window.effective_at if is_over or present is None else present.end
        each.save(update_fields=["reason", "ends_at"])
    # What lasts is written already.
    following = spans(window.schedule, window.effective_at, window.effective_at + FAR)
    starts = (span.start for span in following if span.start > window.effective_at)
    window.next_at = next(starts, None)


def _cover(window: Window, values: WindowValues) -> None:
    window.covered.all().delete()
    WindowCamera.objects.bulk_create(
        [WindowCamera(window=window, camera_id=camera_id) for camera_id in values.cameras]
    )


def _act(window: Window, by: Author, now: datetime) -> None:
    upkeep.write_due(window.pk, now)
    for occurrence_id in upkeep.waiting(now, window.pk):
        upkeep.begin(occurrence_id, by=by, now=now)
    window.refresh_from_db()


def _let_go(ended: Sequence[Occurrence], by: Author, now: datetime) -> None:
    for occurrence in ended:
        upkeep.release(by=by, now=now, over=occurrence)


def _lasting(window: Window, now: datetime) -> list[Occurrence]:
    return list(window.occurrences.at(now).select_for_update().order_by("pk"))


def _end_at(moment: datetime, lasting: Sequence[Occurrence]) -> None:
    Occurrence.objects.filter(pk__in=[each.pk for each in lasting]).update(ends_at=moment)


def _require_lasting(window: Window, now: datetime) -> list[Occurrence]:
    lasting = _lasting(window, now)
    if not lasting:
        raise InvalidIntent([FieldError("", "This window does not last now. Change or remove it instead.")])
    return lasting


def _forget_what_is_to_come(window: Window, now: datetime) -> None:
    window.occurrences.filter(starts_at__gt=now).delete()


def _audit(window: Window, action: str, by: Author, now: datetime, fields: Sequence[str] = ()) -> None:
    audit.record(
        by=by,
        now=now,
        action=action,
        object_type="window",
        object_id=window.pk,
        object_name=str(window),
        fields=fields,
    )
