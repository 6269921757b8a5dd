"""Sites in the admin: where cameras are, how many each has, and in which time zone its days begin."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from cameras import site_actions
from cameras.admin.availability import AvailabilityPages
from cameras.admin.editing import IntentAdmin, IntentForm, LastChange
from cameras.admin.inputs import fieldsets_of
from cameras.admin.moments import now_of
from cameras.admin.site_page import page_of_site
from cameras.fields import SITE_FIELDS
from cameras.intent import clean_site
from cameras.models import Site
from cameras.search_conditions import best_first
from controlplane.access.admin.pages import audit_trail_of
from controlplane.access.admin.refresh import is_refresh, refreshed
from controlplane.access.authentication import author_of
from controlplane.access.models import AuditEntry
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope
from controlplane.search_terms import check_search

# Entries of the audit trail that are read for who changed a field last.
LOOKED_BACK = 50


class SiteForm(IntentForm):
    declared = SITE_FIELDS

    class Meta:
        model = Site
        fields = ()

    def last_change_of(self, name: str) -> LastChange | None:
        entries = AuditEntry.objects.filter(action="site.updated", object_id=str(self.instance.pk))
        lately = entries.order_by("-at", "-pk").values_list("by", "at", "fields")[:LOOKED_BACK]
        return next((LastChange(by, at) for by, at, fields in lately if name in fields), None)

    def rule(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return clean_site(values, new=self.is_new)


@admin.register(Site)
class SiteAdmin(AvailabilityPages):
    form = SiteForm
    list_display = ("name", "cameras", "timezone", "location")
    search_fields = ("name", "location")  # shows the box; what is searched stands in `matching`
    search_help_text = _("Name or location")
    ordering = ("name",)
    actions = ("delete_selected",)
    add_fieldsets = fieldsets_to_view = fieldsets_of(SITE_FIELDS)
    fieldsets = fieldsets_of(SITE_FIELDS, first=("as_rendered",))

    def visible_to(self, principal: Principal) -> Any:
        return Site.objects.visible_to(principal).annotate(camera_count=Count("cameras"))

    def covers(self, scope: Scope, row: Site) -> bool:
        return scope.covers(None, row.pk)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        check_search(search_term, "search")
        found = queryset.matching(search_term)
        return found if ORDER_VAR in request.GET else best_first(found, search_term), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return self.fieldsets_to_view
        return super().get_fieldsets(request, obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not is_refresh(request):
            return super().change_view(request, object_id, form_url, extra_context)
        site = self.get_object(request, unquote(object_id))
        if site is None:
            raise self.nothing_at(request, object_id)
        if not self.has_view_permission(request, site):
            raise PermissionDenied
        context = {
            "original": site,
            "has_change_permission": self.has_change_permission(request, site),
            **page_of_site(site, request),
        }
        return refreshed(request, "admin/cameras/site/overview.html", context, now_of(request))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        site = kwargs.get("obj")
        if site:
            context.update(page_of_site(site, request))
        return super().render_change_form(request, context, *args, **kwargs)

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return audit_trail_of(request, object_id)

    @display(description=_("cameras"), ordering="camera_count")
    def cameras(self, site: Any) -> SafeString | str:
        if not site.camera_count:
            return "0"
        query = f"?site__id__exact={site.pk}"
        url = reverse("admin:cameras_camera_changelist") + query
        return format_html('<a class="cp-link" href="{}">{}</a>', url, f"{site.camera_count:,}")

    def act(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> Site:
        by, now = author_of(request, "admin"), now_of(request)
        if not change:
            return site_actions.register_site(values=form.values, by=by, now=now)
        return site_actions.update_site(site=obj, values=form.values, by=by, now=now)

    # --- Removal ------------------------------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        site = self.get_object(request, unquote(object_id))
        try:
            if site and site.camera_count and self.has_delete_permission(request, site):
                raise site_actions.SiteInUse
            return super().delete_view(request, object_id, extra_context)
        except site_actions.SiteInUse:
            self._report_in_use(request, [site])
            return HttpResponseRedirect(reverse("admin:cameras_site_change", args=[object_id]))

    @action(description=IntentAdmin.delete_selected.short_description, permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        in_use = [site for site in queryset if site.camera_count]
        try:
            if in_use:
                raise site_actions.SiteInUse
            with transaction.atomic():
                return super().delete_selected(request, queryset)
        except site_actions.SiteInUse:
            self._report_in_use(request, in_use)
            return None

    def delete_model(self, request: HttpRequest, obj: Site) -> None:
        site_actions.retire_site(site=obj, by=author_of(request, "admin"), now=now_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for site in queryset:
            self.delete_model(request, site)

    def _report_in_use(self, request: HttpRequest, sites: list[Any]) -> None:
        names = ", ".join(f"{site.name} ({site.camera_count})" for site in sites[:10])
        text = gettext("There are still cameras at %(sites)s: move or delete them first. Nothing was deleted.")
        self.message_user(request, text % {"sites": names or gettext("a site")}, messages.ERROR)
