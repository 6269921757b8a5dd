"""The vocabulary in which windows and their occurrences are asked for."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, Subquery
from django.db.models.functions import Coalesce

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

    def with_names(self, principal: Principal, at_most: int) -> Self:
        """With `site`, with `named`, the first of their cameras by name, and `camera_count`, how many there are.

        Only of those that the principal sees.
        """
        seen = self.model.covered.rel.related_model.objects.filter(
            principal.scope_for(VIEW).as_q("camera_id", "camera__site_id")
        )
        counted = seen.filter(window=OuterRef("pk")).order_by().values("window")
        count = counted.annotate(count=Count("camera__name")).values("count")
        first = seen.select_related("camera").only("window", "camera__name").order_by("camera__name", "camera_id")
        return (
            self.select_related("site")
            .annotate(camera_count=Coalesce(Subquery(count), 0))
            .prefetch_related(Prefetch("covered", first[:at_most], to_attr="named"))
        )

    def with_present(self, moment: datetime) -> Self:
        """With `present`: the written occurrences that are not over then, the first to begin first."""
        written = self._occurrences.filter(ends_at__gt=moment).order_by("starts_at", "pk")
        return self.prefetch_related(Prefetch("occurrences", written, to_attr="present"))

    def in_state(self, state: str, moment: datetime) -> Self:
        """Those that last then, that are planned, or that are over: a value of `WindowState`."""
        own = self._occurrences.filter(window=OuterRef("pk"))
        if state == "lasts":
            return self.filter(Exists(own.at(moment)))
        to_come = Q(next_at__isnull=False) | Exists(own.filter(starts_at__gt=moment))
        idle = self.exclude(Exists(own.at(moment)))
        return idle.filter(to_come) if state == "planned" else idle.exclude(to_come)

    def not_over(self, moment: datetime) -> Self:
        """Those that last then, or are planned."""
        return self.filter(
            Q(next_at__isnull=False) | Exists(self._occurrences.filter(window=OuterRef("pk"), ends_at__gt=moment))
        )

    @property
    def _occurrences(self) -> Any:
        return self.model.occurrences.rel.related_model.objects

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
