"""The vocabulary in which windows and their occurrences are asked for."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from controlplane.access.principals import Principal

VIEW = "cameras.view_camera"


class WindowQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those over cameras or sites that the principal sees; one over everything is over these too."""
        scope = principal.scope_for(VIEW)
        if scope.is_whole:
            return self
        named = self.model.covered.rel.related_model.objects
        there = named.filter(scope.as_q("camera_id", "camera__site_id")).values("window_id")
        # Also over the site of a camera that is all that the principal sees there.
        own = (
            Q(site_id__in=scope.sites)
            | Q(site__cameras__in=scope.cameras)
            | Q(pk__in=there)
            | Q(is_everything=True)
        )
        return (
            self.filter(pk__in=self.model.objects.filter(own).values("pk"))
            if scope.sites or scope.cameras
            else self.none()
        )

    def with_cameras(self) -> Self:
        return self.select_related("site").prefetch_related("covered")

    def due(self, until: datetime) -> Self:
        """Those with an occurrence that begins by then and is not written yet."""
        return self.filter(next_at__lte=until).order_by("next_at", "pk")


class OccurrenceQuerySet(models.QuerySet[Any]):
    def at(self, moment: datetime) -> Self:
        """Those that last at a moment."""
        return self.filter(starts_at__lte=moment, ends_at__gt=moment)

    def stopping(self) -> Self:
        return self.filter(action="stop", is_missed=False)

    def muting(self) -> Self:
        return self.filter(action="mute")
