"""The change log in the admin: only read, newest first, each difference field by field."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from cameras.admin.differences import in_short, site_names, table_of
from cameras.admin.moments import exact
from cameras.models import Camera, Change, ChangeKind
from cameras.rules import parse_uuid
from controlplane.access.admin.pages import ReadOnlyAdmin, ViaFilter

KIND_COLOURS = {
    ChangeKind.CREATED.value: "success",
    ChangeKind.UPDATED.value: "info",
    ChangeKind.DELETED.value: "danger",
}


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("revision", "moment", "kind_badge", "name", "what", "by", "via")
    list_display_links = ("revision", "name")
    list_filter = (("kind", ChoicesDropdownFilter), ViaFilter)
    list_filter_submit = True
    search_fields = ("name", "by", "request_id")  # and the camera's id, see `get_search_results`
    search_help_text = _("Camera, who, the camera's id or the request's id")
    ordering = ("-revision",)
    fieldsets = (
        (None, {"fields": ("moment", "kind", "camera", "by", "via", "request_id", "note")}),
        (_("Difference"), {"fields": ("difference",)}),
        (_("Afterwards"), {"fields": ("generation", "desired_state")}),
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        camera_id = parse_uuid(search_term.strip())
        if camera_id:
            return queryset.filter(camera_id=camera_id), False
        return super().get_search_results(request, queryset, search_term)

    @display(description=_("at"), ordering="revision")
    def moment(self, change: Change) -> str:
        return exact(change.at)

    @display(description=_("kind"), label=KIND_COLOURS)
    def kind_badge(self, change: Change) -> tuple[str, str]:
        return change.kind, change.get_kind_display()

    @display(description=_("what"))
    def what(self, change: Change) -> str:
        if change.kind != ChangeKind.UPDATED:
            return "–"
        return in_short(change.diff)

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
