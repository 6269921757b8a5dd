"""The one rule for a camera's health: derived from the desired state and the last contact, never stored.

`querysets.with_status` is its twin in SQL, for filtering; a test compares both at every boundary. Intervals are
half-open: a threshold of 30 s is crossed at 30.000 s exactly.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

STALE_AFTER_INTERVALS = 3
OFFLINE_AFTER_INTERVALS = 6
STOP_GRACE = timedelta(seconds=30)
# A stored contact further ahead than this comes from a clock that was wrong: it counts as no contact.
AHEAD_TOLERANCE = timedelta(seconds=60)
# Ingest ticks every 2 s: three ticks have to be missing before that is called an outage.
MIN_OUTAGE = timedelta(seconds=6)


class Status(StrEnum):
    PENDING = "pending"
    HEALTHY = "healthy"
    STALE = "stale"
    OFFLINE = "offline"
    STOPPING = "stopping"
    ORPHANED = "orphaned"
    STOPPED = "stopped"


# The statuses that need attention, the worst first.
IN_TROUBLE = (Status.OFFLINE, Status.ORPHANED, Status.STALE)
STATUS_CHOICES = [(status.value, status.value.capitalize()) for status in Status]


class Reason(StrEnum):
    """A short code with its words, `code: words`; the code does not change."""

    STARTING = "starting: Started; nothing was heard from a worker yet."
    REPORTING = "reporting: The worker reports."
    LATE = "late: Nothing was heard for three expected intervals."
    NEVER_REPORTED = "never_reported: Nothing was heard since the camera was started."
    SILENT = "silent: Nothing was heard for six expected intervals."
    MASS_SILENCE = "mass_silence: Most of the fleet fell silent at once; this camera is not blamed for it."
    WINDING_DOWN = "winding_down: Stopped; the worker may take a moment to learn of it."
    STILL_REPORTING = "still_reporting: Stopped, but a worker goes on reporting."
    STOPPED_ON_PURPOSE = "stopped_on_purpose: Somebody stopped this camera."
    NEVER_STARTED = "never_started: Nobody has started this camera yet."


class Interruptions(NamedTuple):
    """When silence said nothing of a single camera: ingest was away, or most of the fleet fell silent at once.

    From `outage_began_at` until `outage_ended_at` nothing was stored anywhere; `ingest_outage_since` is set while
    nothing is stored now. From `mass_silence_began_at` on, more than half of the fleet was silent, until
    `mass_silence_ended_at` or until now.
    """

    outage_began_at: datetime | None = None
    outage_ended_at: datetime | None = None
    ingest_outage_since: datetime | None = None
    mass_silence_began_at: datetime | None = None
    mass_silence_ended_at: datetime | None = None


class FleetCondition(StrEnum):
    """How the fleet is as a whole."""

    NORMAL = "heard"
    MASS_SILENCE = "mass_silence"
    INGEST_OUTAGE = "deaf"  # the label of the metric


def fleet_condition(interruptions: Interruptions) -> tuple[FleetCondition, datetime | None]:
    """The condition of the whole fleet, and since when. An ingest outage comes before a mass silence."""
    if interruptions.ingest_outage_since:
        return FleetCondition.INGEST_OUTAGE, interruptions.ingest_outage_since
    if interruptions.mass_silence_began_at and interruptions.mass_silence_ended_at is None:
        return FleetCondition.MASS_SILENCE, interruptions.mass_silence_began_at
    return FleetCondition.NORMAL, None


class Verdict(NamedTuple):
    """`since` is the boundary that was crossed, in UTC; None for a healthy camera."""

    status: Status
    reason: Reason
    since: datetime | None


def outage_threshold(smallest_interval_seconds: int | None) -> timedelta:
    """How long nothing may be stored anywhere before that is an ingest outage.

    Takes the smallest expected interval among the running cameras, None if none runs.
    """
    smallest_stale_after = timedelta(seconds=STALE_AFTER_INTERVALS * (smallest_interval_seconds or 0))
    return max(smallest_stale_after, MIN_OUTAGE)


def beginning_of_outage(
    ticked_at: datetime, outage_began_at: datetime | None, outage_ended_at: datetime | None, threshold: timedelta
) -> datetime:
    """When the outage began that ends with this tick; `ticked_at` is the tick before it.

    One that follows so soon that no camera can have gone offline in between continues the one before: while
    ingest crashes again and again, workers have no chance to report.
    """
    if outage_began_at and outage_ended_at and ticked_at - outage_ended_at < 2 * threshold:
        return outage_began_at
    return ticked_at


def derive_status(
    *,
    desired_state: str,
    desired_state_at: datetime,
    last_contact: datetime | None,
    expected_interval_seconds: int,
    now: datetime,
    interruptions: Interruptions,
    created_at: datetime | None = None,
) -> Verdict:
    """A camera's health at `now`.

    `desired_state_at` is when the desired state was last changed, `last_contact` is by the server's clock,
    silence during one of the `interruptions` says nothing of the camera. Without `created_at` a camera that was
    never started counts as one that was stopped.
    """
    if last_contact and last_contact > now + AHEAD_TOLERANCE:
        last_contact = None
    offline_after = timedelta(seconds=OFFLINE_AFTER_INTERVALS * expected_interval_seconds)
    stale_after = timedelta(seconds=STALE_AFTER_INTERVALS * expected_interval_seconds)
    if desired_state == "running":
        return _running(desired_state_at, last_contact, stale_after, offline_after, now, interruptions)
    verdict = _stopped(desired_state_at, last_contact, offline_after, now)
    if verdict.status == Status.STOPPED and desired_state_at == created_at:
        return verdict._replace(reason=Reason.NEVER_STARTED)
    return verdict


def counted_from(moment: datetime, offline_after: timedelta, interruptions: Interruptions) -> datetime:
    """From when on silence after `moment` counts: from the end of an ingest outage, where that is later.

    What was offline before the outage began stays so: a restart must not make dead cameras look alive.
    """
    if interruptions.outage_ended_at is None:
        return moment
    if interruptions.outage_began_at and moment + offline_after <= interruptions.outage_began_at:
        return moment
    return max(moment, interruptions.outage_ended_at)


def _running(
    started_at: datetime,
    last_contact: datetime | None,
    stale_after: timedelta,
    offline_after: timedelta,
    now: datetime,
    interruptions: Interruptions,
) -> Verdict:
    receiving_until = min(now, interruptions.ingest_outage_since or now)
    if last_contact is None or last_contact < started_at:
        offline_at = counted_from(started_at, offline_after, interruptions) + offline_after
        if receiving_until < offline_at:
            return Verdict(Status.PENDING, Reason.STARTING, started_at)
        return Verdict(Status.OFFLINE, Reason.NEVER_REPORTED, offline_at)
    silent_from = counted_from(last_contact, offline_after, interruptions)
    stale_at, offline_at = silent_from + stale_after, silent_from + offline_after
    if receiving_until < stale_at:
        return Verdict(Status.HEALTHY, Reason.REPORTING, None)
    if interruptions.mass_silence_began_at and last_contact <= interruptions.mass_silence_began_at < offline_at:
        if interruptions.mass_silence_ended_at is None:
            return Verdict(Status.STALE, Reason.MASS_SILENCE, stale_at)
        offline_at = max(silent_from, interruptions.mass_silence_ended_at) + offline_after
    if receiving_until < offline_at:
        return Verdict(Status.STALE, Reason.LATE, stale_at)
    return Verdict(Status.OFFLINE, Reason.SILENT, offline_at)


def _stopped(
    stopped_at: datetime, last_contact: datetime | None, offline_after: timedelta, now: datetime
) -> Verdict:
    grace_ends_at = stopped_at + STOP_GRACE
    if last_contact is None or last_contact < stopped_at:
        return Verdict(Status.STOPPED, Reason.STOPPED_ON_PURPOSE, stopped_at)
    if now < grace_ends_at:
        return Verdict(Status.STOPPING, Reason.WINDING_DOWN, stopped_at)
    if last_contact < grace_ends_at:
        return Verdict(Status.STOPPED, Reason.STOPPED_ON_PURPOSE, grace_ends_at)
    if now < last_contact + offline_after:
        return Verdict(Status.ORPHANED, Reason.STILL_REPORTING, grace_ends_at)
    return Verdict(Status.STOPPED, Reason.STOPPED_ON_PURPOSE, last_contact + offline_after)
