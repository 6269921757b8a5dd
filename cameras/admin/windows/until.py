"""Stop until later, mute until later: the page that says what will happen, for a camera, many, or a site."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from cameras.admin.moments import clock, now_of
from cameras.admin.windows.words import day_and_time, preview_context, shared_zone, zone_of_window
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from cameras.models import Camera, Site
from cameras.rules import parse_uuid
from cameras.windows import window_actions
from cameras.windows.intent import WindowValues, clean_window
from cameras.windows.models import MAX_CAMERAS, MAX_REASON, Window, WindowAction
from cameras.windows.preview import Touched, next_occurrences, touched_by
from cameras.windows.reach import Reach
from cameras.windows.until import Until, end_of
from controlplane.access.admin.filters_in_use import query_of_list
from controlplane.access.admin.moment_input import MomentInput
from controlplane.access.admin.pages import PlainAdmin
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.problems import FieldError

TITLES = {WindowAction.STOP: _("Stop until later"), WindowAction.MUTE: _("Mute until later")}


@dataclass(frozen=True, slots=True)
class Place:
    """What is stopped or muted: a site or some cameras; the zone of its times, and the page to go back to."""

    site: Site | None
    cameras: list[Camera]
    zone: ZoneInfo
    url: str

    @property
    def scope(self) -> dict[str, Any]:
        return {"site": str(self.site.pk)} if self.site else {"cameras": [str(row.pk) for row in self.cameras]}

    @property
    def reach(self) -> Reach:
        ids = [str(row.pk) for row in self.cameras]
        return Reach(is_everything=False, site_id=self.site.pk if self.site else None, camera_ids=ids)


class UntilForm(forms.Form):
    """`values` are those of the window that it asks for."""

    until = forms.ChoiceField(label=_("Until when"), initial=Until.HOUR, widget=forms.RadioSelect)
    moment = forms.CharField(label=_("Date and time"), required=False, widget=MomentInput)
    reason = forms.CharField(
        label=_("Why"),
        required=False,
        max_length=MAX_REASON,
        help_text=_("For the cameras' pages, the history and who takes over."),
        widget=UnfoldAdminTextInputWidget({"maxlength": MAX_REASON}),
    )

    values: WindowValues

    def __init__(self, data: Any, *, action: str, place: Place, now: datetime) -> None:
        super().__init__(data)
        self.action, self.place, self.now = action, place, now
        self.ends: dict[Until, datetime] = {
            each: end_of(each, now, place.zone) for each in Until if each != Until.MOMENT
        }
        until: Any = self.fields["until"]
        until.choices = [(each.value, self._label(each)) for each in Until]
        self.fields["moment"].help_text = gettext("In %(zone)s.") % {"zone": place.zone.key}
        # Whoever types one means it.
        self.fields["moment"].widget.attrs["x-on:input"] = "$el.form.elements.until.value = 'moment'"

    def _label(self, until: Until) -> str:
        end = self.ends.get(until)
        return f"{until.label}: {day_and_time(end)}" if end else str(until.label)

    def clean(self) -> dict[str, Any]:
        if self.errors:
            return self.cleaned_data
        given = self.cleaned_data
        until = Until(given["until"])
        if until == Until.MOMENT and not given["moment"]:
            self.add_error("moment", gettext("Say until when."))
            return given
        ends = self.ends[until].isoformat() if until in self.ends else given["moment"]
        asked = {"action": self.action, "ends": ends, "zone": self.place.zone.key, "reason": given["reason"]}
        try:
            self.values = clean_window(asked | self.place.scope, now=self.now)
        except InvalidIntent as error:
            self.refuse(error.errors)
        return given

    def refuse(self, errors: Iterable[FieldError]) -> None:
        shown_at = {"reason": "reason", "ends": "moment"}
        for error in errors:
            self.add_error(shown_at.get(error.field), error.detail)


def place_in(given: Mapping[str, str], request: HttpRequest) -> Place | None:
    """What a query or a form names by `site` or by `ids`, as far as the person sees it; None for nothing."""
    if site_id := parse_uuid(given.get("site", "")):
        site = Site.objects.visible_to(principal_of_user(request.user)).filter(pk=site_id).first()
        return place_of_site(site) if site else None
    ids = [parsed for text in given.get("ids", "").split(",") if (parsed := parse_uuid(text))]
    return place_of_cameras(request, ids) if len(ids) <= MAX_CAMERAS else None


def place_of_site(site: Site) -> Place:
    return Place(site, [], ZoneInfo(site.timezone), reverse("admin:cameras_site_change", args=[site.pk]))


def place_of_cameras(request: HttpRequest, ids: Collection[UUID]) -> Place | None:
    """Those of the cameras that the person sees; None where there are none."""
    visible = Camera.objects.visible_to(principal_of_user(request.user))
    rows = visible.select_related("site").without_long_values()
    cameras = list(rows.filter(pk__in=ids).order_by("name", "pk"))
    if not cameras:
        return None
    listed = reverse("admin:cameras_camera_changelist") + query_of_list(request)
    alone = reverse("admin:cameras_camera_change", args=[cameras[0].pk])
    return Place(None, cameras, ZoneInfo(shared_zone(cameras)), alone if len(cameras) == 1 else listed)


def page_of(request: HttpRequest, action: str, place: Place, form: UntilForm | None = None) -> HttpResponse:
    """The page that asks; it carries the ids that it named, so what is confirmed is what was shown."""
    principal, now = principal_of_user(request.user), now_of(request)
    touched = touched_by(place.reach, principal)
    form = form or UntilForm(None, action=action, place=place, now=now)
    context = {
        **admin.site.each_context(request),
        **preview_context(action, [], touched, place.zone),
        # Whose page it is: the title leads back there.
        "opts": (Site if place.site else Camera)._meta,
        "original": place.site or (place.cameras[0] if len(place.cameras) == 1 else None),
        "title": TITLES[WindowAction(action)],
        "action": action,
        "place": place,
        "ids": ",".join(str(row.pk) for row in place.cameras),
        "form": form,
        "filters": query_of_list(request) if len(place.cameras) > 1 else "",
        # A site is muted also before its first camera stands there.
        "does_something": touched.running_count or action == WindowAction.MUTE,
    }
    return TemplateResponse(request, "admin/windows/until.html", context)


def done_in_words(window: Window, touched: Touched, now: datetime) -> SafeString:
    """That it is done, with a link to the window; `touched` is what it was over just before."""
    when = clock(next_occurrences(window.schedule, now)[0].end, now, zone_of_window(window))
    if window.action == WindowAction.STOP:
        count = touched.running_count
        words = ngettext("%(count)d camera is stopped until", "%(count)d cameras are stopped until", count)
    else:
        count = touched.camera_count
        words = ngettext("%(count)d camera is muted until", "%(count)d cameras are muted until", count)
    url = reverse("admin:windows_window_change", args=[window.pk])
    link = format_html('<a class="cp-link" href="{}">{}</a>', url, gettext("The window"))
    return format_html("{} {}. {}", words % {"count": count}, when, link)


class UntilPages(PlainAdmin):
    """The page that asks, for whoever is sent to it."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.until_view)
        return [path("until/<str:action>/", view, name="windows_window_until"), *super().get_urls()]

    def until_view(self, request: HttpRequest, action: str) -> HttpResponse:
        """Asks until when a camera, many or a site are stopped or muted; with the form it is done."""
        if action not in WindowAction.values:
            raise Http404
        if not self.has_add_permission(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        place = place_in(given, request)
        if place is None:
            text = gettext("Nothing was done: choose the cameras again, at most %(count)d.") % {
                "count": MAX_CAMERAS
            }
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(reverse("admin:cameras_camera_changelist"))
        principal = principal_of_user(request.user)
        try:
            window_actions.require_reach(principal, place.reach)
        except OutOfScope as error:
            self.message_user(request, f"{error} {gettext('Nothing was done.')}", messages.ERROR)
            return HttpResponseRedirect(place.url)
        if request.method != "POST":
            return page_of(request, action, place)
        form = UntilForm(request.POST, action=action, place=place, now=now_of(request))
        if not form.is_valid():
            return page_of(request, action, place, form)
        touched = touched_by(place.reach, principal)
        try:
            window = window_actions.schedule_window(
                values=form.values, by=author_of(request, "admin"), now=now_of(request)
            )
        except InvalidIntent as error:
            form.refuse(error.errors)
            return page_of(request, action, place, form)
        self.message_user(request, done_in_words(window, touched, now_of(request)), messages.SUCCESS)
        return HttpResponseRedirect(place.url)
