"""What is known beside the cameras' statuses in a range, read in a few queries: windows, outages and incidents."""

from collections.abc import Collection, Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from cameras.interruptions import read_interruptions
from cameras.models import FleetVitals
from cameras.windows.models import Occurrence
from telemetry.alerts.incidents import FLEET
from telemetry.alerts.models import Incident
from telemetry.availability.places import Planned, SharedSilence, Surroundings
from telemetry.availability.stays import Stays
from telemetry.history.spans import Span
from telemetry.models import IngestOutage


def known_until(now: datetime) -> datetime:
    """Up to when every change of status is stored that had happened."""
    statuses_at = FleetVitals.objects.values_list("statuses_at", flat=True).first()
    return min(statuses_at or now, now)


def read_surroundings(stays: Stays, span: Span, now: datetime) -> Surroundings:
    """All that may say something of the cameras of these stays."""
    sites = {stay.site_id for of_camera in stays.by_camera.values() for stay in of_camera}
    windows = _windows(stays.by_camera, sites, span)
    return Surroundings(windows, _outages(span, now), _silences(sites, span, now))


def _windows(cameras: Collection[UUID], sites: set[UUID | None], span: Span) -> Iterator[Planned]:
    """But for stops that were over before they could stop anything."""
    over_them = Q(is_everything=True) | Q(site_id__in=sites - {None}) | ~Q(camera_ids=[])
    rows = Occurrence.objects.filter(over_them, starts_at__lt=span.end, ends_at__gt=span.start, is_missed=False)
    columns = ("starts_at", "ends_at", "site_id", "is_everything", "camera_ids")
    ids = {str(camera_id): camera_id for camera_id in cameras}
    for start, end, site_id, is_everything, named in rows.values_list(*columns).iterator(chunk_size=2_000):
        covered = [ids[text] for text in named if text in ids]
        if is_everything or site_id or covered:
            yield Planned(Span(start, end), site_id, is_everything, covered)


def _outages(span: Span, now: datetime) -> Iterator[Span]:
    rows = IngestOutage.objects.filter(began_at__lt=span.end, ended_at__gt=span.start)
    for began_at, ended_at in rows.values_list("began_at", "ended_at"):
        yield Span(began_at, ended_at)
    # The last one may be from before they were kept one by one.
    last = read_interruptions(now)
    if last.outage_began_at and last.outage_ended_at:
        yield Span(last.outage_began_at, last.outage_ended_at)
    if last.ingest_outage_since:
        yield Span(last.ingest_outage_since, now)


def _silences(sites: set[UUID | None], span: Span, now: datetime) -> Iterator[SharedSilence]:
    lasted = Q(ended_at=None) | Q(ended_at__gt=span.start)
    keys = [FLEET, *(f"site:{site_id}" for site_id in sites if site_id)]
    rows = Incident.objects.filter(lasted, key__in=keys, began_at__lt=span.end)
    for site_id, began_at, ended_at in rows.values_list("site_id", "began_at", "ended_at"):
        yield SharedSilence(Span(began_at, ended_at or now), site_id)
