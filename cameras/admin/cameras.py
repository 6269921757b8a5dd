"""Cameras in the admin: the list, the form, start and stop, and removal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.views import ChangeList

from cameras import actions, credentials
from cameras.admin.availability import AvailabilityPages
from cameras.admin.camera.bulk import BulkActions
from cameras.admin.camera.columns import CameraColumns, JudgedChangeList
from cameras.admin.camera.deletion import DeletionForm, deletion_context, what_is_left
from cameras.admin.camera.filters import ConditionFilter, SilenceFilter, SiteFilter, StatusFilter
from cameras.admin.camera.form import CameraForm
from cameras.admin.camera.hardware import CameraHardware
from cameras.admin.camera.history import CameraHistory
from cameras.admin.camera.overview import ZONES, by_tab, overview_of
from cameras.admin.camera.reason import StopForm
from cameras.admin.camera.timeline import CameraTimeline
from cameras.admin.dashboard import LivePages
from cameras.admin.inputs import fieldsets_of
from cameras.admin.moments import exact, now_of
from cameras.admin.transfer.pages import TransferPages
from cameras.admin.undo import with_undo
from cameras.admin.zones.editor import AnswersZoneEditor
from cameras.fields import CAMERA_FIELDS, Kind
from cameras.intent import InvalidIntent
from cameras.models import Camera, DesiredState
from cameras.search_conditions import best_first
from controlplane.access.admin.refresh import is_refresh, refreshed
from controlplane.access.authentication import author_of
from controlplane.access.principals import Author
from controlplane.problems import FieldError
from controlplane.search_terms import check_search

# The zones of a stored camera have their own tab.
SETTINGS = [field for field in CAMERA_FIELDS if field.kind is not Kind.ZONES]


@admin.register(Camera)
class CameraAdmin(
    TransferPages,
    AnswersZoneEditor,
    CameraColumns,
    CameraHistory,
    CameraTimeline,
    AvailabilityPages,
    CameraHardware,
    BulkActions,
    LivePages,
):
    form = CameraForm
    list_display = ("named", "status", "reason", "last_day", "site", "last_contact")
    list_after_template = "admin/cameras/list_scripts.html"
    list_filter = (
        StatusFilter,
        ConditionFilter,
        ("desired_state", ChoicesDropdownFilter),
        ("site", SiteFilter),
        SilenceFilter,
    )
    list_filter_submit = True
    refreshes_on = "status change"
    search_fields = ("name",)  # shows the box; what is searched stands in `matching`
    search_help_text = _("Words of a name, address, location or site; or an id")
    ordering = ("name", "id")
    actions = (
        "start_cameras",
        "stop_cameras",
        "stop_cameras_until",
        "mute_cameras_until",
        "move_cameras",
        "delete_selected",
    )
    readonly_fields = ("connection", "zones", "analysis")
    add_fieldsets = fieldsets_of(CAMERA_FIELDS, first=("clone_of",))
    fieldsets = (
        *fieldsets_of(SETTINGS, first=("as_rendered",)),
        (ZONES, {"fields": ("zone_config",)}),
    )
    fieldsets_to_view = (
        *fieldsets_of(SETTINGS, shown_as={"connection_string": "connection", "model_config": "analysis"}),
        (ZONES, {"fields": ("zones",)}),
    )

    # --- Reading ------------------------------------------------------------------------------------------

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        check_search(search_term, "search")
        found = queryset.matching(search_term)
        # Where the person has chosen an order of columns, that is kept.
        return found if ORDER_VAR in request.GET else best_first(found, search_term), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return JudgedChangeList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return self.fieldsets_to_view
        return super().get_fieldsets(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The initial values of a clone come from its source, none from the query string."""
        return {} if self.clone_source(request) else super().get_changeform_initial_data(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.source = None if obj else self.clone_source(request)
        return form

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        camera = kwargs.get("obj")
        if camera:
            context.update(self._overview(request, camera), **by_tab(context["adminform"]))
        return super().render_change_form(request, context, *args, **kwargs)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if is_refresh(request):
            camera = self.camera_for(request, object_id)
            context = {"original": camera, **self._overview(request, camera)}
            return refreshed(request, "admin/cameras/camera/overview.html", context, now_of(request))
        return super().change_view(request, object_id, form_url, extra_context)

    def _overview(self, request: HttpRequest, camera: Camera) -> dict[str, Any]:
        return {
            **overview_of(
                camera, may_see_samples=self.may(request, "telemetry.view_sample", camera), request=request
            ),
            "as_of": exact(now_of(request)),
            "may_operate": self.has_operate_permission(request, camera),
            "may_reveal": self.has_reveal_permission(request, camera),
            "may_change": self.has_change_permission(request, camera),
            "may_add": self.has_add_permission(request),
        }

    def refreshes_itself(self, request: HttpRequest) -> bool:
        return True

    # --- Writing ------------------------------------------------------------------------------------------

    def act(self, request: HttpRequest, obj: Camera, form: Any, change: bool) -> Camera:
        by, now = author_of(request, "admin"), now_of(request)
        if form.source:
            camera = self._clone(form, obj.pk, by, now)
        elif not change:
            camera = actions.register_camera(values=form.values, by=by, now=now, camera_id=obj.pk)
        elif form.values:
            camera = actions.update_camera(
                camera_id=obj.pk, values=form.values, by=by, now=now, if_revision_in=[obj.revision]
            )
        else:
            return obj
        if {"name", "site"} & form.values.keys():
            self.warn_of_twin(request, camera)
        return camera

    def _clone(self, form: Any, camera_id: UUID, by: Author, now: datetime) -> Camera:
        try:
            return actions.clone_camera(
                source_id=form.source.pk, values=form.values, by=by, now=now, camera_id=camera_id
            )
        except credentials.UnreadableCredential:
            fault = gettext("That of the original cannot be opened: type one.")
            raise InvalidIntent([FieldError("connection_string", fault)]) from None

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), **deletion_context(), "form": DeletionForm()}
        return super().delete_view(request, object_id, context)

    def delete_model(self, request: HttpRequest, obj: Camera) -> None:
        form = DeletionForm(request.POST)
        is_kept = not (form.is_valid() and form.cleaned_data["erase"])
        retired = actions.retire_cameras(
            camera_ids=[obj.pk], by=author_of(request, "admin"), now=now_of(request), is_kept=is_kept
        )
        done = format_html(gettext("“{}” deleted."), format_html("<bdi>{}</bdi>", obj.name))
        text = format_html("{} {}", done, what_is_left(count=1, is_erased=not is_kept))
        self.message_user(request, with_undo(text, retired) if is_kept else text, messages.SUCCESS)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:cameras_camera_changelist"))

    # --- Start and stop -----------------------------------------------------------------------------------

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
        camera = self.camera_for(request, camera_id)
        if not self.has_operate_permission(request, camera):
            raise PermissionDenied
        form = StopForm(request.POST)
        if not form.is_valid():
            self.message_user(request, " ".join(map(str, form.errors["reason"])), messages.ERROR)
        else:
            self.set_desired_state(request, [camera_id], DesiredState(wanted), form.cleaned_data["reason"])
        return HttpResponseRedirect(page)
