"""Who is not to be notified of what, and until when: asked by those who notify."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from cameras.windows.models import Occurrence, covering


class Happening(Protocol):
    """What happened when and where: to a camera, or to the whole fleet, which has no camera."""

    @property
    def at(self) -> datetime: ...

    @property
    def camera_id(self) -> UUID | None: ...

    @property
    def site_id(self) -> UUID | None: ...


class Mutes(NamedTuple):
    """The mutes between two moments."""

    occurrences: Sequence[Occurrence]

    def until(self, what: Happening) -> datetime | None:
        """The end of the last mute that lasted when it happened; None where it was not muted."""
        found = covering(self.occurrences, what.camera_id, what.site_id)
        return max((each.ends_at for each in found if each.starts_at <= what.at < each.ends_at), default=None)


def mutes_during(first: datetime, last: datetime) -> Mutes:
    """All mutes that lasted at some moment from the first to the last, by one query."""
    return Mutes(list(Occurrence.objects.muting().filter(starts_at__lte=last, ends_at__gt=first)))


def muted_at(cameras: Sequence[tuple[UUID, UUID | None]], moment: datetime) -> set[UUID]:
    """Which of these cameras, each an id and the id of its site, are muted at a moment."""
    mutes = list(Occurrence.objects.muting().at(moment))
    return {camera_id for camera_id, site_id in cameras if covering(mutes, camera_id, site_id)}
