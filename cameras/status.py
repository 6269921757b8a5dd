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


class Status(StrEnum):
    PENDING = "pending"
    HEALTHY = "healthy"
    STALE = "stale"
    OFFLINE = "offline"
    STOPPING = "stopping"
    ORPHANED = "orphaned"
    STOPPED = "stopped"


STATUS_CHOICES = [(status.value, status.value.capitalize()) for status in Status]


class Reason(StrEnum):
    """A short code with its words, `code: words`; the code does not change."""

    STARTING = "starting: Started; nothing was heard from a worker yet."
    REPORTING = "reporting: The worker reports."
    LATE = "late: Nothing was heard for three expected intervals."
    NEVER_REPORTED = "never_reported: Nothing was heard since the camera was started."
    SILENT = "silent: Nothing was heard for six expected intervals."
    WINDING_DOWN = "winding_down: Stopped; the worker may take a moment to learn of it."
    STILL_REPORTING = "still_reporting: Stopped, but a worker goes on reporting."
    STOPPED_ON_PURPOSE = "stopped_on_purpose: Somebody stopped this camera."


class Verdict(NamedTuple):
    """`since` is the boundary that was crossed, in UTC; None for a healthy camera."""

    status: Status
    reason: Reason
    since: datetime | None


def derive_status(
    *,
    desired_state: str,
    desired_state_at: datetime,
    last_contact: datetime | None,
    expected_interval_seconds: int,
    now: datetime,
    resumed_at: datetime | None = None,
) -> Verdict:
    """What a camera's health is at `now`.

    `desired_state_at` is when the desired state was last changed, `last_contact` is by the server's clock,
    `resumed_at` is when the service itself came back from an outage: silence before it says nothing of cameras.
    """
    if last_contact and last_contact > now + AHEAD_TOLERANCE:
        last_contact = None
    offline_after = timedelta(seconds=OFFLINE_AFTER_INTERVALS * expected_interval_seconds)
    stale_after = timedelta(seconds=STALE_AFTER_INTERVALS * expected_interval_seconds)
    if desired_state == "running":
        return _running(desired_state_at, last_contact, stale_after, offline_after, now, resumed_at)
    return _stopped(desired_state_at, last_contact, offline_after, now)


def _running(
    started_at: datetime,
    last_contact: datetime | None,
    stale_after: timedelta,
    offline_after: timedelta,
    now: datetime,
    resumed_at: datetime | None,
) -> Verdict:
    if last_contact is None or last_contact < started_at:
        offline_at = max(started_at, resumed_at or started_at) + offline_after
        if now < offline_at:
            return Verdict(Status.PENDING, Reason.STARTING, started_at)
        return Verdict(Status.OFFLINE, Reason.NEVER_REPORTED, offline_at)
    counted_from = max(last_contact, resumed_at or last_contact)
    if now < counted_from + stale_after:
        return Verdict(Status.HEALTHY, Reason.REPORTING, None)
    if now < counted_from + offline_after:
        return Verdict(Status.STALE, Reason.LATE, counted_from + stale_after)
    return Verdict(Status.OFFLINE, Reason.SILENT, counted_from + offline_after)


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
