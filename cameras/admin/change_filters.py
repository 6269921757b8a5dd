"""Filters of the change log by what a change is about. An entry is found if any of its changes is."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from cameras.fields import CAMERA_FIELDS
from cameras.models import Change, ChangeKind, Site
from cameras.rules import parse_uuid


class SiteOfChangeFilter(DropdownFilter):
    """The site at which the camera was before or after."""

    title = _("site")
    parameter_name = "site"

    @staticmethod
    def check(value: str) -> str | None:
        return None if parse_uuid(value) else "Must be the id of a site."

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Site.objects.order_by("name").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        there = Q(site_before=self.value()) | Q(site_after=self.value())
        return queryset.with_any_of(Change.objects.filter(there))


class FieldFilter(DropdownFilter):
    title = _("changed field")
    parameter_name = "field"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(field.name, capfirst(str(field.label))) for field in CAMERA_FIELDS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        changed = Change.objects.filter(kind=ChangeKind.UPDATED, diff__has_key=self.value())
        return queryset.with_any_of(changed)
