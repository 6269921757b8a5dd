"""What is wrong with a camera beside its status: conditions, each true while it is listed.

After the conditions of Kubernetes' API conventions. `querysets.with_status` holds the twin in SQL; a test compares
both. Pure.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from cameras.facts import MAX_STARTING, Facts, Interruptions, counted_from, receiving_until
from cameras.reasons import (
    ON_THE_WAY,
    PLACEMENT_REASONS,
    WORKER_REASONS,
    PlacementPhase,
    PlacementReason,
    WorkerPhase,
    WorkerReason,
    code_of,
    words_of,
)


class ConditionType(StrEnum):
    WORKER_FAILED = "WorkerFailed"
    PLACEMENT_FAILED = "PlacementFailed"
    PLACEMENT_UNKNOWN = "PlacementUnknown"
    CONFIGURATION_OUTDATED = "ConfigurationOutdated"
    CONTENDED = "Contended"
    NO_SAMPLES = "NoSamples"
    SAMPLES_REFUSED = "SamplesRefused"
    CLOCK_WRONG = "ClockWrong"


CONDITION_CHOICES = [(condition.value, condition.value) for condition in ConditionType]


class Condition(NamedTuple):
    """Something that is wrong: `reason` is a code and `words` say it to people; `since` is UTC."""

    type: ConditionType
    reason: str
    words: str
    since: datetime


# What a status says of its reason where conditions make it `degraded`.
REASON_OF_CONDITION = {
    ConditionType.PLACEMENT_FAILED: "placement_failed: The orchestrator says that it failed; samples come.",
    ConditionType.PLACEMENT_UNKNOWN: "placement_unknown: A worker reports that no orchestrator has claimed here.",
    ConditionType.CONFIGURATION_OUTDATED: "configuration_outdated: The worker runs another configuration.",
    ConditionType.CONTENDED: "contended: More than one worker sends for this camera.",
    ConditionType.NO_SAMPLES: "no_samples: There is contact with the worker, and no samples.",
    ConditionType.SAMPLES_REFUSED: "samples_refused: Samples are refused; others are stored for the same times.",
    ConditionType.CLOCK_WRONG: "clock_wrong: Samples are refused, as the worker's clock is ahead.",
}


def awaits_sample_from(facts: Facts, interruptions: Interruptions) -> datetime:
    """From when on the missing of samples counts against a camera whose worker is in contact."""
    begins = [facts.desired_state_at, facts.last_sample_at, facts.awaited_since, facts.generation_at]
    return counted_from(max(moment for moment in begins if moment), facts.offline_after, interruptions)


def is_starting(facts: Facts, until: datetime) -> bool:
    """Whether the worker in contact says that it starts, and has sent no sample since."""
    awaited_since = facts.awaited_since
    if facts.worker_phase != WorkerPhase.STARTING or awaited_since is None:
        return False
    if facts.last_sample_at and facts.last_sample_at >= awaited_since:
        return False
    return until < max(facts.desired_state_at, awaited_since) + MAX_STARTING


def is_on_the_way(facts: Facts) -> bool:
    """Whether the orchestrator is about to run a worker."""
    return facts.has_placement and facts.placement_phase in ON_THE_WAY


def conditions_of(facts: Facts, now: datetime, interruptions: Interruptions) -> list[Condition]:
    """What is wrong with the camera at `now`, in the order of `ConditionType`. `facts` are believable."""
    if facts.is_plain:  # a whole list asks for thousands of these
        found = [_no_samples(facts, now, interruptions) if facts.is_running else None]
    elif not facts.is_running:
        found = [_contended(facts, now)]
    else:
        found = [
            _worker_failed(facts),
            _placement_failed(facts),
            _placement_unknown(facts),
            _outdated(facts, now),
            _contended(facts, now),
            _no_samples(facts, now, interruptions),
            *_refused(facts, now),
        ]
    return [condition for condition in found if condition]


def _worker_failed(facts: Facts) -> Condition | None:
    if not facts.has_failed or facts.failed_at is None:
        return None
    reason = WORKER_REASONS.get(facts.failure_reason, WorkerReason.OTHER)
    return Condition(ConditionType.WORKER_FAILED, code_of(reason), words_of(reason), facts.failed_at)


def _placement_failed(facts: Facts) -> Condition | None:
    if not facts.has_placement or facts.placement_phase != PlacementPhase.FAILED or facts.placement_at is None:
        return None
    reason = PLACEMENT_REASONS.get(facts.placement_reason, PlacementReason.OTHER)
    return Condition(ConditionType.PLACEMENT_FAILED, code_of(reason), words_of(reason), facts.placement_at)


def _placement_unknown(facts: Facts) -> Condition | None:
    if facts.epoch <= facts.claimed_epoch or facts.epoch_at is None:
        return None
    words = "A worker reports with an epoch that no orchestrator has claimed here."
    return Condition(ConditionType.PLACEMENT_UNKNOWN, "unclaimed", words, facts.epoch_at)


def _outdated(facts: Facts, now: datetime) -> Condition | None:
    observed, since = facts.observed_generation, facts.generation_at or facts.desired_state_at
    if observed is None or not facts.has_contact or observed == facts.generation:
        return None
    if observed > facts.generation:
        words = f"The worker says that it runs generation {observed}; the camera is at {facts.generation}."
        return Condition(ConditionType.CONFIGURATION_OUTDATED, "ahead", words, since)
    outdated_at = max(since, facts.desired_state_at) + facts.window
    if now < outdated_at:
        return None
    words = f"The worker still runs generation {observed}; the camera is at {facts.generation}."
    return Condition(ConditionType.CONFIGURATION_OUTDATED, "behind", words, outdated_at)


def _contended(facts: Facts, now: datetime) -> Condition | None:
    if facts.contended_at is None or now >= facts.contended_at + facts.window:
        return None
    since = facts.contended_since or facts.contended_at
    if facts.fenced_at and facts.fenced_at >= facts.contended_at:
        words = "A worker that was replaced goes on sending; what it sends is not stored."
        return Condition(ConditionType.CONTENDED, "fenced", words, since)
    words = "Two workers send for this camera in turn."
    return Condition(ConditionType.CONTENDED, "alternating", words, since)


def _no_samples(facts: Facts, now: datetime, interruptions: Interruptions) -> Condition | None:
    if not facts.has_contact or facts.has_failed or facts.last_contact is None:
        return None
    until = receiving_until(now, interruptions)
    missing_at = awaits_sample_from(facts, interruptions) + facts.stale_after
    silent_from = counted_from(facts.last_contact, facts.offline_after, interruptions)
    # Where the worker is silent too, that is what is wrong.
    if is_starting(facts, until) or until < missing_at or until >= silent_from + facts.stale_after:
        return None
    words = "There is contact with the worker, and no samples."
    return Condition(ConditionType.NO_SAMPLES, "no_samples", words, missing_at)


def _refused(facts: Facts, now: datetime) -> Iterator[Condition]:
    if facts.refused_at is None or now >= facts.refused_at + facts.window:
        return
    since = facts.refused_since or facts.refused_at
    if facts.refused_code == "in_future":
        words = "Samples are refused: they are dated in the future. Set the clock where the worker runs."
        yield Condition(ConditionType.CLOCK_WRONG, "in_future", words, since)
    else:
        words = "Samples are refused: others are stored for the same time and zone."
        yield Condition(ConditionType.SAMPLES_REFUSED, facts.refused_code or "conflict", words, since)
