"""The change log in the admin: only read, newest first, a row for each entry, which opens into its changes."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from cameras.admin.differences import in_short, site_names, table_of
from cameras.admin.moments import exact
from cameras.blocks import summary_of
from cameras.models import Camera, Change, ChangeBlock, ChangeKind
from cameras.rules import parse_uuid
from cameras.sentences import sentence_of
from controlplane.access.admin.pages import ReadOnlyAdmin, ViaFilter

KIND_COLOURS = {
    ChangeKind.CREATED.value: "success",
    ChangeKind.UPDATED.value: "info",
    ChangeKind.DELETED.value: "danger",
}


# Changes of an entry on one page.
PAGE = 100
# The largest number that the database takes.
MAX_REVISION = 2**63 - 1


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
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("moment", "entry", "note", "via")
    list_display_links = None
    list_filter = (("block__action", ChoicesDropdownFilter), ViaFilter)
    list_filter_submit = True
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

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        camera_id = parse_uuid(search_term.strip())
        if camera_id:
            return queryset.with_any_of(Change.objects.filter(camera_id=camera_id)), False
        found, _may_repeat = super().get_search_results(request, Change.objects.order_by(), search_term)
        return queryset.with_any_of(found) if search_term else queryset, False

    @display(description=_("at"), ordering="revision")
    def moment(self, change: Change) -> str:
        return exact(change.at)

    @display(description=_("what"))
    def entry(self, change: Change) -> SafeString:
        sentence = sentence_of(block_of(change))
        return format_html('<a class="cp-link" href="{}"><bdi>{}</bdi></a>', address_of(change), sentence)

    # --- An entry -----------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.entry_view)
        return [path("entry/<int:revision>/", view, name="cameras_change_entry"), *super().get_urls()]

    def entry_view(self, request: HttpRequest, revision: int) -> HttpResponse:
        """The changes of one entry, in pages that begin after a revision."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        block = ChangeBlock.objects.filter(pk=revision).first() if revision <= MAX_REVISION else None
        if block is None:
            raise Http404
        after = request.GET.get("after", "")
        changes = block.changes.order_by("revision")
        if after.isdecimal() and int(after) <= MAX_REVISION:
            changes = changes.filter(revision__gt=int(after))
        page = list(changes[: PAGE + 1])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": sentence_of(block),
            "block": block,
            "at": exact(block.at),
            "changes": [(change, KIND_COLOURS[change.kind], self.what(change)) for change in page[:PAGE]],
            "following": page[PAGE - 1].revision if len(page) > PAGE else None,
            "is_first_page": not after,
        }
        return TemplateResponse(request, "admin/cameras/entry.html", context)

    def what(self, change: Change) -> str:
        """The difference in one line."""
        return in_short(change.diff) if change.kind == ChangeKind.UPDATED else ""

    # --- One change ---------------------------------------------------------------------------------------

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


def _camera(change: Change) -> SafeString | str:
    if not Camera.objects.filter(pk=change.camera_id).exists():
        return gettext("%(name)s (%(id)s, deleted)") % {"name": change.name, "id": change.camera_id}
    url = reverse("admin:cameras_camera_change", args=[change.camera_id])
    return format_html('<a class="cp-link" href="{}">{}</a>', url, change.name)
