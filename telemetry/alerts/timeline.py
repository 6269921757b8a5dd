"""Which changes of status lie between what was last known of a camera and now. Pure: imports nothing of Django."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from cameras.facts import Facts, Interruptions, counted_from
from cameras.reasons import Reason
from cameras.status import Status, Verdict, derive_status
from telemetry.history.spans import MICROSECOND

REPORTING_THOUGH_STOPPED = (Status.STOPPING, Status.ORPHANED)
RUNNING = {
    Status.PENDING,
    Status.HEALTHY,
    Status.DEGRADED,
    Status.STALE,
    Status.FAILING,
    Status.OFFLINE,
}


class Known(NamedTuple):
    """The status that was last stored, and when it began."""

    status: Status
    since_at: datetime


class StatusChange(NamedTuple):
    """One change of status, at the boundary that was crossed."""

    at: datetime
    from_status: Status
    to_status: Status
    reason: str


def first_known(desired_state: str, desired_state_at: datetime) -> Known:
    """The status that a new camera begins with: it has just been started or stopped."""
    status = Status.PENDING if desired_state == "running" else Status.STOPPED
    return Known(status, desired_state_at)


def changes_between(known: Known, facts: Facts, now: datetime, interruptions: Interruptions) -> list[StatusChange]:
    """Every change from the known status to the one at `now`, oldest first, each at its own deadline.

    A contact that was followed by others is not known any more, so a recovery is dated by the last contact as
    seen: late by at most the time since the camera was last checked.
    """
    if known.since_at > now:
        return []  # somebody with a later clock has been here
    changes: list[StatusChange] = []
    status, reached_at = known
    for verdict in _verdicts_since(known, facts, now, interruptions):
        if verdict.status != status:
            reached_at = max(reached_at, _began_at(verdict, known, facts, now, interruptions))
            changes.append(StatusChange(reached_at, status, verdict.status, verdict.reason))
            status = verdict.status
    return changes


def _verdicts_since(known: Known, facts: Facts, now: datetime, interruptions: Interruptions) -> list[Verdict]:
    """The statuses that followed one another since, read backwards from now out of the rule itself."""

    def at(moment: datetime) -> Verdict:
        return derive_status(facts.known_at(moment, now), moment, interruptions)

    verdicts = _backwards(at, now, max(known.since_at, facts.desired_state_at))
    reported_later = len(verdicts) > 1 and verdicts[-2].status == Status.ORPHANED
    if known.status == Status.STOPPED and reported_later:
        verdicts.pop()  # nothing was reported until the grace was over
    restarted = known.since_at < facts.desired_state_at or known.status not in RUNNING
    if facts.desired_state == "running" and restarted and verdicts[-1].status != Status.PENDING:
        verdicts.append(Verdict(Status.PENDING, Reason.STARTING, facts.desired_state_at))
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
    verdict: Verdict, known: Known, facts: Facts, now: datetime, interruptions: Interruptions
) -> datetime:
    """The boundary, else the contact that made the difference; what somebody has edited shows now."""
    contact = facts.last_contact or facts.desired_state_at
    boundary = verdict.since or counted_from(contact, facts.offline_after, interruptions)
    if known.status == Status.STOPPED and verdict.status in REPORTING_THOUGH_STOPPED:
        boundary = max(boundary, contact)
    return next((moment for moment in (boundary, contact) if moment > known.since_at), now)
