"""The one rule for a camera's health: derived from what is desired and what was heard, never stored.

Pure: imports nothing of Django. `querysets.with_status` is its twin in SQL for filtering; a test holds them
together at every boundary. Intervals are half-open: a threshold of 30 s is crossed at 30.000 s exactly.
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


# What somebody has to look after, the worst first.
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


class Pulse(NamedTuple):
    """How the service itself was: where it could not hear, silence says nothing of cameras.

    From `paused_at` until `resumed_at` nothing was stored anywhere; `deaf_since` is set while nothing is stored
    now. From `hushed_at` on, more than half of the fleet was silent at once, until `hush_over_at` or until now.
    """

    paused_at: datetime | None = None
    resumed_at: datetime | None = None
    deaf_since: datetime | None = None
    hushed_at: datetime | None = None
    hush_over_at: datetime | None = None


class FleetCondition(StrEnum):
    """How the fleet is as a whole."""

    HEARD = "heard"
    MASS_SILENCE = "mass_silence"
    DEAF = "deaf"


def fleet_condition(pulse: Pulse) -> tuple[FleetCondition, datetime | None]:
    """What holds for the whole fleet, and since when; our own deafness comes before the cameras' silence."""
    if pulse.deaf_since:
        return FleetCondition.DEAF, pulse.deaf_since
    if pulse.hushed_at and pulse.hush_over_at is None:
        return FleetCondition.MASS_SILENCE, pulse.hushed_at
    return FleetCondition.HEARD, None


class Verdict(NamedTuple):
    """`since` is the boundary that was crossed, in UTC; None for a healthy camera."""

    status: Status
    reason: Reason
    since: datetime | None


def outage_threshold(smallest_interval_seconds: int | None) -> timedelta:
    """For how long nothing may be stored anywhere before that is an outage of ours and no silence of cameras.

    Takes the smallest expected interval among the running cameras, None where there are none.
    """
    smallest_stale_after = timedelta(seconds=STALE_AFTER_INTERVALS * (smallest_interval_seconds or 0))
    return max(smallest_stale_after, MIN_OUTAGE)


def outage_began_at(
    ticked_at: datetime, paused_at: datetime | None, resumed_at: datetime | None, threshold: timedelta
) -> datetime:
    """When the outage began that ends with this tick; `ticked_at` is the tick before it.

    One that follows so soon that no camera can have gone offline in between goes on with the one before: in a
    loop of crashes the cameras have had no chance to be heard.
    """
    if paused_at and resumed_at and ticked_at - resumed_at < 2 * threshold:
        return paused_at
    return ticked_at


def derive_status(
    *,
    desired_state: str,
    desired_state_at: datetime,
    last_contact: datetime | None,
    expected_interval_seconds: int,
    now: datetime,
    pulse: Pulse,
) -> Verdict:
    """What a camera's health is at `now`.

    `desired_state_at` is when the desired state was last changed, `last_contact` is by the server's clock,
    `pulse` is the service's own state: silence in an outage of ours says nothing of cameras.
    """
    if last_contact and last_contact > now + AHEAD_TOLERANCE:
        last_contact = None
    offline_after = timedelta(seconds=OFFLINE_AFTER_INTERVALS * expected_interval_seconds)
    stale_after = timedelta(seconds=STALE_AFTER_INTERVALS * expected_interval_seconds)
    if desired_state == "running":
        return _running(desired_state_at, last_contact, stale_after, offline_after, now, pulse)
    return _stopped(desired_state_at, last_contact, offline_after, now)


def counted_from(moment: datetime, offline_after: timedelta, pulse: Pulse) -> datetime:
    """From when on silence after `moment` counts: from the end of our own outage, where that is later.

    What was offline before the outage began stays so: a restart must not make dead cameras look alive.
    """
    if pulse.resumed_at is None:
        return moment
    if pulse.paused_at and moment + offline_after <= pulse.paused_at:
        return moment
    return max(moment, pulse.resumed_at)


def _running(
    started_at: datetime,
    last_contact: datetime | None,
    stale_after: timedelta,
    offline_after: timedelta,
    now: datetime,
    pulse: Pulse,
) -> Verdict:
    heard_until = min(now, pulse.deaf_since or now)
    if last_contact is None or last_contact < started_at:
        offline_at = counted_from(started_at, offline_after, pulse) + offline_after
        if heard_until < offline_at:
            return Verdict(Status.PENDING, Reason.STARTING, started_at)
        return Verdict(Status.OFFLINE, Reason.NEVER_REPORTED, offline_at)
    silent_from = counted_from(last_contact, offline_after, pulse)
    stale_at, offline_at = silent_from + stale_after, silent_from + offline_after
    if heard_until < stale_at:
        return Verdict(Status.HEALTHY, Reason.REPORTING, None)
    if pulse.hushed_at and last_contact <= pulse.hushed_at < offline_at:
        if pulse.hush_over_at is None:
            return Verdict(Status.STALE, Reason.MASS_SILENCE, stale_at)
        offline_at = max(silent_from, pulse.hush_over_at) + offline_after
    if heard_until < offline_at:
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
