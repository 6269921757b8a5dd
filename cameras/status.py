"""The one rule for a camera's health: derived from what is known of it, never stored.

`querysets.with_status` is its twin in SQL, for filtering; a test compares both at every boundary.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from cameras.conditions import (
    REASON_OF_CONDITION,
    Condition,
    awaits_sample_from,
    conditions_of,
    is_on_the_way,
    is_starting,
)
from cameras.facts import MAX_STARTING, STALE_AFTER_INTERVALS, Facts, Interruptions, counted_from, receiving_until
from cameras.reasons import (
    PLACEMENT_REASONS,
    WORKER_REASONS,
    PlacementPhase,
    PlacementReason,
    Reason,
    WorkerReason,
)

# Ingest ticks every 2 s: three ticks have to be missing before that is called an outage.
MIN_OUTAGE = timedelta(seconds=6)


class Status(StrEnum):
    PENDING = "pending"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    STALE = "stale"
    FAILING = "failing"
    OFFLINE = "offline"
    STOPPING = "stopping"
    ORPHANED = "orphaned"
    STOPPED = "stopped"


# The statuses that need attention, the worst first.
IN_TROUBLE = (Status.OFFLINE, Status.FAILING, Status.ORPHANED, Status.STALE, Status.DEGRADED)
STATUS_CHOICES = [(status.value, status.value.capitalize()) for status in Status]


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
    """`since` is the boundary that was crossed, in UTC; None for a healthy camera. `reason` is `code: words`."""

    status: Status
    reason: str
    since: datetime | None
    conditions: Sequence[Condition] = ()


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


def derive_status(facts: Facts, now: datetime, interruptions: Interruptions) -> Verdict:
    """A camera's health at `now`, with what is wrong; silence during one of the `interruptions` says nothing."""
    facts = facts.believable(now)
    conditions = conditions_of(facts, now, interruptions)
    if not facts.is_running:
        verdict = _stopped(facts, now)
        if verdict.status == Status.STOPPED and facts.desired_state_at == facts.created_at:
            verdict = verdict._replace(reason=Reason.NEVER_STARTED)
    elif not facts.has_contact:
        verdict = _without_contact(facts, now, interruptions)
    else:
        verdict = _with_contact(facts, conditions, now, interruptions)
    return verdict._replace(conditions=conditions) if conditions else verdict


def _without_contact(facts: Facts, now: datetime, interruptions: Interruptions) -> Verdict:
    """There was no contact with a worker since the start; the orchestrator may know why."""
    started_at = facts.desired_state_at
    if facts.has_placement and facts.placement_phase == PlacementPhase.FAILED:
        reason = PLACEMENT_REASONS.get(facts.placement_reason, PlacementReason.OTHER)
        return Verdict(Status.FAILING, reason, facts.placement_at)
    offline_at = counted_from(started_at, facts.offline_after, interruptions) + facts.offline_after
    if is_on_the_way(facts):
        offline_at = max(offline_at, started_at + MAX_STARTING)
    if receiving_until(now, interruptions) < offline_at:
        return Verdict(Status.PENDING, Reason.STARTING, started_at)
    return Verdict(Status.OFFLINE, Reason.NEVER_REPORTED, offline_at)


def _with_contact(
    facts: Facts, conditions: Sequence[Condition], now: datetime, interruptions: Interruptions
) -> Verdict:
    last_contact = facts.last_contact or now
    until = receiving_until(now, interruptions)
    silent_from = counted_from(last_contact, facts.offline_after, interruptions)
    stale_at, offline_at = silent_from + facts.stale_after, silent_from + facts.offline_after
    late = Reason.LATE
    mass_silence_began_at = interruptions.mass_silence_began_at
    if mass_silence_began_at and last_contact <= mass_silence_began_at < offline_at:
        if interruptions.mass_silence_ended_at is None:
            late = Reason.MASS_SILENCE
        else:
            offline_at = max(silent_from, interruptions.mass_silence_ended_at) + facts.offline_after
    if until >= offline_at and late is not Reason.MASS_SILENCE:
        return Verdict(Status.OFFLINE, Reason.SILENT, offline_at)
    if facts.has_failed:
        reason = WORKER_REASONS.get(facts.failure_reason, WorkerReason.OTHER)
        return Verdict(Status.FAILING, reason, facts.failed_at)
    if until >= stale_at:
        return Verdict(Status.STALE, late, stale_at)
    return _with_fresh_contact(facts, conditions, until, interruptions)


def _with_fresh_contact(
    facts: Facts, conditions: Sequence[Condition], until: datetime, interruptions: Interruptions
) -> Verdict:
    awaited_from = pending_since = awaits_sample_from(facts, interruptions)
    has_fresh_sample = False
    if facts.has_sample and facts.last_sample_at:
        sample_stale_at = (
            counted_from(facts.last_sample_at, facts.offline_after, interruptions) + facts.stale_after
        )
        has_fresh_sample, pending_since = until < sample_stale_at, max(awaited_from, sample_stale_at)
    if is_starting(facts, until):
        return Verdict(Status.PENDING, Reason.NO_SAMPLE_YET, facts.awaited_since)
    if not has_fresh_sample and until < awaited_from + facts.stale_after:
        return Verdict(Status.PENDING, Reason.NO_SAMPLE_YET, pending_since)
    if until >= awaited_from + facts.offline_after:
        return Verdict(Status.FAILING, WorkerReason.NO_FRAMES, awaited_from + facts.offline_after)
    if conditions:
        first = min(conditions, key=lambda condition: condition.since)
        return Verdict(Status.DEGRADED, REASON_OF_CONDITION[first.type], first.since)
    return Verdict(Status.HEALTHY, Reason.REPORTING, None)


def _stopped(facts: Facts, now: datetime) -> Verdict:
    stopped_at, last_contact = facts.desired_state_at, facts.last_contact
    grace_ends_at = stopped_at + facts.stop_grace
    is_stopping = facts.stopping_at is not None and facts.stopping_at >= stopped_at
    if not facts.has_contact and not is_stopping:
        return Verdict(Status.STOPPED, Reason.STOPPED_ON_PURPOSE, stopped_at)
    if now < grace_ends_at:
        return Verdict(Status.STOPPING, Reason.WINDING_DOWN, stopped_at)
    if last_contact is None or last_contact < grace_ends_at:
        return Verdict(Status.STOPPED, Reason.STOPPED_ON_PURPOSE, grace_ends_at)
    if now < last_contact + facts.offline_after:
        return Verdict(Status.ORPHANED, Reason.STILL_REPORTING, grace_ends_at)
    return Verdict(Status.STOPPED, Reason.STOPPED_ON_PURPOSE, last_contact + facts.offline_after)
