"""Which changes of status lie between what was last known of a camera and now. Pure: imports nothing of Django."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from cameras.status import (
    AHEAD_TOLERANCE,
    OFFLINE_AFTER_INTERVALS,
    Interruptions,
    Reason,
    Status,
    Verdict,
    counted_from,
    derive_status,
)
from telemetry.history.spans import MICROSECOND

REPORTING_THOUGH_STOPPED = (Status.STOPPING, Status.ORPHANED)
RUNNING = {Status.PENDING, Status.HEALTHY, Status.STALE, Status.OFFLINE}


class Observed(NamedTuple):
    """What a camera's status is derived from."""

    desired_state: str
    desired_state_at: datetime
    last_contact: datetime | None
    expected_interval_seconds: int


class Known(NamedTuple):
    """The status that was last stored, and when it began."""

    status: Status
    since_at: datetime


class StatusChange(NamedTuple):
    """One change of status, at the boundary that was crossed."""

    at: datetime
    from_status: Status
    to_status: Status
    reason: Reason


def first_known(observed: Observed) -> Known:
    """The status that a new camera begins with: it has just been started or stopped."""
    status = Status.PENDING if observed.desired_state == "running" else Status.STOPPED
    return Known(status, observed.desired_state_at)


def changes_between(
    known: Known, observed: Observed, now: datetime, interruptions: Interruptions
) -> list[StatusChange]:
    """Every change from the known status to the one at `now`, oldest first, each at its own deadline.

    A contact that was followed by others is not known any more, so a recovery is dated by the last contact as
    seen: late by at most the time since the camera was last checked.
    """
    if known.since_at > now:
        return []  # somebody with a later clock has been here
    changes: list[StatusChange] = []
    status, reached_at = known
    for verdict in _verdicts_since(known, observed, now, interruptions):
        if verdict.status != status:
            reached_at = max(reached_at, _began_at(verdict, known, observed, now, interruptions))
            changes.append(StatusChange(reached_at, status, verdict.status, verdict.reason))
            status = verdict.status
    return changes


def _verdicts_since(
    known: Known, observed: Observed, now: datetime, interruptions: Interruptions
) -> list[Verdict]:
    """The statuses that followed one another since, read backwards from now out of the rule itself."""

    def at(moment: datetime) -> Verdict:
        contact = observed.last_contact
        if contact and moment < contact <= now + AHEAD_TOLERANCE:
            contact = moment  # it was not ahead of the clock, but came later
        return derive_status(
            **observed._replace(last_contact=contact)._asdict(), now=moment, interruptions=interruptions
        )

    verdicts = _backwards(at, now, max(known.since_at, observed.desired_state_at))
    reported_later = len(verdicts) > 1 and verdicts[-2].status == Status.ORPHANED
    if known.status == Status.STOPPED and reported_later:
        verdicts.pop()  # nothing was reported until the grace was over
    restarted = known.since_at < observed.desired_state_at or known.status not in RUNNING
    if observed.desired_state == "running" and restarted and verdicts[-1].status != Status.PENDING:
        verdicts.append(Verdict(Status.PENDING, Reason.STARTING, observed.desired_state_at))
    return verdicts[::-1]


def _backwards(at: Callable[[datetime], Verdict], now: datetime, back_to: datetime) -> list[Verdict]:
    verdicts = [at(now)]
    while (since := verdicts[-1].since) and since > back_to:
        before = at(since - MICROSECOND)
        if before.status == verdicts[-1].status:
            break
        verdicts.append(before)
    return verdicts


def _began_at(
    verdict: Verdict, known: Known, observed: Observed, now: datetime, interruptions: Interruptions
) -> datetime:
    """The boundary, else the contact that made the difference; what somebody has edited shows now."""
    contact = observed.last_contact or observed.desired_state_at
    offline_after = timedelta(seconds=OFFLINE_AFTER_INTERVALS * observed.expected_interval_seconds)
    boundary = verdict.since or counted_from(contact, offline_after, interruptions)
    if known.status == Status.STOPPED and verdict.status in REPORTING_THOUGH_STOPPED:
        boundary = max(boundary, contact)
    return next((moment for moment in (boundary, contact) if moment > known.since_at), now)
