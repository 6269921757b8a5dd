"""The change log in the admin: only read, newest first, a row for each entry, which opens into its changes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from cameras.admin.change_filters import FieldFilter, SiteOfChangeFilter, with_any_of
from cameras.admin.differences import ELSEWHERE, label_of, site_names, table_of, what_changed
from cameras.admin.entries import EntryPages
from cameras.admin.moments import exact
from cameras.blocks import summary_of
from cameras.models import Camera, Change, ChangeBlock
from cameras.querysets import ChangeQuerySet
from cameras.rules import parse_uuid
from cameras.sentences import sentence_of
from controlplane.access.admin.log import LogRow
from controlplane.access.admin.log_filters import FromFilter, UntilFilter, ViaFilter, WhoFilter
from controlplane.access.memberships import principal_of_user
from controlplane.access.places import names_of_sites
from controlplane.access.principals import Principal

# What a row of the log shows when it is opened: so many changes, and a difference of so many letters.
CHANGES_SHOWN = 10
LONG_DIFFERENCE = 4_000


def name_entries(changes: Iterable[Any], principal: Principal) -> None:
    """Set `entry_shown` on each change of the list: the entry that it begins, as the principal may see it.

    One of an older version stands alone, and so does one whose entry the principal does not see whole. A query for
    who does not see all sites.
    """
    scope = principal.scope_for("cameras.view_site")
    names = None if scope.is_whole else names_of_sites(scope)
    for change in changes:
        block = summary_of([change]) if change.is_torn or not change.block else change.block
        if names is not None and block.site_id:
            block.site_name = names.get(block.site_id, str(ELSEWHERE))
        change.entry_shown = block


def address_of(change: Any) -> str:
    """Where an entry is read: the page of its only change, or the one of its rows."""
    if change.entry_shown.count == 1:
        return reverse("admin:cameras_change_change", args=[change.pk])
    return reverse("admin:cameras_change_entry", args=[change.pk])


class EntryList(ChangeList):
    """The rows are entries; a change that does not begin one is reached through its entry.

    To who may not see all changes of an entry, those that they may see are rows of their own.
    """

    result_list: Any

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        scope = principal_of_user(request.user).scope_for("cameras.view_change")
        return super().get_queryset(request, *args, **kwargs).entries_within(scope)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        name_entries(self.result_list, principal_of_user(request.user))


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

    def visible_to(self, principal: Principal) -> ChangeQuerySet:
        return Change.objects.visible_to(principal).select_related("block")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        camera_id = parse_uuid(search_term.strip())
        if camera_id:
            return with_any_of(queryset, request, Q(camera_id=camera_id)), False
        every = Change.objects.order_by()
        found, _may_repeat = super().get_search_results(request, every, search_term)
        return with_any_of(queryset, request, Q(pk__in=found.values("pk"))) if search_term else queryset, False

    def log_rows(self, rows: Sequence[Any], request: HttpRequest) -> Iterable[LogRow]:
        principal = principal_of_user(request.user)
        inside, sites = _first_changes(rows), site_names((change.diff for change in rows), principal)
        for change in rows:
            block = change.entry_shown
            detail = _changes_in_short(block, inside[change.pk]) if block.count > 1 else _difference(change, sites)
            sentence = sentence_of(block)
            yield LogRow(change.at, sentence, address_of(change), change.via, note=block.note, detail=detail)

    @display(description=_("at"), ordering="revision")
    def moment(self, change: Change) -> str:
        return exact(change.at)

    @display(description=_("what"))
    def entry(self, change: Any) -> SafeString:
        sentence = sentence_of(change.entry_shown)
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
            principal = principal_of_user(request.user)
            change.camera_shown = _camera(change, principal)
            change.difference_shown = table_of(change.diff, site_names([change.diff], principal))
        return change

    @display(description=_("camera"))
    def camera(self, change: Any) -> SafeString | str:
        return change.camera_shown

    @display(description=_("fields"))
    def difference(self, change: Any) -> SafeString | str:
        return change.difference_shown


def _first_changes(rows: Iterable[Any]) -> Mapping[int, list[Change]]:
    """The first changes of each entry that has several: one query, or none where no entry has."""
    inside: dict[int, list[Change]] = defaultdict(list)
    if several := [change.pk for change in rows if change.entry_shown.count > 1]:
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


def _camera(change: Change, principal: Principal) -> SafeString | str:
    if not Camera.objects.visible_to(principal).filter(pk=change.camera_id).exists():
        gone = gettext("%(name)s (%(id)s, deleted)")
        if not principal.scope_for("cameras.view_camera").is_whole:
            gone = gettext("%(name)s (%(id)s, deleted or moved away)")
        return gone % {"name": change.name, "id": change.camera_id}
    url = reverse("admin:cameras_camera_change", args=[change.camera_id])
    return format_html('<a class="cp-link" href="{}">{}</a>', url, change.name)
