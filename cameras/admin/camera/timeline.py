"""What stands under the chart of a camera: its status over a range of time, and the changes of its intent."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse

from cameras.admin.camera.columns import STATUS_LABELS
from cameras.admin.camera.pages import CameraPages
from cameras.admin.differences import what_changed
from cameras.admin.moments import now_of
from cameras.models import Change
from cameras.panels import status_spans
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal, in_words
from controlplane.time_ranges import read_range

CHANGES_AT_MOST = 100


class CameraTimeline(CameraPages):
    """The endpoint from which the chart's page loads both."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.timeline_view)
        return [path("<uuid:camera_id>/timeline/", view, name="cameras_camera_timeline"), *super().get_urls()]

    def timeline_view(self, request: HttpRequest, camera_id: UUID) -> HttpResponse:
        """Statuses and changes of a range, oldest first, as JSON. Raises Problem 400 for what is no range."""
        camera = self.camera_for(request, camera_id)
        if not self.may(request, "telemetry.view_sample", camera):
            raise PermissionDenied
        asked_from, asked_to = read_range(request.GET)
        now = now_of(request)
        start, end = max(asked_from or camera.created_at, camera.created_at), min(asked_to or now, now)
        spans = status_spans(camera.pk, start, end) if start < end else []
        history = reverse("admin:cameras_camera_history", args=[camera.pk])
        return JsonResponse(
            {
                "statuses": [
                    {
                        "start": span.start,
                        "end": span.end,
                        "status": span.status,
                        "label": str(STATUS_LABELS[span.status]),
                        "reason": span.reason,
                    }
                    for span in spans
                ],
                "changes": [
                    {
                        "at": change.at,
                        "what": what_changed(change),
                        "by": in_words(change.by),
                        "url": f"{history}?before={change.pk + 1}#change-{change.pk}",
                    }
                    for change in _changes(camera_id, start, end, principal_of_user(request.user))
                ],
            },
            headers={"Cache-Control": "no-store"},
        )


def _changes(camera_id: UUID, start: datetime, end: datetime, principal: Principal) -> list[Change]:
    """The newest changes of a range, oldest first, but for starts and stops: these show in the status."""
    changes = (
        Change.objects.visible_to(principal)
        .of_camera(camera_id)
        .filter(at__gte=start, at__lt=end)[:CHANGES_AT_MOST]
    )
    return [change for change in reversed(changes) if change.diff.keys() != {"desired_state"}]
