"""Noticing that most of a site fell silent at once: its network or power, and not each of its cameras.

The rule is that of `mass_silence`, over the cameras of the site. It changes who is notified and of what, and no
status: the cameras of a dark site go on to offline.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q

from cameras.facts import Interruptions
from cameras.interruptions import read_interruptions
from cameras.models import Camera, DesiredState, Site
from cameras.status import Status
from telemetry.alerts import incidents, wording
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.incident_rule import SMALLEST_SITE_SILENCE, is_site_silence
from telemetry.alerts.mass_silence import (
    FleetSilence,
    ReportingCamera,
    fleet_silence_at,
    reporting_cameras,
    silent_at_once,
)
from telemetry.alerts.models import Kind

# Who is known to be offline for longer fell silent by itself.
LATELY = timedelta(hours=1)


def notice_dark_sites(now: datetime) -> int:
    """Begin the incidents of sites that fell silent, before their cameras are called offline; returns how many."""
    interruptions = read_interruptions(now, up_to_last_tick=True)
    site_ids = _worth_a_look(now, interruptions)
    if not site_ids or not (site_ids := site_ids - {each.site_id for each in _dark()}):
        return 0
    names = dict(Site.objects.filter(pk__in=site_ids).values_list("pk", "name"))
    cameras = _by_site(site_ids, now, interruptions)
    over = _over_since(site_ids, interruptions)
    begun = 0
    for site_id in sorted(site_ids):
        found = silent_at_once(_lately(cameras[site_id], now), over.get(site_id))
        if found and _is_dark(found):
            begun += _begin(site_id, names[site_id], found, now)
    return begun


def notice_sites_heard(now: datetime) -> int:
    """End the incidents of sites that are heard again, once the status of their cameras is stored."""
    dark = _dark()
    if not dark:
        return 0
    interruptions = read_interruptions(now, up_to_last_tick=True)
    cameras = _by_site([each.site_id for each in dark if each.site_id], now, interruptions)
    ended = 0
    for incident in dark:
        silence = fleet_silence_at(cameras[incident.site_id], incident.began_at) if incident.site_id else None
        if silence and not _is_dark(silence):
            ended += _end(incident, silence, now)
    return ended


def _dark() -> list[Incident]:
    return list(Incident.objects.holding().filter(key__startswith="site:").order_by("pk"))


def _is_dark(silence: FleetSilence) -> bool:
    return is_site_silence(silence.silent, silence.reporting, settings.ALERT_SITE_SHARE)


def _worth_a_look(now: datetime, interruptions: Interruptions) -> set[UUID]:
    """The sites at which so many have fallen silent lately that it is worth reading their cameras."""
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING).with_status(now, interruptions)
    silent = running.filter(derived_status__in=(Status.STALE, Status.OFFLINE)).exclude(site=None)
    lately = silent.exclude(known_status__status=Status.OFFLINE, known_status__since_at__lt=now - LATELY)
    counted = lately.order_by().values("site_id").annotate(silent=Count("pk"))
    return set(counted.filter(silent__gte=SMALLEST_SITE_SILENCE).values_list("site_id", flat=True))


def _by_site(
    site_ids: Collection[UUID], now: datetime, interruptions: Interruptions
) -> dict[UUID, list[ReportingCamera]]:
    cameras: dict[UUID, list[ReportingCamera]] = defaultdict(list)
    of_sites = Camera.objects.filter(site_id__in=site_ids)
    for site_id, camera in reporting_cameras(of_sites, now, interruptions, counting_known=True):
        cameras[site_id].append(camera)
    return cameras


def _over_since(site_ids: Collection[UUID], interruptions: Interruptions) -> dict[UUID, datetime]:
    """Up to which moment a silence of each site is over, or the fleet's."""
    over: dict[UUID, datetime] = {}
    if interruptions.mass_silence_began_at and interruptions.mass_silence_ended_at is None:
        over = dict.fromkeys(site_ids, interruptions.mass_silence_began_at)
    ended = Incident.objects.filter(key__in=[f"site:{site_id}" for site_id in site_ids]).exclude(ended_at=None)
    for site_id, ended_at in ended.order_by("ended_at").values_list("site_id", "ended_at"):
        if site_id and ended_at:
            over[site_id] = max(ended_at, over.get(site_id, ended_at))
    return over


def _lately(cameras: list[ReportingCamera], now: datetime) -> list[ReportingCamera]:
    """Without counting as silent who has been offline for longer than it took it to be called so."""
    return [
        camera._replace(
            is_silent=camera.is_silent and now - camera.offline_at < camera.offline_at - camera.last_contact
        )
        for camera in cameras
    ]


def _begin(site_id: UUID, name: str, silence: FleetSilence, now: datetime) -> bool:
    """False where somebody else was faster."""
    alert = wording.of_site(Kind.SITE_SILENT, site_id, name, silence.at, silence.silent, silence.reporting, now)
    try:
        with transaction.atomic():
            incidents.follow([alert], now)
    except IntegrityError:
        return False
    return True


def _end(incident: Incident, silence: FleetSilence, now: datetime) -> bool:
    with transaction.atomic():
        locked = Incident.objects.select_for_update(of=("self",)).filter(Q(pk=incident.pk)).holding().first()
        if locked is None or locked.site_id is None:
            return False
        alert = wording.of_site(
            Kind.SITE_HEARD, locked.site_id, locked.title, now, silence.silent, silence.reporting, now
        )
        incidents.follow([alert], now)
    return True
