"""The change log in the admin: only read, newest first, a row for each entry, which opens into its changes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from cameras.admin.change_filters import FieldFilter, SiteOfChangeFilter
from cameras.admin.differences import label_of, site_names, table_of, what_changed
from cameras.admin.entries import EntryPages
from cameras.admin.moments import exact
from cameras.blocks import summary_of
from cameras.models import Camera, Change, ChangeBlock
from cameras.rules import parse_uuid
from cameras.sentences import sentence_of
from controlplane.access.admin.log import LogRow
from controlplane.access.admin.log_filters import FromFilter, UntilFilter, ViaFilter, WhoFilter

# What a row of the log shows when it is opened: so many changes, and a difference of so many letters.
CHANGES_SHOWN = 10
LONG_DIFFERENCE = 4_000


def block_of(change: Change) -> ChangeBlock:
    """The entry that a change begins; one of an older version stands alone."""
    return change.block or summary_of([change])


def address_of(change: Change) -> str:
    """Where an entry is read: the page of its only change, or the one of its rows."""
    if block_of(change).count == 1:
        return reverse("admin:cameras_change_change", args=[change.pk])
    return reverse("admin:cameras_change_entry", args=[change.pk])


class EntryList(ChangeList):
    """The rows are entries; a change that does not begin one is reached through its entry."""

    def get_queryset(self, *args: Any, **kwargs: Any) -> Any:
        return super().get_queryset(*args, **kwargs).entries()


@admin.register(Change)
class ChangeAdmin(EntryPages):
    list_display = ("moment", "entry", "note", "via")
    list_display_links = None
    list_filter = (
        FromFilter,
        UntilFilter,
        WhoFilter,
        ("block__action", ChoicesDropdownFilter),
        SiteOfChangeFilter,
        FieldFilter,
        ViaFilter,
    )
    list_filter_submit = True
    refreshes_on = "change"
    change_form_outer_after_template = "admin/cameras/change_revert.html"
    search_fields = ("name", "by", "request_id")  # and the camera's id, see `get_search_results`
    search_help_text = _("Camera, who, the camera's id or the request's id")
    ordering = ("-revision",)
    fieldsets = (
        (None, {"fields": ("moment", "kind", "camera", "by", "via", "request_id", "note")}),
        (_("Difference"), {"fields": ("difference",)}),
        (_("Afterwards"), {"fields": ("generation", "desired_state")}),
    )

    # --- The list -----------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EntryList

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("block")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        camera_id = parse_uuid(search_term.strip())
        if camera_id:
            return queryset.with_any_of(Change.objects.filter(camera_id=camera_id)), False
        found, _may_repeat = super().get_search_results(request, Change.objects.order_by(), search_term)
        return queryset.with_any_of(found) if search_term else queryset, False

    def log_rows(self, rows: Sequence[Change], request: HttpRequest) -> Iterable[LogRow]:
        inside, sites = _first_changes(rows), site_names(change.diff for change in rows)
        for change in rows:
            block = block_of(change)
            detail = _changes_in_short(block, inside[change.pk]) if block.count > 1 else _difference(change, sites)
            sentence = sentence_of(block)
            yield LogRow(change.at, sentence, address_of(change), change.via, note=block.note, detail=detail)

    @display(description=_("at"), ordering="revision")
    def moment(self, change: Change) -> str:
        return exact(change.at)

    @display(description=_("what"))
    def entry(self, change: Change) -> SafeString:
        sentence = sentence_of(block_of(change))
        return format_html('<a class="cp-link" href="{}"><bdi>{}</bdi></a>', address_of(change), sentence)

    # --- One change ---------------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        extra_context = {**(extra_context or {}), "may_revert": self.may_revert(request)}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        change = super().get_object(request, object_id, from_field)
        if change:  # once: the page asks several times for what a field shows
            change.camera_shown = _camera(change)
            change.difference_shown = table_of(change.diff, site_names([change.diff]))
        return change

    @display(description=_("camera"))
    def camera(self, change: Any) -> SafeString | str:
        return change.camera_shown

    @display(description=_("fields"))
    def difference(self, change: Any) -> SafeString | str:
        return change.difference_shown


def _first_changes(rows: Iterable[Change]) -> Mapping[int, list[Change]]:
    """The first changes of each entry that has several: one query, or none where no entry has."""
    inside: dict[int, list[Change]] = defaultdict(list)
    if several := [change.pk for change in rows if block_of(change).count > 1]:
        first = Change.objects.filter(block__in=several, revision__lt=F("block_id") + CHANGES_SHOWN)
        for change in first.order_by("revision"):
            inside[change.block_id].append(change)
    return inside


def _changes_in_short(block: ChangeBlock, changes: Sequence[Change]) -> SafeString:
    """A line for each of the first changes of an entry, and how many more there are."""
    lines = format_html_join(
        "", "<li><bdi>{}</bdi><bdi>{}</bdi></li>", ((change.name, what_changed(change)) for change in changes)
    )
    more = block.count - len(changes)
    rest = gettext("and %(count)s more") % {"count": f"{more:,}"} if more else ""
    return format_html('<ul class="cp-entry-rows">{}</ul><p class="cp-muted">{}</p>', lines, rest)


def _difference(change: Change, sites: Mapping[UUID, str]) -> SafeString | str:
    """The difference as a table; a long one stands on the page of its change alone: the list stays light."""
    if len(json.dumps(change.diff)) > LONG_DIFFERENCE:
        names = ", ".join(map(label_of, change.diff))
        return gettext("Changed: %(fields)s. The difference is long; its own page shows it.") % {"fields": names}
    return table_of(change.diff, sites)


def _camera(change: Change) -> SafeString | str:
    if not Camera.objects.filter(pk=change.camera_id).exists():
        return gettext("%(name)s (%(id)s, deleted)") % {"name": change.name, "id": change.camera_id}
    url = reverse("admin:cameras_camera_change", args=[change.camera_id])
    return format_html('<a class="cp-link" href="{}">{}</a>', url, change.name)
