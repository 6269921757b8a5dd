"""The vocabulary in which transitions and deliveries are asked for."""

from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Q

from controlplane.access.principals import Principal
from controlplane.access.scope import Scope

# One attempt that fails is nothing yet.
FAILING_AFTER = timedelta(minutes=1)


class TransitionQuerySet(models.QuerySet[Any]):
    def of_camera(self, camera_id: UUID) -> Self:
        return self.filter(camera_id=camera_id)

    def within(self, scope: Scope) -> Self:
        """Those that happened in a scope: where the camera stood then."""
        return self if scope.is_whole else self.filter(scope.as_q("camera_id", "site_id"))

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


class IncidentQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those of what a principal may see incidents of; the fleet's are for who sees the whole fleet."""
        return self.within(principal.scope_for("alerts.view_incident"))

    def within(self, scope: Scope) -> Self:
        return self.filter(scope.as_q("camera_id", "site_id"))

    def holding(self) -> Self:
        """What is not over, also what is part of a greater one."""
        return self.filter(ended_at=None)

    def open(self) -> Self:
        """What somebody may have to do something about."""
        return self.filter(state__in=("open", "acknowledged"))

    def between(self, start: datetime | None, end: datetime | None) -> Self:
        """Those that began in the half-open interval [start, end); None leaves that side open."""
        rows = self.filter(began_at__gte=start) if start else self
        return rows.filter(began_at__lt=end) if end else rows

    def newest_first(self) -> Self:
        return self.order_by("-began_at", "pk")


class SubscriptionQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those of the sites where a principal may see subscriptions."""
        scope = principal.scope_for("alerts.view_subscription")
        return self if scope.is_whole else self.filter(site_id__in=scope.sites)

    def failing(self, now: datetime) -> Self:
        """Those that nothing has reached for FAILING_AFTER, and those whose receiver asked never to be called."""
        fails = Q(is_active=True, failing_since__lte=now - FAILING_AFTER)
        return self.filter(fails | Q(is_active=False, ended_at__isnull=False))


class DeliveryQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those of subscriptions to the sites where a principal may see deliveries, about what happened there.

        What is said of the whole fleet is for who sees the whole fleet.
        """
        scope = principal.scope_for("alerts.view_delivery")
        if scope.is_whole:
            return self
        there = Q(alert__site_id__in=scope.sites) | Q(alert__kind="test")
        return self.filter(there, subscription__site_id__in=scope.sites)

    def waiting(self) -> Self:
        return self.filter(state="waiting")

    def due(self, now: datetime) -> Self:
        """Those to send now, the longest due first.

        What somebody is sending is not due, nor is the end of what is not settled, nor what an inactive
        subscription waits for.
        """
        ready = self.waiting().filter(next_attempt_at__lte=now, subscription__is_active=True)
        return ready.exclude(follows__state="waiting").order_by("next_attempt_at", "created_at", "pk")
