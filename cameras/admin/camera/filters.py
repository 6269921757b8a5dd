"""Filters of the list of cameras that are no columns: status and conditions, and time since the last contact."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from cameras.admin.moments import interruptions_of, now_of
from cameras.conditions import CONDITION_CHOICES, ConditionType
from cameras.querysets import CameraQuerySet
from cameras.status import STATUS_CHOICES
from controlplane.access.admin.related_filter import RelatedFilter

STATUSES = dict(STATUS_CHOICES)
CONDITIONS = dict(CONDITION_CHOICES)
SILENCES = {
    "5m": (_("5 minutes"), timedelta(minutes=5)),
    "1h": (_("1 hour"), timedelta(hours=1)),
    "6h": (_("6 hours"), timedelta(hours=6)),
    "1d": (_("1 day"), timedelta(days=1)),
    "7d": (_("7 days"), timedelta(days=7)),
    "30d": (_("30 days"), timedelta(days=30)),
}


class StatusFilter(DropdownFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return STATUS_CHOICES

    def queryset(self, request: HttpRequest, queryset: CameraQuerySet) -> CameraQuerySet:
        if self.value() not in STATUSES:
            return queryset
        return queryset.in_status([self.value()], now_of(request), interruptions_of(request))


class ConditionFilter(DropdownFilter):
    title = _("condition")
    parameter_name = "condition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return CONDITION_CHOICES

    def queryset(self, request: HttpRequest, queryset: CameraQuerySet) -> CameraQuerySet:
        chosen = self.value()
        if chosen not in CONDITIONS:
            return queryset
        return queryset.in_condition(ConditionType(chosen), now_of(request), interruptions_of(request))


class SiteFilter(RelatedFilter):
    """By site, or by `site__isnull` those with or without one, which unfold's own filter swallows."""

    def queryset(self, request: HttpRequest, queryset: CameraQuerySet) -> CameraQuerySet:
        if self.lookup_val_isnull:
            return queryset.filter(site__isnull=self.lookup_val_isnull.lower() in ("1", "true"))
        return super().queryset(request, queryset)


class SilenceFilter(DropdownFilter):
    """Cameras that should run, and have been silent for longer since their start or last contact."""

    title = _("silent for longer than")
    parameter_name = "silent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(key, words) for key, (words, _duration) in SILENCES.items()]

    def queryset(self, request: HttpRequest, queryset: CameraQuerySet) -> CameraQuerySet:
        chosen = SILENCES.get(self.value() or "")
        return queryset.silent_since(now_of(request) - chosen[1]) if chosen else queryset
