"""Windows from a calendar file, with a plan before anything is stored; and their calendar to save."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from cameras.admin.moments import now_of
from cameras.admin.windows.over import OverForm
from cameras.admin.windows.words import preview_context, rule_in_words, span_in_words
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from cameras.windows import window_actions
from cameras.windows.calendars import Read, calendar_of, windows_in
from cameras.windows.ical import MAX_BYTES
from cameras.windows.intent import WindowValues
from cameras.windows.preview import next_occurrences, touched_by
from controlplane.access.admin.pages import PlainAdmin
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.time_zones import own_zone


class CalendarForm(OverForm):
    """A file, or the text of one whose plan was shown; `read` are the windows of a valid form."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        help_text=_("An .ics file: each of its events becomes a window. At most 100 events, and 256 KiB."),
        widget=UnfoldAdminFileFieldWidget({"accept": ".ics,text/calendar"}),
    )
    calendar = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    read: Read

    def __init__(self, *args: Any, principal: Principal, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal, self.now = principal, now
        self.offer_what_they_may()
        self.fields["over"].widget.attrs["x-model"] = "over"

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.errors:
            return given
        try:
            given["calendar"] = given["calendar"] or self._text_of_file()
            asked = {"action": given["action"], **self.scope()}
            self.read = windows_in(given["calendar"], asked, now=self.now, zone=self.zone_of_place())
            window_actions.require_reach(self.principal, self.read.values[0].reach)
        except (InvalidIntent, OutOfScope) as error:
            for fault in error.errors:
                at_scope = fault.field in ("site", "cameras", "everything")
                self.add_error(given["over"] if given["over"] in self.fields and at_scope else None, fault.detail)
        except forms.ValidationError as error:
            self.add_error("file", error)
        return given

    def _text_of_file(self) -> str:
        file = self.cleaned_data["file"]
        if file is None:
            raise forms.ValidationError(_("Choose a file."))
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 256 KiB."))
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError(_("The file is not UTF-8.")) from None


class CalendarPages(PlainAdmin):
    """Two links above the list."""

    actions_list = ("import_calendar", "export_calendar")

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @action(description=_("Import"), url_path="import", permissions=["import"], icon="upload")
    def import_calendar(self, request: HttpRequest) -> HttpResponse:
        """A form; with a file its plan; with its text, confirmed, the windows."""
        now, principal = now_of(request), principal_of_user(request.user)
        if request.method != "POST":
            return self._calendar_form(request, CalendarForm(principal=principal, now=now))
        form = CalendarForm(request.POST, request.FILES, principal=principal, now=now)
        if not form.is_valid():
            return self._calendar_form(request, form)
        if "_confirm" not in request.POST:
            return self._calendar_plan(request, form)
        try:
            made = window_actions.schedule_windows(
                values=form.read.values, by=author_of(request, "admin"), now=now
            )
        except InvalidIntent as error:
            form.add_error(None, " ".join(fault.detail for fault in error.errors))
            return self._calendar_form(request, form)
        words = ngettext("%(count)d window scheduled.", "%(count)d windows scheduled.", len(made))
        self.message_user(request, words % {"count": len(made)}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:windows_window_changelist"))

    def _calendar_form(self, request: HttpRequest, form: CalendarForm) -> HttpResponse:
        title = gettext("Windows from a calendar")
        context = {"title": title, "form": form, "media": self.media + form.media}
        return self._page(request, "calendar", context)

    def _calendar_plan(self, request: HttpRequest, form: CalendarForm) -> HttpResponse:
        values, now = form.read.values, now_of(request)
        zone = own_zone() or values[0].schedule.zone
        touched = touched_by(values[0].reach, form.principal)
        context = {
            **preview_context(values[0].action, [], touched, zone),
            "title": gettext("Windows from a calendar: the plan"),
            "events": [_event(each, now) for each in values],
            "over_count": form.read.over,
            "inputs": [
                (name, value)
                for name in ("action", "over", "site", "cameras")
                for value in request.POST.getlist(name)
            ],
            "calendar": form.cleaned_data["calendar"],
        }
        return self._page(request, "calendar_plan", context)

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"admin/windows/{name}.html", frame | context)

    @action(description=_("Export"), url_path="export", permissions=["export"], icon="download")
    def export_calendar(self, request: HttpRequest) -> HttpResponse:
        """The windows that are not over, as a file of iCalendar."""
        text = calendar_of(principal_of_user(request.user), now_of(request))
        answer = HttpResponse(text, content_type="text/calendar; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="windows.ics"'
        return answer


def _event(values: WindowValues, now: datetime) -> dict[str, str]:
    zone = own_zone() or values.schedule.zone
    return {
        "why": values.reason,
        "when": span_in_words(next_occurrences(values.schedule, now)[0], zone),
        "repeats": rule_in_words(values.rule),
    }
