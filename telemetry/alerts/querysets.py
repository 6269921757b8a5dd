"""The vocabulary in which transitions and deliveries are asked for."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Q


class TransitionQuerySet(models.QuerySet[Any]):
    def of_camera(self, camera_id: UUID) -> Self:
        return self.filter(camera_id=camera_id)

    def between(self, start: datetime | None, end: datetime | None) -> Self:
        """Those in the half-open interval [start, end); None leaves that side open."""
        rows = self.filter(at__gte=start) if start else self
        return rows.filter(at__lt=end) if end else rows

    def after(self, at: datetime, pk: int) -> Self:
        """Those that follow one of the same camera, in the order of `oldest_first`."""
        return self.filter(Q(at=at, pk__gt=pk) | Q(at__gt=at))

    def oldest_first(self) -> Self:
        return self.order_by("at", "pk")

    def newest_first(self) -> Self:
        return self.order_by("-at", "-pk")


class DeliveryQuerySet(models.QuerySet[Any]):
    def waiting(self) -> Self:
        return self.filter(state="waiting")

    def due(self, now: datetime) -> Self:
        """Those to send now, the longest due first; what somebody is sending is not due."""
        return self.waiting().filter(next_attempt_at__lte=now).order_by("next_attempt_at", "created_at", "pk")
