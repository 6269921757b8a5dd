"""Windows in the admin: their list, and their form with a plan before anything is stored."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.views import ChangeList

from cameras.admin.moments import now_of
from cameras.admin.windows.calendar import CalendarPages
from cameras.admin.windows.columns import StateFilter, TimedChangeList, WindowColumns
from cameras.admin.windows.ends import EndPages
from cameras.admin.windows.form import WindowForm
from cameras.admin.windows.until import UntilPages
from cameras.admin.windows.words import NAMED_AT_MOST, preview_context, rule_in_words
from cameras.guards import OPERATE
from cameras.windows import window_actions
from cameras.windows.intent import WindowValues
from cameras.windows.models import Window, WindowState
from cameras.windows.preview import next_occurrences, touched_by
from cameras.windows.querysets import VIEW, WindowQuerySet
from cameras.windows.state import state_of
from controlplane.access.admin.pages import audit_trail_of
from controlplane.access.admin.related_filter import RelatedFilter
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.time_zones import own_zone

CONFIRM, BACK = "_confirm", "_back"
# Only these differ: what lasts goes on.
GOES_ON = {"ends", "reason"}


@admin.register(Window)
class WindowAdmin(WindowColumns, EndPages, UntilPages, CalendarPages):
    form = WindowForm
    list_display = ("over", "what", "state", "when", "repeats", "reason", "who")
    list_filter = (("action", ChoicesDropdownFilter), ("site", RelatedFilter), StateFilter)
    list_filter_submit = True
    search_fields = ("reason",)
    search_help_text = _("Reason")
    ordering = ("-created_at", "pk")
    actions = ("delete_selected",)
    change_form_outer_before_template = "admin/windows/present.html"
    fieldsets = (
        (None, {"fields": ("seen", "action", "over", "cameras", "site", "reason")}),
        (_("When"), {"fields": ("starts", "ends", "zone", "repeats", "last_day", "rule")}),
    )
    fieldsets_to_view = ((None, {"fields": ("over", "what", "times", "repeats", "reason")}),)
    conditional_fields = {
        "cameras": "over == 'cameras'",
        "site": "over == 'site'",
        "last_day": "repeats && repeats != 'once' && repeats != 'own'",
        "rule": "repeats == 'own'",
    }

    # --- Who, and what ------------------------------------------------------------------------------------

    def visible_to(self, principal: Principal) -> WindowQuerySet:
        visible: WindowQuerySet = Window.objects.visible_to(principal)
        return visible.with_names(principal, NAMED_AT_MOST)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_present(now_of(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, OPERATE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may start and stop all that it is over, as by the API."""
        may = self.may(request, OPERATE)
        return may and (obj is None or window_actions.may_change(principal_of_user(request.user), obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return audit_trail_of(request, object_id)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TimedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        window = super().get_object(request, object_id, from_field)
        if window:
            window.asked_at = now_of(request)
        return window

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        is_read = obj and not self.has_change_permission(request, obj)
        return self.fieldsets_to_view if is_read else self.fieldsets

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        # What follows is the plan, so there is one way on.
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        window = kwargs.get("obj")
        if window:
            context |= self.present_context(request, window)
        return super().render_change_form(request, context, *args, **kwargs)

    # --- The form, and the plan before anything is stored -------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # No inputs from the columns of the model: the form declares them.
        form = super().get_form(request, obj, change, **{**kwargs, "fields": ()})
        by, now = author_of(request, "admin"), now_of(request)

        def write(_form: WindowForm, values: WindowValues) -> Window:
            if obj is None:
                return window_actions.schedule_window(values=values, by=by, now=now)
            try:
                return window_actions.edit_window(window_id=obj.pk, values=values, by=by, now=now)
            except Window.DoesNotExist:  # since the form was read
                raise self.nothing_at(request, str(obj.pk)) from None

        form.write, form.now, form.principal = write, now, principal_of_user(request.user)
        form.is_confirmed, form.is_shown_again = CONFIRM in request.POST, BACK in request.POST
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As Django's; what a valid form would do is shown first, and stored once it is confirmed."""
        if request.method == "POST" and not {CONFIRM, BACK} & request.POST.keys():
            plan = self._plan(request, object_id)
            if plan:
                return plan
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _plan(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """The page of what the form would do; None where it is not valid, or not theirs to send."""
        window = self.get_object(request, unquote(object_id)) if object_id else None
        if object_id and not (window and self.has_change_permission(request, window)):
            return None
        if not object_id and not self.has_add_permission(request):
            return None
        form = self.get_form(request, window, change=bool(window))(request.POST, instance=window)
        if not form.is_valid():
            return None
        values, now = form.values, now_of(request)
        zone = own_zone() or values.schedule.zone
        spans = next_occurrences(values.schedule, now)
        touched = touched_by(values.reach, principal_of_user(request.user))
        context = {
            **self.admin_site.each_context(request),
            **preview_context(values.action, spans, touched, zone),
            "opts": self.opts,
            "original": window,
            "title": gettext("Window: what it will do"),
            "values": values,
            "repeats": rule_in_words(values.rule),
            "zone_name": zone.key,
            "begins_again": _lasts(window, now) and not set(form.changed_data) <= GOES_ON,
            "inputs": [(name, value) for name in form.fields for value in request.POST.getlist(name)],
        }
        return TemplateResponse(request, "admin/windows/plan.html", context)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing to save: the action has stored the row, which Django goes on with."""
        obj.pk, obj.action, obj.reason = form.stored.pk, form.stored.action, form.stored.reason

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The action has written everything."""

    def delete_model(self, request: HttpRequest, obj: Window) -> None:
        try:
            window_actions.delete_window(window_id=obj.pk, by=author_of(request, "admin"), now=now_of(request))
        except Window.DoesNotExist:
            pass  # somebody else has removed it since the page was read

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for window in queryset:
            self.delete_model(request, window)


def _lasts(window: Window | None, now: datetime) -> bool:
    return window is not None and state_of(window, now).name == WindowState.LASTS
