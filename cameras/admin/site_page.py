"""What the page of a site shows around its form: its clock, its cameras by status, its occupancy."""

from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, Q, Sum, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from cameras.admin.camera.columns import STATUS_COLOURS, STATUS_LABELS, judge, reason_in_words
from cameras.admin.moments import age, ago, exact, interruptions_of, now_of
from cameras.admin.windows.words import mark, mark_in_line, marks_of, until_url
from cameras.guards import OPERATE
from cameras.models import Camera, Site
from cameras.querysets import CameraQuerySet
from cameras.status import IN_TROUBLE, Status
from controlplane.access.memberships import principal_of_user
from controlplane.access.time_zones import own_zone

CAMERAS_AT_MOST = 50
COMPARE_DAYS = 7


def page_of_site(site: Site, request: HttpRequest) -> dict[str, Any]:
    """The context of the page, in a few queries however many cameras there are."""
    now = now_of(request)
    principal = principal_of_user(request.user)
    cameras: CameraQuerySet = (
        Camera.objects.visible_to(principal)
        .filter(site=site)
        .with_vitals()
        .with_status(now, interruptions_of(request))
    )
    list_url = f"{reverse('admin:cameras_camera_changelist')}?{urlencode({'site__id__exact': str(site.pk)})}"
    counts, occupancy, known = _counts(cameras)
    shown = _worst_first(cameras)
    judge(shown, request)
    mark(shown, now)
    zone = own_zone() or ZoneInfo(site.timezone)
    return {
        "as_of": exact(now),
        "site_time": f"{now.astimezone(ZoneInfo(site.timezone)):%A %H:%M}",
        "zone_name": site.timezone,
        "series_url": f"/sites/{site.pk}/occupancy",
        "compare_days": COMPARE_DAYS,
        "statuses": [
            {"status": status, "label": label, "count": counts[status], "url": f"{list_url}&status={status}"}
            for status, label in STATUS_LABELS.items()
            if status in counts
        ],
        "cameras_count": sum(counts.values()),
        "cameras_url": list_url,
        "occupancy": occupancy,
        "known": known,
        "cameras": [_line(camera, zone) for camera in shown],
        "may_operate": principal.scope_for(OPERATE).covers(None, site.pk),
        "stop_until_url": until_url("stop", site=site.pk),
        "mute_until_url": until_url("mute", site=site.pk),
    }


def _counts(cameras: CameraQuerySet) -> tuple[dict[str, int], int, int]:
    """How many cameras have each status; the occupancy of those that report, and how many of them are known."""
    healthy = Q(derived_status=Status.HEALTHY)
    groups = list(
        cameras.order_by()
        .values_list("derived_status")
        .annotate(
            cameras=Count("pk"),
            occupancy=Sum("vitals__latest_occupancy", filter=healthy),
            known=Count("vitals__latest_occupancy", filter=healthy),
        )
    )
    counts = {status: count for status, count, _, _ in groups}
    return counts, sum(seen or 0 for _, _, seen, _ in groups), sum(known for *_, known in groups)


def _worst_first(cameras: CameraQuerySet) -> list[Any]:
    in_trouble = Case(When(derived_status__in=IN_TROUBLE, then=Value(0)), default=Value(1))
    return list(cameras.without_long_values().order_by(in_trouble, "name", "pk")[:CAMERAS_AT_MOST])


def _line(camera: Any, zone: tzinfo) -> dict[str, Any]:
    health, now = camera.health, camera.asked_at
    vitals = getattr(camera, "vitals", None)
    return {
        "id": camera.pk,
        "name": camera.name,
        "location": camera.location,
        "url": reverse("admin:cameras_camera_change", args=[camera.pk]),
        "label": STATUS_LABELS[health.status.value],
        "colour": STATUS_COLOURS[health.status.value],
        "for": age(health.since, now) if health.since else "",
        "reason": "" if health.status == Status.HEALTHY else reason_in_words(camera),
        "windows": [mark_in_line(one) for one in marks_of(camera, now, zone)],
        "occupancy": vitals.latest_occupancy if vitals and health.status == Status.HEALTHY else None,
        "contact": ago(vitals.last_contact, now) if vitals and vitals.last_contact else "",
    }
