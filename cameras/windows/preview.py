"""What a window will do, before it does it: its next occurrences, and the cameras that it is over now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from cameras.models import Camera, DesiredState
from cameras.windows.reach import Reach
from cameras.windows.recurrence import FAR, Schedule, Span, spans
from controlplane.access.principals import Principal

OCCURRENCES = 5
NAMED_CAMERAS = 20


@dataclass(frozen=True, slots=True)
class Touched:
    """`running_count` of the `camera_count` cameras run now; `named` are the first of these, by name."""

    camera_count: int
    running_count: int
    named: Sequence[tuple[UUID, str]]


def touched_by(reach: Reach, principal: Principal) -> Touched:
    """What it is over now, as far as the principal sees it."""
    rows = Camera.objects.visible_to(principal).filter(reach.as_q())
    running = rows.filter(desired_state=DesiredState.RUNNING)
    named = running.order_by("name", "pk").values_list("pk", "name")[:NAMED_CAMERAS]
    return Touched(camera_count=rows.count(), running_count=running.count(), named=list(named))


def next_occurrences(schedule: Schedule, now: datetime) -> list[Span]:
    """What lasts now, and what comes."""
    return list(islice(spans(schedule, now, now + FAR), OCCURRENCES))
