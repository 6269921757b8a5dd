"""The history of one camera: each change with author, time, `via` and difference; and its revert."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext

from cameras.actions import StaleRevision
from cameras.admin.camera.pages import CameraPages
from cameras.admin.differences import label_of, site_names, table_of, value_of
from cameras.admin.moments import ago, clock, exact, now_of, zone_of
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from cameras.models import Camera, Change, ChangeKind
from cameras.reverts import RevertedField, RevertEffect, can_revert, plan_revert, revert
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal, in_words

PAGE = 25
KIND_COLOURS = {
    ChangeKind.CREATED.value: "success",
    ChangeKind.UPDATED.value: "info",
    ChangeKind.DELETED.value: "danger",
}
# The largest number that the database takes.
MAX_REVISION = 2**63 - 1


def entry_of(change: Change, sites: dict[UUID, str], camera: Camera, request: HttpRequest) -> dict[str, Any]:
    """One change as the page of its camera shows it, in the time zone of the camera's site."""
    return {
        "change": change,
        "colour": KIND_COLOURS[change.kind],
        "at": exact(change.at, zone_of(camera)),
        "ago": ago(change.at, now_of(request)),
        "difference": table_of(change.diff, sites) if change.kind == ChangeKind.UPDATED else "",
        "may_revert": can_revert(change),
    }


class CameraHistory(CameraPages):
    """The pages of a camera's history."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.revert_view)
        address = path("<uuid:camera_id>/revert/<int:revision>/", view, name="cameras_camera_revert")
        return [address, *super().get_urls()]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Newest first, in pages that begin before a revision."""
        camera = self.camera_for(request, object_id)
        before = request.GET.get("before", "")
        principal = principal_of_user(request.user)
        changes = Change.objects.visible_to(principal).of_camera(
            camera.pk, before=int(before) if before.isdecimal() and int(before) <= MAX_REVISION else None
        )
        page = list(changes[: PAGE + 1])
        sites = site_names((change.diff for change in page), principal)
        return self.page_of(
            request,
            camera,
            "admin/cameras/camera/history.html",
            tab="history",
            entries=[entry_of(change, sites, camera, request) for change in page[:PAGE]],
            older=page[PAGE - 1].revision if len(page) > PAGE else None,
            is_first_page=not before,
            may_revert=self.has_change_permission(request, camera),
            zone=zone_of(camera).key,
        )

    def revert_view(self, request: HttpRequest, camera_id: UUID, revision: int) -> HttpResponse:
        """GET shows what a revert would do; POST reverts, unless the camera has changed meanwhile."""
        camera = self.camera_for(request, camera_id)
        if not self.has_change_permission(request, camera):
            raise PermissionDenied
        if revision > MAX_REVISION:
            raise Http404
        principal = principal_of_user(request.user)
        change = Change.objects.visible_to(principal).filter(camera_id=camera.pk, revision=revision).first()
        if change is None or not can_revert(change):
            raise Http404
        if request.method == "POST":
            answer = self._revert(request, camera, change)
            if answer:
                return answer
            camera = self.camera_for(request, camera_id)
        fields = plan_revert(change, camera)
        sites = site_names(
            ({field.name: {"before": field.before, "present": field.present}} for field in fields), principal
        )
        return self.page_of(
            request,
            camera,
            "admin/cameras/camera/revert.html",
            tab="history",
            title=gettext("Revert change %(revision)d") % {"revision": revision},
            entry=entry_of(change, sites, camera, request),
            fields=[_row_of(field, sites) for field in fields],
            can_be_reverted=any(
                field.effect in (RevertEffect.RESTORED, RevertEffect.CHANGED_SINCE) for field in fields
            ),
            later=[(later, exact(later.at, zone_of(camera))) for later in _later(change, fields, principal)],
            zone=zone_of(camera).key,
        )

    def _revert(self, request: HttpRequest, camera: Camera, change: Change) -> HttpResponse | None:
        fields = [name for name in request.POST.getlist("field") if name in change.diff]
        seen = request.POST.get("seen_revision", "")
        if not fields:
            self.message_user(request, gettext("Choose at least one field to revert."), messages.WARNING)
            return None
        try:
            reverted = revert(
                change=change,
                fields=fields,
                seen_revision=int(seen) if seen.isdecimal() else -1,
                by=author_of(request, "admin"),
                now=now_of(request),
            )
        except StaleRevision:
            last = Change.objects.visible_to(principal_of_user(request.user)).of_camera(camera.pk)[0]
            when = clock(last.at, now_of(request), zone_of(camera))
            text = gettext("%(who)s changed the camera at %(when)s; nothing was reverted. Check the fields again.")
            self.message_user(request, text % {"who": in_words(last.by), "when": when}, messages.ERROR)
            return None
        except Camera.DoesNotExist:
            raise Http404 from None
        except (InvalidIntent, OutOfScope) as error:
            faults = "; ".join(f"{label_of(fault.field)}: {fault.detail}" for fault in error.errors)
            text = gettext("The earlier value is not valid any more: %(faults)s") % {"faults": faults}
            self.message_user(request, text, messages.ERROR)
            return None
        text = gettext("“{}” has its values from before change {} again: {}.")
        names = ", ".join(map(label_of, fields))
        message = format_html(text, format_html("<bdi>{}</bdi>", camera.name), change.revision, names)
        self.message_user(request, message, messages.SUCCESS)
        if {"name", "site"} & set(fields):
            self.warn_of_twin(request, reverted)
        return HttpResponseRedirect(reverse("admin:cameras_camera_history", args=[camera.pk]))


def _row_of(field: RevertedField, sites: dict[UUID, str]) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": label_of(field.name),
        "effect": field.effect.value,
        "present": value_of(field.name, field.present, sites),
        "before": value_of(field.name, field.before, sites),
        "after": value_of(field.name, field.after, sites),
    }


def _later(change: Change, fields: list[RevertedField], principal: Principal) -> list[Change]:
    """Up to five later changes of the fields that were changed again since, newest first."""
    names = {field.name for field in fields if field.effect == RevertEffect.CHANGED_SINCE}
    if not names:
        return []
    since = Change.objects.visible_to(principal).of_camera(change.camera_id, after=change.revision)
    return [later for later in since[:200] if later.diff.keys() & names][:5]
