"""Filters of a log: from when, until when, by whom, which way. Moments are in the zone of the person who asks.

A filter with a `check` takes what nobody could list; the check says what is wrong with a value, in words.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from controlplane.access.admin.moment_input import MomentInput
from controlplane.access.time_zones import present_zone
from controlplane.search_terms import fault_of_search

# Every zone has these years in UTC.
YEARS = range(1970, 9999)


def fault_of_moment(text: str) -> str | None:
    """What is wrong with a moment in the address of a list; None if nothing is."""
    try:
        is_fit = datetime.fromisoformat(text).year in YEARS
    except ValueError:
        is_fit = False
    return None if is_fit else "Must be a date and a time, such as 2026-11-28T22:00."


class _MomentFilter(TextFilter):
    lookup = ""
    check = staticmethod(fault_of_moment)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        text = self.value()
        if not text:
            return queryset
        moment = datetime.fromisoformat(text)
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        return queryset.filter(**{self.lookup: moment})

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        form = forms.Form({self.parameter_name: self.value()})
        label = gettext("%(title)s (%(zone)s)") % {"title": str(self.title).capitalize(), "zone": present_zone()}
        form.fields[str(self.parameter_name)] = forms.DateTimeField(
            label=label, required=False, widget=MomentInput
        )
        yield {"form": form}


class FromFilter(_MomentFilter):
    title = _("from")
    parameter_name = "from"
    lookup = "at__gte"


class UntilFilter(_MomentFilter):
    title = _("until")
    parameter_name = "until"
    lookup = "at__lt"


class PartFilter(TextFilter):
    """By a text that is typed."""

    lookup = ""
    check = staticmethod(fault_of_search)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.lookup: self.value()}) if self.value() else queryset


class WhoFilter(PartFilter):
    """By a part of the name, so that people and tokens are found that are no more."""

    title = _("person or token")
    parameter_name = "who"
    lookup = "by__icontains"


class ActionFilter(PartFilter):
    """By a part, such as `site.` or `deleted`: which actions occur only the whole trail could say."""

    title = _("action")
    parameter_name = "action"
    lookup = "action__icontains"


class ViaFilter(DropdownFilter):
    """The choices are fixed: reading from the log which ones occur would read all of it."""

    title = _("via")
    parameter_name = "via"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("admin", _("Admin")), ("api", _("API")), ("command", _("Command"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(via=self.value()) if self.value() else queryset
