"""Who stopped a camera, when and why: read from the change log, for all cameras of a page in one query."""

from collections.abc import Collection
from datetime import datetime, tzinfo
from typing import Any, NamedTuple
from uuid import UUID

from django.utils.translation import gettext

from cameras.admin.moments import clock
from cameras.models import Change, DesiredState
from controlplane.access.principals import in_words


class Stop(NamedTuple):
    at: datetime
    by: str
    why: str


def stops_of(cameras: Collection[Any]) -> dict[UUID, Stop]:
    """By id, for those that somebody has stopped since they were registered; no query where there are none."""
    stopped = [
        camera
        for camera in cameras
        if camera.desired_state == DesiredState.STOPPED and camera.desired_state_at != camera.created_at
    ]
    if not stopped:
        return {}
    changes = Change.objects.that_set_desired_state(stopped).values_list("camera_id", "at", "by", "note")
    return {camera_id: Stop(*stop) for camera_id, *stop in changes}


def stop_in_words(stop: Stop, now: datetime, zone: tzinfo | None) -> str:
    when = clock(stop.at, now, zone)
    words = gettext("Stopped by %(who)s at %(when)s") % {"who": in_words(stop.by), "when": when}
    return f"{words}: {stop.why}" if stop.why else f"{words}."
