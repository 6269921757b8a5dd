"""What windows do to cameras at a moment: who is muted, who is held, until when and why."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from cameras.models import Hold
from cameras.windows.models import Occurrence, WindowAction, covering


class Cover(NamedTuple):
    """The occurrences that mute and hold a camera; of several the one that ends last."""

    muted_by: Occurrence | None
    held_by: Occurrence | None


def covers_of(cameras: Collection[tuple[UUID, UUID | None]], moment: datetime) -> dict[UUID, Cover]:
    """By id, those of these cameras (id and id of its site) that are muted or held. Two queries at most."""
    occurrences = list(Occurrence.objects.at(moment).filter(is_missed=False)) if cameras else []
    stops = [each for each in occurrences if each.action == WindowAction.STOP]
    mutes = [each for each in occurrences if each.action == WindowAction.MUTE]
    held: set[UUID] = set()
    if stops:
        held = set(Hold.objects.filter(pk__in=[pk for pk, _site in cameras]).values_list("pk", flat=True))
    found = {}
    for camera_id, site_id in cameras:
        stop = _last(stops, camera_id, site_id) if camera_id in held else None
        cover = Cover(_last(mutes, camera_id, site_id), stop)
        if any(cover):
            found[camera_id] = cover
    return found


def _last(occurrences: list[Occurrence], camera_id: UUID, site_id: UUID | None) -> Occurrence | None:
    return max(covering(occurrences, camera_id, site_id), key=lambda each: each.ends_at, default=None)
