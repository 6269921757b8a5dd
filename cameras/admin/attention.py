"""What needs somebody's attention on the first page: cameras, the worst first; in a mass silence its sites.

The cameras of a mass silence are no list of offline ones: they have one cause, and are counted by site.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Min, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cameras.admin.camera.columns import STATUS_COLOURS, STATUS_LABELS, judge, reason_in_words
from cameras.admin.moments import age, clock, interruptions_of, now_of
from cameras.models import Site
from cameras.panels import Notice, OpenIncidents
from cameras.querysets import CameraQuerySet
from cameras.status import FleetCondition, Status, fleet_condition

INGEST_OUTAGE = _(
    "No ingest process runs, so no worker can report. Start it; until then each camera keeps the status "
    "that it had."
)
LISTED_AT_MOST = 12


class SilentSite(NamedTuple):
    """How many of the running cameras of a site fell silent with the fleet, the first of them `since` then."""

    name: str
    url: str
    silent: int
    running: int
    since: str


class MassSilence(NamedTuple):
    began_at: str
    silent: int
    running: int
    offline: int
    """Those of the silent that were called offline before it was noticed."""
    sites: list[SilentSite]

    def __str__(self) -> str:
        fell = gettext(
            "%(silent)s of the %(running)s cameras that should run fell silent at once, at %(at)s. Look for a "
            "cause that they share: network, power, the workers. Their statuses are held until it is over."
        ) % {"silent": self.silent, "running": self.running, "at": self.began_at}
        if not self.offline:
            return fell
        before = ngettext(
            "%(count)d of them had been called offline before it was noticed.",
            "%(count)d of them had been called offline before it was noticed.",
            self.offline,
        )
        return f"{fell} {before % {'count': self.offline}}"


def address_of_site(site_id: UUID | None) -> str:
    """The list of the cameras of a site, or of those without one."""
    query = {"site__id__exact": str(site_id)} if site_id else {"site__isnull": "True"}
    return reverse("admin:cameras_camera_changelist", query=query)


def mass_silence(
    judged: CameraQuerySet, running: Mapping[UUID | None, int], request: HttpRequest
) -> MassSilence | None:
    """That which lasts, if any, from the cameras with their status and how many should run at each site."""
    interruptions = interruptions_of(request)
    condition, began_at = fleet_condition(interruptions)
    if condition is not FleetCondition.MASS_SILENCE or began_at is None:
        return None
    groups = list(
        judged.in_mass_silence(interruptions)
        .order_by()
        .values_list("site_id")
        .annotate(
            silent=Count("pk"),
            since=Min("vitals__last_contact"),
            offline=Count("pk", filter=Q(derived_status=Status.OFFLINE)),
        )
    )
    names = dict(Site.objects.filter(pk__in=[site_id for site_id, *_ in groups]).values_list("pk", "name"))
    sites = [
        SilentSite(
            names.get(site_id) or gettext("Without a site"),
            address_of_site(site_id),
            silent,
            running.get(site_id, silent),
            age(since, now_of(request)),
        )
        for site_id, silent, since, _offline in groups
    ]
    sites.sort(key=lambda site: (-site.silent, site.name))
    silent, offline = sum(group[1] for group in groups), sum(group[3] for group in groups)
    return MassSilence(clock(began_at, now_of(request)), silent, sum(running.values()), offline, sites)


def condition_of_fleet(silence: MassSilence | None, request: HttpRequest) -> Iterable[Notice]:
    condition, began_at = fleet_condition(interruptions_of(request))
    if silence:
        yield Notice("danger", str(silence))
    elif condition is FleetCondition.INGEST_OUTAGE and began_at:
        words = gettext("For %(age)s.") % {"age": age(began_at, now_of(request))}
        yield Notice("danger", f"{INGEST_OUTAGE} {words}")


def worst(
    judged: CameraQuerySet, silence: MassSilence | None, incidents: Sequence[OpenIncidents], request: HttpRequest
) -> list[dict[str, Any]]:
    """The cameras that need attention most, a line each; without those of a mass silence or of an incident."""
    cameras = judged.in_trouble()
    for known in incidents:
        if known.shown:
            cameras = cameras.exclude(known.covered)
    if silence:
        cameras = cameras.exclude(pk__in=judged.in_mass_silence(interruptions_of(request)).values("pk"))
    rows = list(cameras.select_related("site").without_long_values()[:LISTED_AT_MOST])
    judge(rows, request)
    return [_line(camera) for camera in rows]


def _line(camera: Any) -> dict[str, Any]:
    health = camera.health
    return {
        "name": camera.name,
        "url": reverse("admin:cameras_camera_change", args=[camera.pk]),
        "site": camera.site,
        "label": STATUS_LABELS[health.status.value],
        "colour": STATUS_COLOURS[health.status.value],
        "reason": reason_in_words(camera),
        "duration": age(health.since, camera.asked_at) if health.since else "",
    }
