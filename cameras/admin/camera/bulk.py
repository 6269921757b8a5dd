"""One action for many cameras: a page says first what will happen, then it is one transaction.

The page that asks carries the ids that it named, so what is confirmed is what was shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from cameras import actions
from cameras.admin.camera.deletion import DeletionForm, deletion_context, what_is_left
from cameras.admin.camera.pages import CameraPages
from cameras.admin.camera.reason import StopForm
from cameras.admin.moments import now_of
from cameras.admin.row_select import RowSelect
from cameras.admin.undo import with_undo
from cameras.admin.windows import until
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from cameras.look_alikes import names_with_twins
from cameras.models import Camera, DesiredState, Site
from cameras.rules import parse_uuid
from cameras.windows.models import MAX_CAMERAS, WindowAction
from controlplane.access.admin.filters_in_use import query_of_list
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user

# One hidden field holds the ids, at 37 bytes each, and Django reads bodies up to 2.5 MB.
AT_MOST = 20_000
# Of each deleted camera everything is read and stored anew, in the bin.
DELETE_AT_MOST = 500
NAMED_AT_MOST = 12
VERBS = {"start": "operate", "stop": "operate", "move": "change", "delete": "delete"}


class SiteForm(forms.Form):
    """The site to move to, of those that the person may see; empty is no site."""

    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.none(),
        required=False,
        widget=RowSelect(Camera._meta.get_field("site"), admin.site),
        help_text=_("Leave it empty to take the cameras out of their sites."),
    )

    def __init__(self, data: Any, request: HttpRequest) -> None:
        super().__init__(data)
        sites = Site.objects.visible_to(principal_of_user(request.user))
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]


class BulkActions(CameraPages):
    """The actions of the list, and the page that asks."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.bulk_view)
        return [path("bulk/<str:verb>/", view, name="cameras_camera_bulk"), *super().get_urls()]

    @action(description=_("Start selected cameras…"), permissions=["operate"])
    def start_cameras(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._ask(request, "start", queryset)

    @action(description=_("Stop selected cameras…"), permissions=["operate"])
    def stop_cameras(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._ask(request, "stop", queryset)

    @action(description=_("Stop selected cameras until…"), permissions=["operate"])
    def stop_cameras_until(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._ask_until(request, WindowAction.STOP, queryset)

    @action(description=_("Mute selected cameras until…"), permissions=["operate"])
    def mute_cameras_until(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._ask_until(request, WindowAction.MUTE, queryset)

    @action(description=_("Move selected cameras to a site…"), permissions=["change"])
    def move_cameras(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._ask(request, "move", queryset)

    @action(description=_("Delete selected cameras…"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._ask(request, "delete", queryset)

    def _ask_until(self, request: HttpRequest, window: WindowAction, queryset: Any) -> HttpResponse | None:
        """The page of windows that asks; it does what is confirmed there."""
        ids = list(queryset.values_list("pk", flat=True)[: MAX_CAMERAS + 1])
        place = until.place_of_cameras(request, ids)
        if len(ids) > MAX_CAMERAS or place is None:
            self._say_too_many(request, MAX_CAMERAS)
            return None
        return until.page_of(request, window, place)

    def _say_too_many(self, request: HttpRequest, most: int) -> None:
        text = gettext("Choose at most %(count)d cameras at a time; nothing was done.") % {"count": most}
        self.message_user(request, text, messages.ERROR)

    # --- Asking -------------------------------------------------------------------------------------------

    def _ask(
        self, request: HttpRequest, verb: str, cameras: Any, form: forms.Form | None = None
    ) -> HttpResponse | None:
        most = DELETE_AT_MOST if verb == "delete" else AT_MOST
        rows = list(
            cameras.order_by("name", "pk").values_list("pk", "name", "site__name", "desired_state")[: most + 1]
        )
        if len(rows) > most:
            self._say_too_many(request, most)
            return None
        changing = [row for row in rows if _would_change(verb, row)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _TITLES[verb],
            "verb": verb,
            "count": len(rows),
            "changing": len(changing),
            "unchanged": len(rows) - len(changing),
            "named": [row[1:3] for row in changing[:NAMED_AT_MOST]],
            "more": max(0, len(changing) - NAMED_AT_MOST),
            "running": sum(row[3] == DesiredState.RUNNING for row in rows),
            "ids": ",".join(str(row[0]) for row in rows),
            "form": form or _form_of(verb, request),
            "filters": query_of_list(request),
            "list_url": _list_of(request),
            **deletion_context(),
            "media": self.media + (form or SiteForm(None, request)).media,
        }
        return TemplateResponse(request, "admin/cameras/bulk.html", context)

    # --- Doing --------------------------------------------------------------------------------------------

    def bulk_view(self, request: HttpRequest, verb: str) -> HttpResponse:
        """Does what was confirmed: a POST of the ids that the page listed."""
        if verb not in VERBS:
            raise Http404
        if not self.has_view_permission(request) or not getattr(self, f"has_{VERBS[verb]}_permission")(request):
            raise PermissionDenied
        the_list = HttpResponseRedirect(_list_of(request))
        ids = [parsed for text in request.POST.get("ids", "").split(",") if (parsed := parse_uuid(text))]
        if request.method != "POST" or not ids or len(ids) > (DELETE_AT_MOST if verb == "delete" else AT_MOST):
            self.message_user(request, gettext("Nothing was done: choose the cameras again."), messages.WARNING)
            return the_list
        form = _form_of(verb, request, request.POST)
        if form and not form.is_valid():
            return self._ask(request, verb, self.get_queryset(request).filter(pk__in=ids), form) or the_list
        try:
            self._do(request, verb, ids, form.cleaned_data if form else {})
        except OutOfScope as error:
            self.message_user(request, f"{error} {gettext('Nothing was done.')}", messages.ERROR)
        return the_list

    def _do(self, request: HttpRequest, verb: str, ids: Sequence[UUID], given: Mapping[str, Any]) -> None:
        if verb == "move":
            self._move(request, self.visible_ids(request, ids), given["site"])
        elif verb == "delete":
            self._delete(request, self.visible_ids(request, ids), is_kept=not given["erase"])
        else:
            self.set_desired_state(request, ids, _WANTED[verb], given.get("reason", ""))

    def _delete(self, request: HttpRequest, ids: Sequence[UUID], *, is_kept: bool) -> None:
        retired = actions.retire_cameras(
            camera_ids=ids, by=author_of(request, "admin"), now=now_of(request), is_kept=is_kept
        )
        done = ngettext("%(count)d camera deleted.", "%(count)d cameras deleted.", len(retired))
        text = f"{done % {'count': len(retired)}} {what_is_left(count=len(retired), is_erased=not is_kept)}"
        self.message_user(request, with_undo(text, retired) if is_kept else text, messages.SUCCESS)

    def _move(self, request: HttpRequest, ids: Sequence[UUID], site: Site | None) -> None:
        try:
            moved = actions.move_cameras(
                camera_ids=ids,
                site_id=site.pk if site else None,
                by=author_of(request, "admin"),
                now=now_of(request),
            )
        except InvalidIntent:
            self.message_user(request, gettext("The site is gone; nothing was moved."), messages.ERROR)
            return
        done = ngettext("%(count)d camera moved to", "%(count)d cameras moved to", len(moved))
        where = site.name if site else gettext("no site")
        text = format_html("{} <bdi>{}</bdi>.", done % {"count": len(moved)}, where)
        self.message_user(request, with_undo(text, moved), messages.SUCCESS if moved else messages.INFO)
        if twins := names_with_twins([camera.pk for camera in moved]):
            words = ngettext(
                "{} of them looks the same by name as another camera there: {}{}.",
                "{} of them look the same by name as other cameras there: {}{}.",
                len(twins),
            )
            names = format_html_join(", ", "<bdi>{}</bdi>", ((name,) for name in twins[:NAMED_AT_MOST]))
            more = ", …" if len(twins) > NAMED_AT_MOST else ""
            self.message_user(request, format_html(words, len(twins), names, more), messages.WARNING)

    def set_desired_state(
        self, request: HttpRequest, camera_ids: Sequence[UUID], wanted: DesiredState, reason: str = ""
    ) -> None:
        present = self.visible_ids(request, camera_ids)
        cameras = actions.set_desired_state(
            camera_ids=present,
            desired_state=wanted,
            by=author_of(request, "admin"),
            now=now_of(request),
            note=reason,
        )
        changed = len(cameras)
        same, gone = len(present) - changed, len(camera_ids) - len(present)
        if wanted == DesiredState.RUNNING:
            done = ngettext("%(count)d camera started.", "%(count)d cameras started.", changed)
            rest = ngettext("%(count)d was running already.", "%(count)d were running already.", same)
        else:
            done = ngettext("%(count)d camera stopped.", "%(count)d cameras stopped.", changed)
            rest = ngettext("%(count)d was stopped already.", "%(count)d were stopped already.", same)
        text = done % {"count": changed}
        if same:
            text += " " + rest % {"count": same}
        if gone:
            text += " " + ngettext("%(count)d is gone.", "%(count)d are gone.", gone) % {"count": gone}
        self.message_user(request, with_undo(text, cameras), messages.SUCCESS if changed else messages.INFO)


_WANTED = {"start": DesiredState.RUNNING, "stop": DesiredState.STOPPED}
_TITLES = {
    "start": _("Start cameras"),
    "stop": _("Stop cameras"),
    "move": _("Move cameras to a site"),
    "delete": _("Delete cameras"),
}


def _form_of(verb: str, request: HttpRequest, data: Any = None) -> forms.Form | None:
    if verb == "move":
        return SiteForm(data, request)
    return StopForm(data) if verb == "stop" else DeletionForm(data) if verb == "delete" else None


def _list_of(request: HttpRequest) -> str:
    """The list as it was filtered when the cameras were chosen: the page that asks hands its filters on."""
    return reverse("admin:cameras_camera_changelist") + query_of_list(request)


def _would_change(verb: str, row: tuple[Any, ...]) -> bool:
    return verb not in _WANTED or row[3] != _WANTED[verb]
