"""What every page about cameras needs: the row with its health, who may see it, and the frame with its tabs."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext

from cameras.admin.camera.columns import judge
from cameras.admin.editing import IntentAdmin
from cameras.guards import OPERATE, REVEAL
from cameras.look_alikes import sentence_about, twin_of
from cameras.models import Camera, DeletedCamera
from cameras.querysets import CameraQuerySet
from cameras.rules import parse_uuid
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope
from controlplane.problems import Link


class CameraPages(IntentAdmin):
    """The base of the pages of cameras; each group of pages adds its URLs to `get_urls`."""

    def visible_to(self, principal: Principal) -> CameraQuerySet:
        found: CameraQuerySet = Camera.objects.visible_to(principal)
        return found.with_vitals().with_reports().select_related("site")

    def covers(self, scope: Scope, row: Camera) -> bool:
        return scope.covers(row.pk, row.site_id)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Camera | None:
        camera = super().get_object(request, object_id, from_field)
        if camera:
            judge([camera], request)
        return camera

    def camera_for(self, request: HttpRequest, object_id: object) -> Camera:
        """The camera of a page, if the person may see it. Raises NothingHere and PermissionDenied."""
        camera = self.get_object(request, unquote(str(object_id)))
        if camera is None:
            raise self.nothing_at(request, str(object_id))
        if not self.has_view_permission(request, camera):
            raise PermissionDenied
        return camera

    def links_from_nothing(self, request: HttpRequest, object_id: str) -> list[Link]:
        links = super().links_from_nothing(request, object_id)
        camera_id = parse_uuid(unquote(object_id))
        if camera_id is None:
            return links
        if DeletedCamera.objects.visible_to(principal_of_user(request.user)).filter(pk=camera_id).exists():
            url = reverse("admin:cameras_deletedcamera_change", args=[camera_id])
            links.append(Link(gettext("The deleted camera, which can be restored"), url))
        if request.user.has_perm("cameras.view_change"):
            url = reverse("admin:cameras_change_changelist", query={"q": str(camera_id)})
            links.append(Link(gettext("Changes of this camera"), url))
        return links

    def warn_of_twin(self, request: HttpRequest, camera: Camera) -> None:
        """Say so where another camera of its site looks the same by name."""
        if twin := twin_of(camera, principal_of_user(request.user)):
            words = format_html(sentence_about(camera, twin), format_html("<bdi>{}</bdi>", twin.name))
            self.message_user(request, words, messages.WARNING)

    def page_of(self, request: HttpRequest, camera: Camera, template: str, **context: Any) -> HttpResponse:
        """A page under the camera's tabs."""
        frame = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": camera,
            "title": gettext("History"),
            "subtitle": camera.name,
            "media": self.media,
        }
        return TemplateResponse(request, template, frame | context)

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, OPERATE, obj)

    def has_reveal_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, REVEAL, obj)
