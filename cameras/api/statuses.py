"""The statuses of cameras as a stream of events gives them, in the shape of the list; and those of lately."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from cameras.api.representation import CHUNK, camera_pages
from cameras.interruptions import read_interruptions
from cameras.querysets import CameraQuerySet
from cameras.status_feed import SETTLING, Stored

STATUS_FIELDS = (
    "id",
    "site",
    "status",
    "status_reason",
    "status_since",
    "conditions",
    "last_contact",
    "generation",
    "observed_generation",
)
# Longer than it takes a status to be committed, so that what is read again is known to be.
REMEMBERED_SECONDS = 2 * SETTLING.total_seconds()


class SeenStatus(NamedTuple):
    """What is the status of a camera, as JSON, and where the camera stands."""

    camera_id: UUID
    site_id: UUID | None
    data: bytes


def read_statuses(cameras: CameraQuerySet, now: datetime) -> Iterator[SeenStatus]:
    """The statuses that the cameras have at `now`."""
    interruptions = read_interruptions(now)
    pages = camera_pages(
        cameras, ordering="name", fields=STATUS_FIELDS, now=now, interruptions=interruptions, size=CHUNK
    )
    for items, _ in pages:
        for item in items:
            yield SeenStatus(item["id"], item["site"], msgspec.json.encode(item))


class _Noticed(NamedTuple):
    number: int
    at: float  # monotonic seconds
    changed_at: datetime
    status: SeenStatus


class RecentStatuses:
    """Statuses that were stored lately, each camera once, numbered in the order in which that was noticed."""

    def __init__(self) -> None:
        self.number = 0
        self._forgotten = 0
        self._by_camera: OrderedDict[UUID, _Noticed] = OrderedDict()

    def new(self, stored: Iterable[Stored]) -> dict[UUID, datetime]:
        """Those of what was stored that have not been noticed yet."""
        return {
            camera_id: changed_at
            for camera_id, changed_at in stored
            if (known := self._by_camera.get(camera_id)) is None or known.changed_at != changed_at
        }

    def add(self, status: SeenStatus, changed_at: datetime, at: float) -> None:
        self.number += 1
        self._by_camera[status.camera_id] = _Noticed(self.number, at, changed_at, status)
        self._by_camera.move_to_end(status.camera_id)

    def forget(self, at: float) -> None:
        """Forget what was noticed long ago, at the present `at`."""
        while self._by_camera:
            first = next(iter(self._by_camera.values()))
            if at - first.at <= REMEMBERED_SECONDS:
                return
            self._forgotten = first.number
            del self._by_camera[first.status.camera_id]

    def after(self, number: int) -> list[SeenStatus] | None:
        """Those noticed after a number, oldest first; None where some of them are forgotten."""
        if number < self._forgotten:
            return None
        found = []
        for noticed in reversed(self._by_camera.values()):
            if noticed.number <= number:
                break
            found.append(noticed.status)
        return found[::-1]
