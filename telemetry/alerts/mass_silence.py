"""Noticing that more than half of the fleet fell silent at once, which is hardly the cameras' fault.

At once means: there is a moment that lies within one and a half expected intervals after the last contact of each.
While it lasts, and for six intervals after it, no camera is called offline for it (`status.derive_status`).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F

from cameras.facts import AHEAD_TOLERANCE, OFFLINE_AFTER_INTERVALS, Interruptions, counted_from
from cameras.interruptions import read_interruptions
from cameras.models import Camera, DesiredState, FleetVitals
from cameras.querysets import CameraQuerySet
from cameras.status import Status
from telemetry.alerts import incidents, wording
from telemetry.alerts.models import Kind

# In a smaller fleet half of the cameras is no crowd.
SMALLEST_FLEET = 5
# A worker that is a little late is not another event.
INTERVALS = 1.5


class ReportingCamera(NamedTuple):
    """A running camera that has reported: its last contact, and how often it is expected to report."""

    last_contact: datetime
    expected_interval_seconds: int
    is_silent: bool
    offline_at: datetime


class FleetSilence(NamedTuple):
    """So many of the cameras that were reporting at a moment have been silent since."""

    at: datetime
    silent: int
    reporting: int

    @property
    def is_mass_silence(self) -> bool:
        return self.reporting >= SMALLEST_FLEET and 2 * self.silent > self.reporting


def fleet_silence_at(cameras: Iterable[ReportingCamera], at: datetime) -> FleetSilence:
    """How many were not offline yet at that moment, and how many of these are silent since."""
    reporting = [camera for camera in cameras if camera.offline_at > at]
    silent = sum(camera.is_silent and camera.last_contact <= at for camera in reporting)
    return FleetSilence(at, silent, len(reporting))


def fell_silent_at_once(cameras: list[ReportingCamera], after: datetime | None) -> FleetSilence | None:
    """The moment at which more than half of the fleet fell silent, or None; moments up to `after` are over."""
    silence = silent_at_once(cameras, after)
    return silence if silence and silence.is_mass_silence else None


def silent_at_once(cameras: list[ReportingCamera], after: datetime | None) -> FleetSilence | None:
    """The moment at which most cameras fell silent at once, however few; None where none did after `after`."""
    edges: list[tuple[datetime, int]] = []
    for camera in cameras:
        if camera.is_silent and (after is None or camera.last_contact > after):
            until = camera.last_contact + timedelta(seconds=INTERVALS * camera.expected_interval_seconds)
            edges += [(camera.last_contact, 1), (until, -1)]
    most = within = 0
    moment = None
    for at, step in sorted(edges):
        within += step
        if within > most:
            most, moment = within, at
    if moment is None:
        return None
    return fleet_silence_at(cameras, moment)._replace(silent=most)


def watch_fleet(now: datetime) -> FleetSilence | None:
    """Store that the fleet fell silent, or that this is over, and notify; returns what has changed, if any."""
    interruptions = read_interruptions(now, up_to_last_tick=True)
    lasting = interruptions.mass_silence_began_at is not None and interruptions.mass_silence_ended_at is None
    if lasting:
        silence = fleet_silence_at(
            _reporting_cameras(now, interruptions), interruptions.mass_silence_began_at or now
        )
        if silence.is_mass_silence:
            return None
        return silence if _store(Kind.MASS_SILENCE_ENDED, silence._replace(at=now), interruptions, now) else None
    if not _may_be(now, interruptions):
        return None
    begun = fell_silent_at_once(_reporting_cameras(now, interruptions), interruptions.mass_silence_ended_at)
    return begun if begun and _store(Kind.MASS_SILENCE_BEGAN, begun, interruptions, now) else None


def _may_be(now: datetime, interruptions: Interruptions) -> bool:
    """Whether so many are silent that it is worth reading the whole fleet."""
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING).with_status(now, interruptions)
    silent = running.filter(derived_status__in=(Status.STALE, Status.OFFLINE))
    return silent.exclude(known_status__status=Status.OFFLINE).count() * 2 > SMALLEST_FLEET


def _reporting_cameras(now: datetime, interruptions: Interruptions) -> list[ReportingCamera]:
    """One that is known to be offline does not count as silent any more: alerts were sent for it."""
    rows = reporting_cameras(Camera.objects.all(), now, interruptions, counting_known=False)
    return [camera for _, camera in rows]


def reporting_cameras(
    cameras: CameraQuerySet, now: datetime, interruptions: Interruptions, *, counting_known: bool
) -> Iterator[tuple[UUID, ReportingCamera]]:
    """Those of the cameras that run and had contact since they were started, each with its site.

    One that is known to be offline counts as silent only with `counting_known`.
    """
    reporting = cameras.filter(
        desired_state=DesiredState.RUNNING,
        vitals__last_contact__gte=F("desired_state_at"),
        vitals__last_contact__lte=now + AHEAD_TOLERANCE,
    )
    rows = reporting.with_status(now, interruptions).values_list(
        "site_id", "vitals__last_contact", "expected_interval_seconds", "derived_status", "known_status__status"
    )
    for site_id, last_contact, interval, status, known in rows:
        offline_after = timedelta(seconds=OFFLINE_AFTER_INTERVALS * interval)
        offline_at = counted_from(last_contact, offline_after, interruptions) + offline_after
        counts = counting_known or known != Status.OFFLINE
        is_silent = status in (Status.STALE, Status.OFFLINE) and counts
        yield site_id, ReportingCamera(last_contact, interval, is_silent, offline_at)


def _store(kind: Kind, silence: FleetSilence, interruptions: Interruptions, now: datetime) -> bool:
    """Compare and set; False where somebody else was faster."""
    with transaction.atomic():
        unchanged = FleetVitals.objects.filter(
            pk=1,
            mass_silence_began_at=interruptions.mass_silence_began_at,
            mass_silence_ended_at=interruptions.mass_silence_ended_at,
        )
        if kind is Kind.MASS_SILENCE_BEGAN:
            FleetVitals.objects.get_or_create(pk=1)
            stored = unchanged.update(mass_silence_began_at=silence.at, mass_silence_ended_at=None)
        else:
            stored = unchanged.update(mass_silence_ended_at=silence.at)
        if stored:
            incidents.follow([wording.of_fleet(kind, silence.at, silence.silent, silence.reporting, now)], now)
    return bool(stored)
