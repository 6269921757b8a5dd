"""The change log in the admin: only read, newest first, each difference field by field."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from cameras.admin import json_text
from cameras.admin.moments import exact
from cameras.intent import parse_uuid
from cameras.models import Camera, Change, ChangeKind, Site
from controlplane.access.admin.pages import DoorFilter, ReadOnlyAdmin

KIND_COLOURS = {
    ChangeKind.CREATED.value: "success",
    ChangeKind.UPDATED.value: "info",
    ChangeKind.DELETED.value: "danger",
}
# A value in the list is told where it is this short.
SHORT = 24
SHOWN_AT_MOST = 20_000


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("revision", "moment", "kind_badge", "name", "what", "by", "door")
    list_display_links = ("revision", "name")
    list_filter = (("kind", ChoicesDropdownFilter), DoorFilter)
    list_filter_submit = True
    search_fields = ("name", "by", "request_id")  # and the camera's id, see `get_search_results`
    search_help_text = _("Camera, who, the camera's id or the request's id")
    ordering = ("-revision",)
    fieldsets = (
        (None, {"fields": ("moment", "kind", "camera", "by", "door", "request_id")}),
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
        return "; ".join(_in_short(name, entry) for name, entry in change.diff.items())

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        change = super().get_object(request, object_id, from_field)
        if change:  # once: the page asks several times for what a field shows
            change.camera_shown, change.difference_shown = _camera(change), _difference(change.diff)
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


def _difference(diff: dict[str, Any]) -> SafeString | str:
    if not diff:
        return "–"
    sites = _site_names(diff.get("site"))
    rows = format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        ((_label(name), _before_and_after(entry, sites)) for name, entry in diff.items()),
    )
    return format_html(
        '<div class="cp-scroll"><table class="cp-diff"><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead>'
        "<tbody>{}</tbody></table></div>",
        gettext("Field"),
        gettext("Before"),
        gettext("After"),
        rows,
    )


def _label(name: str) -> str:
    return gettext(name.replace("_", " "))


def _in_short(name: str, entry: dict[str, Any]) -> str:
    before, after = entry.get("before"), entry.get("after")
    told = name != "site" and all(
        isinstance(value, str | int) and len(str(value)) <= SHORT for value in (before, after)
    )
    return f"{_label(name)}: {before} → {after}" if told else _label(name)


def _before_and_after(entry: dict[str, Any], sites: dict[UUID, str]) -> SafeString:
    if "after" not in entry:
        return format_html('<td colspan="2">{}</td>', gettext("changed; secrets are not kept here"))
    return format_html("<td>{}</td><td>{}</td>", *(_shown(entry.get(side), sites) for side in ("before", "after")))


def _shown(value: Any, sites: dict[UUID, str]) -> SafeString | str:
    if value is None or value == "":
        return format_html('<span class="cp-none">{}</span>', gettext("nothing"))
    if isinstance(value, dict | list):
        text = json_text.pretty(value)
        if len(text) > SHOWN_AT_MOST:
            text = text[:SHOWN_AT_MOST] + "\n…"
        return format_html('<pre class="cp-json">{}</pre>', text)
    site_id = parse_uuid(value)
    if site_id in sites:
        return sites[site_id]
    return format_html('<span class="cp-text">{}</span>', value)


def _site_names(entry: dict[str, Any] | None) -> dict[UUID, str]:
    """The names of the sites that a difference of `site` speaks of."""
    ids = {site_id for value in (entry or {}).values() if (site_id := parse_uuid(value))}
    return dict(Site.objects.filter(pk__in=ids).values_list("pk", "name"))
