"""How a camera is reached, in the admin: revealing its connection string, replacing the device, cloning it."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cameras import actions, credentials
from cameras.admin.camera.pages import CameraPages
from cameras.admin.camera.reason import ReasonField
from cameras.admin.moments import now_of
from cameras.intent import InvalidIntent, clean_camera
from cameras.models import Camera
from cameras.rules import parse_uuid
from controlplane.access.admin.secret_input import SecretInput
from controlplane.access.authentication import author_of
from controlplane.compression import kept_plain


class ReplacementForm(forms.Form):
    """Another device in the place of the old one."""

    connection_string = forms.CharField(
        label=_("Connection string of the new device"),
        strip=False,
        widget=SecretInput,
        help_text=_("rtsp://user:password@host:port/path. It is kept encrypted and not shown again."),
    )
    reason = ReasonField(help_text=_("For the history, e.g. the serial number or what had happened."))

    def clean_connection_string(self) -> Any:
        sent = {"connection_string": self.cleaned_data["connection_string"]}
        try:
            return clean_camera(sent, stored_redacted="")["connection_string"]
        except InvalidIntent as error:
            raise forms.ValidationError([fault.detail for fault in error.errors]) from None


class CameraHardware(CameraPages):
    """The pages about the device itself."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:camera_id>/reveal/", wrap(self.reveal_view), name="cameras_camera_reveal"),
            path("<uuid:camera_id>/replace/", wrap(self.replace_view), name="cameras_camera_replace"),
            *super().get_urls(),
        ]

    def reveal_view(self, request: HttpRequest, camera_id: UUID) -> HttpResponse:
        """The connection string in clear, as JSON; each reading is audited."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        camera = self.camera_for(request, camera_id)
        if not self.has_reveal_permission(request, camera):
            raise PermissionDenied
        try:
            with transaction.atomic():
                text = actions.reveal_connection_string(
                    camera=camera, by=author_of(request, "admin"), now=now_of(request)
                )
        except credentials.UnreadableCredential:
            detail = gettext("No key of FIELD_ENCRYPTION_KEYS opens it: put the old key back, or replace it.")
            return JsonResponse({"detail": detail}, status=409)
        return kept_plain(JsonResponse({"connection_string": text}))

    def replace_view(self, request: HttpRequest, camera_id: UUID) -> HttpResponse:
        camera = self.camera_for(request, camera_id)
        if not self.has_change_permission(request, camera):
            raise PermissionDenied
        form = ReplacementForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                replaced = actions.replace_hardware(
                    camera_id=camera.pk,
                    connection_string=form.cleaned_data["connection_string"],
                    reason=form.cleaned_data["reason"],
                    by=author_of(request, "admin"),
                    now=now_of(request),
                )
            except Camera.DoesNotExist:
                raise Http404 from None
            if replaced.updated_at == now_of(request):  # else nothing differed, and no reason was logged
                text = format_html(
                    gettext("“{}” has other hardware now; its history and samples stay."),
                    format_html("<bdi>{}</bdi>", camera.name),
                )
                self.message_user(request, text, messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:cameras_camera_change", args=[camera.pk]))
            form.add_error("connection_string", gettext("It has this one already; nothing was changed."))
        if form.is_bound:  # what was typed is a secret: it is not sent back
            form.data = {"connection_string": "", "reason": request.POST.get("reason", "")}
        title = gettext("Replace the hardware")
        return self.page_of(
            request, camera, "admin/cameras/camera/replace.html", tab="settings", title=title, form=form
        )

    def clone_source(self, request: HttpRequest) -> Camera | None:
        """The camera that the form for a new one was opened from, if the person may see it."""
        source_id = parse_uuid(request.POST.get("clone_of") or request.GET.get("clone_of") or "")
        found: Camera | None = self.get_queryset(request).filter(pk=source_id).first() if source_id else None
        return found
