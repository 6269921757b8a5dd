"""Deleted cameras in the admin: what is in the bin, restoring it, and erasing it before its time."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from cameras import restores
from cameras.admin.differences import label_of, value_of
from cameras.admin.moments import exact, now_of
from cameras.admin.undo import with_undo
from cameras.admin.zones.picture import zone_picture
from cameras.guards import DELETE, OutOfScope
from cameras.look_alikes import warnings_about
from cameras.models import DeletedCamera
from cameras.querysets import DeletedCameraQuerySet
from cameras.recycle_bin import restorable_until
from cameras.rules import parse_uuid
from controlplane.access.admin.pages import DELETE_AT_MOST, ReadOnlyAdmin
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal, in_words

NAMED_AT_MOST = 12


@admin.register(DeletedCamera)
class DeletedCameraAdmin(ReadOnlyAdmin):
    list_display = ("named", "site_name", "deleted", "who", "until")
    search_fields = ("name", "address", "site_name")
    search_help_text = _("Name, address or site")
    ordering = ("-deleted_at",)
    actions = ("restore_cameras", "erase_cameras")
    change_form_outer_before_template = "admin/cameras/deleted_buttons.html"
    fieldsets = (
        (None, {"fields": ("name", "id", "site_name", "redacted_connection", "deleted", "who", "until")}),
        (_("As it will be again"), {"fields": ("decided", "zones")}),
    )

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("restore/", wrap(self.restore_view), name="cameras_deletedcamera_restore"),
            path("erase/", wrap(self.erase_view), name="cameras_deletedcamera_erase"),
            *super().get_urls(),
        ]

    def visible_to(self, principal: Principal) -> DeletedCameraQuerySet:
        return DeletedCamera.objects.visible_to(principal)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may delete cameras may see what was deleted."""
        return self.may(request, DELETE)

    def has_restore_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    # --- What is shown ------------------------------------------------------------------------------------

    @display(description=_("camera"), ordering="name")
    def named(self, row: DeletedCamera) -> SafeString:
        return format_html('<bdi>{}</bdi><span class="cp-under">{}</span>', row.name, row.address)

    @display(description=_("deleted"), ordering="deleted_at")
    def deleted(self, row: DeletedCamera) -> str:
        return exact(row.deleted_at)

    @display(description=_("by"))
    def who(self, row: DeletedCamera) -> str:
        return in_words(row.deleted_by)

    @display(description=_("can be restored until"))
    def until(self, row: DeletedCamera) -> str:
        return exact(restorable_until(row))

    @display(description=_("settings"))
    def decided(self, row: DeletedCamera) -> SafeString:
        shown = ((name, value) for name, value in row.configuration.items() if name != "zone_config")
        return format_html(
            '<dl class="cp-facts">{}</dl>',
            format_html_join(
                "",
                "<div><dt>{}</dt><dd>{}</dd></div>",
                ((label_of(name), value_of(name, value, {})) for name, value in shown),
            ),
        )

    @display(description=_("zones"))
    def zones(self, row: DeletedCamera) -> SafeString:
        return zone_picture(row.configuration["zone_config"])

    # --- Restoring ----------------------------------------------------------------------------------------

    @action(description=_("Restore selected cameras"), permissions=["restore"])
    def restore_cameras(self, request: HttpRequest, queryset: Any) -> None:
        self._restore(request, list(queryset.values_list("pk", flat=True)[: DELETE_AT_MOST + 1]))

    def restore_view(self, request: HttpRequest) -> HttpResponse:
        """A POST restores the cameras whose ids it holds; a single one is shown then."""
        ids = self._ids(request)
        restored = self._restore(request, ids) if ids else []
        if len(restored) == 1:
            for words in warnings_about(restored[0].camera, principal_of_user(request.user)):
                self.message_user(request, words, messages.WARNING)
            return HttpResponseRedirect(reverse("admin:cameras_camera_change", args=[restored[0].camera.pk]))
        return self._list()

    def _restore(self, request: HttpRequest, ids: Collection[UUID]) -> list[restores.Restored]:
        if self._are_too_many(request, ids):
            return []
        try:
            restored = restores.restore_cameras(
                camera_ids=self.visible_ids(request, ids), by=author_of(request, "admin"), now=now_of(request)
            )
        except OutOfScope as error:
            self.message_user(request, f"{error} {gettext('Nothing was restored.')}", messages.ERROR)
            return []
        if restored:
            done = ngettext("%(count)d camera restored.", "%(count)d cameras restored.", len(restored))
            text = with_undo(done % {"count": len(restored)}, [one.camera for one in restored])
            self.message_user(request, text, messages.SUCCESS)
        for name in sorted({one.lost_site for one in restored if one.lost_site}):
            text = gettext("The site “{}” is gone: what stood there is at no site now.")
            self.message_user(request, format_html(text, format_html("<bdi>{}</bdi>", name)), messages.WARNING)
        if len(restored) < len(ids):
            lost = ngettext(
                "%(count)d camera is not in the bin any more: it was restored or erased meanwhile.",
                "%(count)d cameras are not in the bin any more: they were restored or erased meanwhile.",
                len(ids) - len(restored),
            )
            self.message_user(request, lost % {"count": len(ids) - len(restored)}, messages.WARNING)
        return restored

    # --- Erasing ------------------------------------------------------------------------------------------

    @action(description=_("Erase selected cameras now…"), permissions=["restore"])
    def erase_cameras(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._ask(request, list(queryset[: DELETE_AT_MOST + 1]))

    def erase_view(self, request: HttpRequest) -> HttpResponse:
        """A POST asks first, and with `confirmed` erases the cameras whose ids it holds."""
        ids = self._ids(request)
        if ids and "confirmed" not in request.POST:
            return self._ask(request, list(self.get_queryset(request).filter(pk__in=ids))) or self._list()
        if ids and not self._are_too_many(request, ids):
            try:
                erased = restores.erase_cameras(
                    camera_ids=self.visible_ids(request, ids), by=author_of(request, "admin"), now=now_of(request)
                )
            except OutOfScope as error:
                self.message_user(request, f"{error} {gettext('Nothing was erased.')}", messages.ERROR)
            else:
                done = ngettext("%(count)d camera erased for good.", "%(count)d cameras erased for good.", erased)
                self.message_user(request, done % {"count": erased}, messages.SUCCESS)
        return self._list()

    def _ask(self, request: HttpRequest, rows: Collection[DeletedCamera]) -> HttpResponse | None:
        if not rows or self._are_too_many(request, rows):
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Erase deleted cameras"),
            "count": len(rows),
            "named": [(row.name, row.site_name) for row in rows][:NAMED_AT_MOST],
            "more": max(0, len(rows) - NAMED_AT_MOST),
            "ids": ",".join(str(row.pk) for row in rows),
        }
        return TemplateResponse(request, "admin/cameras/deleted_erase.html", context)

    # --- What both take -----------------------------------------------------------------------------------

    def _ids(self, request: HttpRequest) -> list[UUID]:
        if not self.has_restore_permission(request):
            raise PermissionDenied
        given = request.POST.get("ids", "").split(",")
        return [parsed for text in given if (parsed := parse_uuid(text))]

    def _are_too_many(self, request: HttpRequest, chosen: Collection[Any]) -> bool:
        if len(chosen) > DELETE_AT_MOST:
            text = gettext("Choose at most %(count)d cameras at a time; nothing was done.")
            self.message_user(request, text % {"count": DELETE_AT_MOST}, messages.ERROR)
        return len(chosen) > DELETE_AT_MOST

    def _list(self) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:cameras_deletedcamera_changelist"))
