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
from cameras.querysets import ChangeQuerySet
from cameras.rules import parse_uuid
from controlplane.access.memberships import principal_of_user


def with_any_of(queryset: ChangeQuerySet, request: HttpRequest, condition: Q) -> ChangeQuerySet:
    """The rows of the log of which a change that the person may see meets a condition."""
    scope = principal_of_user(request.user).scope_for("cameras.view_change")
    found = Change.objects.within(scope).filter(condition)
    return queryset.with_any_of(found, one_by_one=not scope.is_whole)


class SiteOfChangeFilter(DropdownFilter):
    """The site at which the camera was before or after."""

    title = _("site")
    parameter_name = "site"

    @staticmethod
    def check(value: str) -> str | None:
        return None if parse_uuid(value) else "Must be the id of a site."

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        sites = Site.objects.visible_to(principal_of_user(request.user)).order_by("name")
        return [(str(pk), name) for pk, name in sites.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        return with_any_of(queryset, request, Q(site_before=self.value()) | Q(site_after=self.value()))


class FieldFilter(DropdownFilter):
    title = _("changed field")
    parameter_name = "field"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(field.name, capfirst(str(field.label))) for field in CAMERA_FIELDS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        return with_any_of(queryset, request, Q(kind=ChangeKind.UPDATED, diff__has_key=self.value()))
