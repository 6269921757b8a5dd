"""What a window is over: some cameras, a site, or everything. The one place that says which cameras that are."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q


class Reach(NamedTuple):
    """Everything, or else a site, or else these cameras, by ids as JSON has them."""

    is_everything: bool
    site_id: UUID | None
    camera_ids: Collection[str]

    def includes(self, camera_id: UUID | None, site_id: UUID | None) -> bool:
        """Whether it is over a camera that stands at a site; without a camera, over the whole site."""
        if self.is_everything:
            return True
        return (site_id is not None and site_id == self.site_id) or str(camera_id) in self.camera_ids

    def as_q(self) -> Q:
        """The same of rows of cameras."""
        if self.is_everything:
            return Q()
        return Q(site_id=self.site_id) if self.site_id else Q(pk__in=self.camera_ids)
