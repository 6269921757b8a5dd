"""Queries for samples and rollups. Entry points use these, and write no conditions of their own."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Q


class _CameraHistory(models.QuerySet[Any]):
    """Rows that belong to a camera, a zone and a moment; `moment` names the column of the latter."""

    moment: str

    def of_camera(self, camera_id: UUID) -> Self:
        return self.filter(camera_id=camera_id)

    def of_zone(self, zone: str) -> Self:
        """Those of one zone; the empty name is the whole frame."""
        return self.filter(zone=zone)

    def between(self, start: datetime | None, end: datetime | None) -> Self:
        """Those in the half-open interval [start, end); None leaves that side open."""
        within = Q()
        if start:
            within &= Q((f"{self.moment}__gte", start))
        if end:
            within &= Q((f"{self.moment}__lt", end))
        return self.filter(within)

    def after(self, moment: datetime, zone: str) -> Self:
        """The rows of one camera that follow the row of `moment` and `zone`, in the order of `oldest_first`."""
        return self.filter(Q((self.moment, moment), zone__gt=zone) | Q((f"{self.moment}__gt", moment)))

    def up_to(self, moment: datetime, zone: str) -> Self:
        """The rows of one camera up to the row of `moment` and `zone`, in the order of `oldest_first`."""
        # The first condition is implied by the second; it is there for the index.
        return self.filter(Q((f"{self.moment}__lte", moment))).filter(
            Q((f"{self.moment}__lt", moment)) | Q(zone__lte=zone)
        )

    def oldest_first(self) -> Self:
        return self.order_by(self.moment, "zone")


class SampleQuerySet(_CameraHistory):
    moment = "timestamp"


class RollupQuerySet(_CameraHistory):
    moment = "start_at"
