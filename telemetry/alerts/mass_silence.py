"""Noticing that more than half of the fleet fell silent at once, which is hardly the cameras' fault.

At once means: there is a moment that lies within one and a half expected intervals after the last contact of each.
While it lasts, and for six intervals after it, no camera is called offline for it (`status.derive_status`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from cameras.models import Camera, DesiredState, FleetVitals
from cameras.pulse import read_pulse
from cameras.status import AHEAD_TOLERANCE, OFFLINE_AFTER_INTERVALS, Pulse, Status, counted_from
from telemetry.alerts import outbox, wording
from telemetry.alerts.models import Kind

# In a smaller fleet half of the cameras is no crowd.
SMALLEST_FLEET = 5
# A worker that is a little late is not another event.
INTERVALS = 1.5


class Voice(NamedTuple):
    """A running camera that has been heard: when last, and how often it is expected."""

    last_contact: datetime
    expected_interval_seconds: int
    is_silent: bool
    offline_at: datetime


class Hush(NamedTuple):
    """So many of the cameras that were reporting at a moment have been silent since."""

    at: datetime
    silent: int
    reporting: int

    @property
    def is_mass_silence(self) -> bool:
        return self.reporting >= SMALLEST_FLEET and 2 * self.silent > self.reporting


def hush_at(voices: Iterable[Voice], at: datetime) -> Hush:
    """How many were not offline yet at that moment, and how many of these are silent since."""
    reporting = [voice for voice in voices if voice.offline_at > at]
    silent = sum(voice.is_silent and voice.last_contact <= at for voice in reporting)
    return Hush(at, silent, len(reporting))


def fell_silent_at_once(voices: list[Voice], after: datetime | None) -> Hush | None:
    """The moment at which more than half of the fleet fell silent, or None; moments up to `after` are over."""
    edges: list[tuple[datetime, int]] = []
    for voice in voices:
        if voice.is_silent and (after is None or voice.last_contact > after):
            until = voice.last_contact + timedelta(seconds=INTERVALS * voice.expected_interval_seconds)
            edges += [(voice.last_contact, 1), (until, -1)]
    most = within = 0
    moment = None
    for at, step in sorted(edges):
        within += step
        if within > most:
            most, moment = within, at
    if moment is None:
        return None
    hush = hush_at(voices, moment)._replace(silent=most)
    return hush if hush.is_mass_silence else None


def watch_fleet(now: datetime) -> Hush | None:
    """Store that the fleet fell silent, or that this is over, and tell of it; returns what has changed, if any."""
    pulse = read_pulse(now, up_to_last_tick=True)
    lasting = pulse.hushed_at is not None and pulse.hush_over_at is None
    if lasting:
        hush = hush_at(_voices(now, pulse), pulse.hushed_at or now)
        if hush.is_mass_silence:
            return None
        return hush if _store(Kind.HUSH_OVER, hush._replace(at=now), pulse, now) else None
    if not _may_be(now, pulse):
        return None
    begun = fell_silent_at_once(_voices(now, pulse), pulse.hush_over_at)
    return begun if begun and _store(Kind.HUSHED, begun, pulse, now) else None


def _may_be(now: datetime, pulse: Pulse) -> bool:
    """Whether so many are silent that it is worth reading the whole fleet."""
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING).with_status(now, pulse)
    silent = running.filter(derived_status__in=(Status.STALE, Status.OFFLINE))
    return silent.exclude(known_status__status=Status.OFFLINE).count() * 2 > SMALLEST_FLEET


def _voices(now: datetime, pulse: Pulse) -> list[Voice]:
    """Running cameras that were heard since they were started, and up to now.

    What was called offline already counts as silent no more: it has been told of.
    """
    heard = Camera.objects.filter(
        desired_state=DesiredState.RUNNING,
        vitals__last_contact__gte=F("desired_state_at"),
        vitals__last_contact__lte=now + AHEAD_TOLERANCE,
    )
    rows = heard.with_status(now, pulse).values_list(
        "vitals__last_contact", "expected_interval_seconds", "derived_status", "known_status__status"
    )
    voices = []
    for last_contact, interval, status, known in rows:
        offline_after = timedelta(seconds=OFFLINE_AFTER_INTERVALS * interval)
        offline_at = counted_from(last_contact, offline_after, pulse) + offline_after
        is_silent = status in (Status.STALE, Status.OFFLINE) and known != Status.OFFLINE
        voices.append(Voice(last_contact, interval, is_silent, offline_at))
    return voices


def _store(kind: Kind, hush: Hush, pulse: Pulse, now: datetime) -> bool:
    """Compare and set; False where somebody else was faster."""
    with transaction.atomic():
        unchanged = FleetVitals.objects.filter(pk=1, hushed_at=pulse.hushed_at, hush_over_at=pulse.hush_over_at)
        if kind is Kind.HUSHED:
            FleetVitals.objects.get_or_create(pk=1)
            stored = unchanged.update(hushed_at=hush.at, hush_over_at=None)
        else:
            stored = unchanged.update(hush_over_at=hush.at)
        if stored:
            outbox.tell([wording.of_fleet(kind, hush.at, hush.silent, hush.reporting, now)], now)
    return bool(stored)
