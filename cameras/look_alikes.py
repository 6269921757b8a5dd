"""Cameras that people cannot tell apart by name: what whoever saves one is shown of it.

Such names are taken: a camera is known by its id, and two "Door" at one site may be meant so.
"""

from collections.abc import Collection
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from cameras.models import Camera
from controlplane.access.principals import Principal

_SAME = {
    True: _("Another camera of this site is called “{}” too."),
    False: _("Another camera without a site is called “{}” too."),
}
_ALIKE = {
    True: _("Another camera of this site has a name that looks the same: “{}”."),
    False: _("Another camera without a site has a name that looks the same: “{}”."),
}


def twin_of(camera: Camera, principal: Principal) -> Camera | None:
    """Another camera of the same site (or without one) whose name looks the same, if the principal may see it."""
    twins = Camera.objects.visible_to(principal).twins_of(camera)
    found: Camera | None = twins.only("pk", "name").order_by("created_at", "pk").first()
    return found


def sentence_about(camera: Camera, twin: Camera) -> str:
    """What to tell whoever saved the camera, with `{}` in the place of the twin's name."""
    return str((_SAME if twin.name == camera.name else _ALIKE)[camera.site_id is not None])


def warnings_about(camera: Camera, principal: Principal) -> list[str]:
    """The same for a program, with the twin's id; empty where there is no twin."""
    twin = twin_of(camera, principal)
    return [f"{sentence_about(camera, twin).format(twin.name)} Its id is {twin.pk}."] if twin else []


def names_with_twins(camera_ids: Collection[UUID]) -> list[str]:
    """The names of those of the cameras that have a twin at their site."""
    cameras = Camera.objects.filter(pk__in=camera_ids).with_twins()
    return list(cameras.order_by("name", "pk").values_list("name", flat=True))
