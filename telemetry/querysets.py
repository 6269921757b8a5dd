"""The vocabulary in which samples are asked for. Must not import models or doors."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Q


class SampleQuerySet(models.QuerySet[Any]):
    def of_camera(self, camera_id: UUID) -> Self:
        return self.filter(camera_id=camera_id)

    def of_zone(self, zone: str) -> Self:
        """Those of one zone; the empty name is the whole frame."""
        return self.filter(zone=zone)

    def between(self, start: datetime | None, end: datetime | None) -> Self:
        """Those in the half-open interval [start, end); None leaves that side open."""
        within = Q()
        if start:
            within &= Q(timestamp__gte=start)
        if end:
            within &= Q(timestamp__lt=end)
        return self.filter(within)

    def after(self, timestamp: datetime, zone: str) -> Self:
        """Those that follow a sample of the same camera, in the order of `oldest_first`."""
        return self.filter(Q(timestamp=timestamp, zone__gt=zone) | Q(timestamp__gt=timestamp))

    def oldest_first(self) -> Self:
        return self.order_by("timestamp", "zone")
