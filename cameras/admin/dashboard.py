"""The first page of the admin: how the fleet is, site by site, and what needs somebody's attention.

The same fragment is served alone, for the page to keep itself up to date.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.translation import gettext

from cameras.admin.attention import (
    LISTED_AT_MOST,
    MassSilence,
    address_of_site,
    condition_of_fleet,
    mass_silence,
    worst,
)
from cameras.admin.camera.columns import STATUS_COLOURS, STATUS_LABELS
from cameras.admin.camera.pages import CameraPages
from cameras.admin.moments import exact, interruptions_of, now_of
from cameras.admin.sparkline import sparkline
from cameras.models import Camera, Site
from cameras.panels import HOURS, Notice, last_day_of_cameras, last_day_of_sites, notices, open_incidents
from cameras.querysets import CameraQuerySet
from cameras.rules import parse_uuid
from cameras.status import IN_TROUBLE, Status
from cameras.tokens import tokens_for
from controlplane.access.admin.refresh import refreshed
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Role

SITES_AT_MOST = 40
SHOULD_RUN = (Status.PENDING, Status.HEALTHY, Status.STALE, Status.OFFLINE)
# As many as a page of the list shows.
DAYS_AT_MOST = 100


def fleet_at_a_glance(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK."""
    if not principal_of_user(request.user).has_perm("cameras.view_camera"):
        return context
    now = now_of(request)
    return {**context, **_fleet(request), "as_of": exact(now), "as_of_seconds": str(now.timestamp())}


class LivePages(CameraPages):
    """Endpoints from which pages load what changes."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("fleet/", wrap(self.fleet_view), name="cameras_camera_fleet"),
            path("last-day/", wrap(self.last_day_view), name="cameras_camera_last_day"),
            *super().get_urls(),
        ]

    def fleet_view(self, request: HttpRequest) -> HttpResponse:
        """The fragment of the first page; 304 if the page has it already."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return refreshed(request, "admin/cameras/fleet.html", _fleet(request), now_of(request))

    def last_day_view(self, request: HttpRequest) -> HttpResponse:
        """The last day of the cameras and sites that a page shows, in one request."""
        if not self.has_view_permission(request) or not self.may(request, "telemetry.view_sample"):
            raise PermissionDenied
        scope = principal_of_user(request.user).scope_for("telemetry.view_sample")
        days = [
            *_last_days("camera", request, Camera.objects.within(scope), last_day_of_cameras),
            *_last_days("site", request, Site.objects.within(scope), last_day_of_sites),
        ]
        return HttpResponse(render_to_string("admin/cameras/last_day.html", {"days": days}, request))


def _last_days(kind: str, request: HttpRequest, rows: Any, read: Any) -> Iterable[tuple[UUID, Any]]:
    ids = [parsed for text in request.GET.getlist(kind)[:DAYS_AT_MOST] if (parsed := parse_uuid(text))]
    seen = set(rows.filter(pk__in=ids).values_list("pk", flat=True)) if ids else ()
    ids = [row_id for row_id in ids if row_id in seen]
    known = read(ids, now_of(request)) if ids else {}
    return [(row_id, sparkline(known.get(row_id, [None] * HOURS))) for row_id in ids]


class _Group(NamedTuple):
    """The cameras of one site in one status, counted."""

    site_id: UUID | None
    status: str
    cameras: int
    occupancy: int | None
    known: int
    accepted: int | None


def _fleet(request: HttpRequest) -> dict[str, Any]:
    """A few queries, however many cameras and sites there are."""
    visible: CameraQuerySet = Camera.objects.visible_to(principal_of_user(request.user))
    judged = visible.with_vitals().with_status(now_of(request), interruptions_of(request))
    groups = _groups_of(judged)
    counts: dict[str, int] = defaultdict(int)
    for group in groups:
        counts[group.status] += group.cameras
    accepted = sum(group.accepted or 0 for group in groups)
    trouble = sum(counts.get(status, 0) for status in IN_TROUBLE)
    silence = mass_silence(judged, _running(groups), request)
    incidents = open_incidents(principal_of_user(request.user), now_of(request))
    return {
        "fleet_url": reverse("admin:cameras_camera_fleet"),
        "cameras_count": sum(counts.values()),
        "statuses": [_tile(status, counts.get(status, 0)) for status in STATUS_LABELS],
        "occupancy": sum(group.occupancy or 0 for group in groups),
        "known": sum(group.known for group in groups),
        "accepted": accepted,
        **_messages(silence, request),
        "sites": _sites(groups),
        "sites_count": len({group.site_id for group in groups}),
        "silence": silence,
        "incidents": [incident for known in incidents for incident in known.shown],
        "are_more_incidents": any(known.are_more for known in incidents),
        "attention": (attention := worst(judged, silence, incidents, request)),
        "attention_count": trouble,
        "attention_is_cut": len(attention) == LISTED_AT_MOST,
        "first_steps": [] if accepted else _first_steps(request, counts),
    }


def _groups_of(judged: CameraQuerySet) -> list[_Group]:
    healthy = Q(derived_status=Status.HEALTHY)
    rows = (
        judged.order_by()
        .values_list("site_id", "derived_status")
        .annotate(
            cameras=Count("pk"),
            occupancy=Sum("vitals__latest_occupancy", filter=healthy),
            known=Count("vitals__latest_occupancy", filter=healthy),
            accepted=Sum("vitals__accepted_count"),
        )
    )
    return [_Group(*row) for row in rows]


def _running(groups: list[_Group]) -> dict[UUID | None, int]:
    """How many cameras should run at each site."""
    running: dict[UUID | None, int] = defaultdict(int)
    for group in groups:
        if group.status in SHOULD_RUN:
            running[group.site_id] += group.cameras
    return running


def _messages(silence: MassSilence | None, request: HttpRequest) -> dict[str, list[Notice]]:
    """Messages about the service: `notices` ask for an action, `remarks` only inform.

    What is said of all that is stored is for who sees the whole fleet.
    """
    sees_all = principal_of_user(request.user).scope_for("cameras.view_camera").is_whole
    messages = [*condition_of_fleet(silence, request), *(notices(now_of(request)) if sees_all else ())]
    return {
        "notices": [message for message in messages if message.level != "info"],
        "remarks": [message for message in messages if message.level == "info"],
    }


def _tile(status: str, count: int) -> dict[str, Any]:
    return {
        "status": status,
        "label": STATUS_LABELS[status],
        "count": count,
        "colour": STATUS_COLOURS[status],
        "url": f"{reverse('admin:cameras_camera_changelist')}?status={status}",
    }


def _sites(groups: list[_Group]) -> list[dict[str, Any]]:
    """Those with most cameras in trouble first, then by their number of cameras."""
    by_site: dict[UUID | None, list[_Group]] = defaultdict(list)
    for group in groups:
        by_site[group.site_id].append(group)

    def trouble(site_id: UUID | None) -> int:
        return sum(group.cameras for group in by_site[site_id] if group.status in IN_TROUBLE)

    def total(site_id: UUID | None) -> int:
        return sum(group.cameras for group in by_site[site_id])

    shown = sorted(by_site, key=lambda site_id: (-trouble(site_id), -total(site_id), str(site_id)))[:SITES_AT_MOST]
    names = dict(Site.objects.filter(pk__in=[site_id for site_id in shown if site_id]).values_list("pk", "name"))
    return [
        {
            "id": site_id,
            "name": names.get(site_id, "") if site_id else gettext("Without a site"),
            "url": address_of_site(site_id),
            "cameras": total(site_id),
            "trouble": trouble(site_id),
            "bar": _bar(by_site[site_id], total(site_id)),
            "occupancy": sum(group.occupancy or 0 for group in by_site[site_id]),
            "known": sum(group.known for group in by_site[site_id]),
        }
        for site_id in shown
    ]


def _bar(groups: list[_Group], total: int) -> list[dict[str, Any]]:
    """The parts of a site's bar in per cent, in the order of the statuses."""
    order = list(STATUS_LABELS)
    parts, start = [], 0.0
    for group in sorted(groups, key=lambda group: order.index(group.status)):
        width = 100 * group.cameras / total
        label = f"{group.cameras:,} {STATUS_LABELS[group.status]}"
        parts.append({"status": group.status, "start": f"{start:.2f}", "width": f"{width:.2f}", "label": label})
        start += width
    return parts


def _first_steps(request: HttpRequest, counts: dict[str, int]) -> list[dict[str, Any]]:
    """What to do until the first sample has come, with links for those who may."""
    principal = principal_of_user(request.user)
    running = sum(count for status, count in counts.items() if status not in (Status.STOPPED, Status.STOPPING))
    steps = [
        (
            Site.objects.visible_to(principal).exists(),
            gettext("Make a site; it says in which time zone its days begin."),
            "cameras_site_add",
            "cameras.add_site",
        ),
        (
            bool(counts),
            gettext("Register a camera; it stays stopped until somebody starts it."),
            "cameras_camera_add",
            "cameras.add_camera",
        ),
        (
            tokens_for(principal, "access.view_apitoken").filter(role=Role.WORKER, revoked_at=None).exists(),
            gettext("Make a token for the workers, and give it to the one of this camera."),
            "access_apitoken_add",
            "access.add_apitoken",
        ),
        (
            bool(running),
            gettext("Start the camera from its page, or many from the list."),
            "cameras_camera_changelist",
            "cameras.operate_camera",
        ),
    ]
    return [
        {"done": done, "text": text, "url": reverse(f"admin:{page}") if principal.has_perm(needed) else ""}
        for done, text, page, needed in steps
    ]
