"""Cameras in the admin: the list, the form, start and stop, and removal."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action
from unfold.views import ChangeList

from cameras import actions
from cameras.admin.camera_columns import (
    CameraColumns,
    JudgedChangeList,
    StatusFilter,
    changes_of,
    health_of,
    judge,
)
from cameras.admin.camera_form import CameraForm
from cameras.admin.editing import IntentAdmin
from cameras.admin.moments import now_of
from cameras.admin.transfer import TransferPages
from cameras.admin.zone_editor import AnswersZoneEditor
from cameras.changes import record_changes
from cameras.models import Camera, DesiredState
from cameras.querysets import CameraQuerySet
from controlplane.access.authentication import author_of


@admin.register(Camera)
class CameraAdmin(TransferPages, AnswersZoneEditor, CameraColumns, IntentAdmin):
    form = CameraForm
    list_display = ("name", "status", "reason", "desired", "site", "last_contact", "address")
    list_filter = (StatusFilter, ("desired_state", ChoicesDropdownFilter), ("site", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("name",)  # shows the box; what is searched stands in `named_like`
    search_help_text = _("Name, address, location or site")
    ordering = ("name", "id")
    actions = ("start_cameras", "stop_cameras", "delete_selected")
    change_form_outer_before_template = "admin/cameras/camera_health.html"
    readonly_fields = (
        "address", "latest", "generations", "counters", "connection", "zones", "model", "created", "updated",
    )  # fmt: skip
    add_fieldsets = (
        (None, {"fields": ("name", "site", "location", "connection_string")}),
        (_("Operation"), {"fields": ("desired_state", "expected_interval_seconds")}),
        (_("Analysis"), {"fields": ("zone_config", "model_config")}),
        (_("Notes"), {"fields": ("notes",)}),
    )
    observed = (_("Observed"), {"fields": ("latest", "generations", "counters", "created", "updated")})
    fieldsets = (
        (None, {"fields": ("as_rendered", "name", "site", "location", "connection_string")}),
        *add_fieldsets[1:],
        observed,
    )
    fieldsets_to_view = (
        (None, {"fields": ("name", "site", "location", "connection", "address")}),
        (_("Operation"), {"fields": ("desired_state", "expected_interval_seconds")}),
        (_("Analysis"), {"fields": ("zones", "model")}),
        (_("Notes"), {"fields": ("notes",)}),
        observed,
    )

    # --- Reading ------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> CameraQuerySet:
        return super().get_queryset(request).with_vitals().select_related("site")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        text = search_term.replace("\0", "").strip()
        return (queryset.named_like(text) if text else queryset), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return JudgedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Camera | None:
        camera = super().get_object(request, object_id, from_field)
        if camera:
            judge(camera, request)
        return camera

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return self.fieldsets_to_view
        return super().get_fieldsets(request, obj)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        camera = kwargs.get("obj")
        if camera:
            context.update(health_of(camera), may_operate=self.has_operate_permission(request))
        return super().render_change_form(request, context, *args, **kwargs)

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return changes_of(object_id)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        names, *rest = super().get_deleted_objects(objs, request)
        goes = gettext(
            "Its samples go too, and tokens that are bound to it are revoked; its changes stay in the log."
        )
        return [part for name in names for part in (name, [goes])] if len(names) == 1 else [*names, goes], *rest

    # --- Writing ------------------------------------------------------------------------------------------

    def act(self, request: HttpRequest, obj: Camera, form: Any, change: bool) -> Camera:
        by, now = author_of(request, "admin"), now_of(request)
        if not change:
            camera = actions.register_camera(values=form.values, by=by, now=now, camera_id=obj.pk)
        elif form.values:
            camera = actions.update_camera(
                camera_id=obj.pk, values=form.values, by=by, now=now, if_revision_in=[obj.revision]
            )
        else:
            return obj
        if {"name", "site"} & form.values.keys():
            self._warn_of_twin(request, camera)
        return camera

    def _warn_of_twin(self, request: HttpRequest, camera: Camera) -> None:
        same_site: Any = camera.site_id
        twins = Camera.objects.filter(name=camera.name, site_id=same_site).exclude(pk=camera.pk)
        if twins.exists():
            text = gettext("Another camera of this site is called “%(name)s” too.") % {"name": camera.name}
            self.message_user(request, text, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Camera) -> None:
        self._retire(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        self._retire(request, sorted(queryset.values_list("pk", flat=True)))

    def _retire(self, request: HttpRequest, camera_ids: list[UUID]) -> None:
        by, now = author_of(request, "admin"), now_of(request)
        with record_changes(by=by, now=now):  # one block of the log, however many
            for camera_id in camera_ids:
                try:
                    actions.retire_camera(camera_id=camera_id, by=by, now=now)
                except Camera.DoesNotExist:  # somebody was faster
                    continue

    # --- Start and stop -----------------------------------------------------------------------------------

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("cameras.operate_camera")

    @action(description=_("Start selected cameras"), permissions=["operate"])
    def start_cameras(self, request: HttpRequest, queryset: Any) -> None:
        self._set_desired_state(request, list(queryset.values_list("pk", flat=True)), DesiredState.RUNNING)

    @action(description=_("Stop selected cameras"), permissions=["operate"])
    def stop_cameras(self, request: HttpRequest, queryset: Any) -> None:
        self._set_desired_state(request, list(queryset.values_list("pk", flat=True)), DesiredState.STOPPED)

    def _set_desired_state(self, request: HttpRequest, camera_ids: list[UUID], wanted: DesiredState) -> None:
        changed = len(
            actions.set_desired_state(
                camera_ids=camera_ids, desired_state=wanted, by=author_of(request, "admin"), now=now_of(request)
            )
        )
        same = len(camera_ids) - changed
        if wanted == DesiredState.RUNNING:
            told = ngettext("%(count)d camera started.", "%(count)d cameras started.", changed)
            rest = ngettext("%(count)d was running already.", "%(count)d were running already.", same)
        else:
            told = ngettext("%(count)d camera stopped.", "%(count)d cameras stopped.", changed)
            rest = ngettext("%(count)d was stopped already.", "%(count)d were stopped already.", same)
        text = told % {"count": changed}
        if same:
            text += " " + rest % {"count": same}
        self.message_user(request, text, messages.SUCCESS if changed else messages.INFO)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.desired_state_view)
        return [
            path("<uuid:camera_id>/desired-state/", view, name="cameras_camera_desired_state"),
            *super().get_urls(),
        ]

    def desired_state_view(self, request: HttpRequest, camera_id: UUID) -> HttpResponse:
        """Start or stop from the camera's page: a POST with its CSRF token, for whoever may operate."""
        page = reverse("admin:cameras_camera_change", args=[camera_id])
        wanted = request.POST.get("desired_state")
        if request.method != "POST" or wanted not in DesiredState.values:
            return HttpResponseRedirect(page)
        if not self.has_operate_permission(request) or not self.has_view_permission(request):
            raise PermissionDenied
        if Camera.objects.filter(pk=camera_id).exists():
            self._set_desired_state(request, [camera_id], DesiredState(wanted))
        return HttpResponseRedirect(page)
