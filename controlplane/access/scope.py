"""Where something may be done: in the whole fleet, at some sites, with some cameras."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.db.models import Q


@dataclass(frozen=True, slots=True)
class Scope:
    """The whole fleet; or the cameras of some sites, together with some cameras that are named.

    A camera without a site is in the whole fleet, and in a scope that names it.
    """

    sites: frozenset[UUID] = frozenset()
    cameras: frozenset[UUID] = frozenset()
    is_whole: bool = False

    def __or__(self, other: Self) -> "Scope":
        if self.is_whole or other.is_whole:
            return WHOLE_FLEET
        return Scope(self.sites | other.sites, self.cameras | other.cameras)

    def covers(self, camera_id: UUID | None, site_id: UUID | None) -> bool:
        """Whether a camera that stands at a site is within; without a camera, whether the site itself is."""
        return self.is_whole or camera_id in self.cameras or site_id in self.sites

    def includes(self, other: Self, site_of: Mapping[UUID, UUID | None]) -> bool:
        """Whether nothing of the other lies outside; `site_of` are the sites of the cameras that it names."""
        if other.is_whole:
            return self.is_whole
        return all(self.covers(None, site_id) for site_id in other.sites) and all(
            self.covers(camera_id, site_of.get(camera_id)) for camera_id in other.cameras
        )

    def as_q(self, camera: str = "pk", site: str = "site_id") -> Q:
        """`covers` as a condition on rows, by the names of their columns for the camera and its site."""
        if self.is_whole:
            # True of every row and left out of the SQL. An empty Q() would vanish beside `|` and under `~`.
            return ~Q(pk__in=())
        return Q(**{f"{camera}__in": self.cameras}) | Q(**{f"{site}__in": self.sites})


WHOLE_FLEET = Scope(is_whole=True)
NOWHERE = Scope()
