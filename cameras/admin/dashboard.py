"""The landing page of the admin: how the fleet is, and what needs somebody's attention."""

from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cameras.admin.camera_columns import ONLY_ON_THE_PAGE, STATUS_COLOURS, STATUS_LABELS, judge, reason_in_words
from cameras.admin.moments import age, now_of, pulse_of
from cameras.models import Camera
from cameras.status import FleetCondition, Status, fleet_condition

NEEDS_ATTENTION = (Status.OFFLINE, Status.ORPHANED, Status.STALE)
SHOWN_AT_MOST = 12
CONDITIONS = {
    FleetCondition.MASS_SILENCE: _(
        "Most of the fleet fell silent at once. Look for a cause that they share: network, power, the "
        "workers. No camera is called offline for it until it is over."
    ),
    FleetCondition.DEAF: _(
        "No ingest process runs, so nothing is heard from any worker. Start it; the cameras are judged as they "
        "were heard last."
    ),
}


def fleet_at_a_glance(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK: four queries, however many cameras there are."""
    if not request.user.has_perm("cameras.view_camera"):
        return context
    judged = Camera.objects.with_vitals().with_status(now_of(request), pulse_of(request))
    counts = dict(judged.order_by().values_list("derived_status").annotate(Count("pk")))
    url = reverse("admin:cameras_camera_changelist")
    statuses = [
        {
            "label": STATUS_LABELS[status],
            "count": f"{counts.get(status, 0):,}",
            "colour": STATUS_COLOURS[status],
            "url": f"{url}?status={status}",
        }
        for status in STATUS_LABELS
    ]
    attention = judged.filter(derived_status__in=NEEDS_ATTENTION).select_related("site")
    worst = list(attention.order_by("derived_status", "name", "pk").defer(*ONLY_ON_THE_PAGE)[:SHOWN_AT_MOST])
    for camera in worst:
        judge(camera, request)
    condition, condition_at = fleet_condition(pulse_of(request))
    return {
        **context,
        "condition": CONDITIONS.get(condition),
        "condition_for": age(condition_at, now_of(request)) if condition_at else "",
        "cameras_count": sum(counts.values()),
        "statuses": statuses,
        "attention_count": sum(counts.get(status, 0) for status in NEEDS_ATTENTION),
        "attention": [_line(camera) for camera in worst],
    }


def _line(camera: Any) -> dict[str, Any]:
    health = camera.health
    return {
        "name": camera.name,
        "url": reverse("admin:cameras_camera_change", args=[camera.pk]),
        "site": camera.site,
        "label": STATUS_LABELS[health.status.value],
        "colour": STATUS_COLOURS[health.status.value],
        "reason": reason_in_words(health),
        "duration": age(health.since, camera.asked_at) if health.since else "",
    }
