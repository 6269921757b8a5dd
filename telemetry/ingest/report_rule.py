"""What a worker's report changes in the vitals of its camera. Pure.

What is newer is decided by the row, under its lock, and not by a clock.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from cameras.facts import AHEAD_TOLERANCE, MIN_WINDOW, OFFLINE_AFTER_INTERVALS, STALE_AFTER_INTERVALS
from cameras.reasons import WorkerPhase
from telemetry.ingest.fencing import Holder, Sender, is_fenced, observe_generation
from telemetry.ingest.receipts import Outcome
from telemetry.ingest.report_wire import WorkerReport


@dataclass(slots=True)
class ReportedVitals(Holder):
    """The columns of the vitals that a report writes."""

    last_contact: datetime | None = None
    stopping_at: datetime | None = None
    worker_phase: str = ""
    awaited_since: datetime | None = None
    failed_at: datetime | None = None
    failure_reason: str = ""
    failure_timestamp: datetime | None = None
    report_timestamp: datetime | None = None
    report_epoch: int | None = None
    rejected_count: int = 0
    refused_at: datetime | None = None
    refused_since: datetime | None = None
    refused_code: str = ""
    status_dirty_at: datetime | None = None


COLUMNS = tuple(field.name for field in fields(ReportedVitals))


@dataclass(frozen=True, slots=True)
class ReportedCamera:
    """What a report is held against, beside the vitals."""

    desired_state: str
    desired_state_at: datetime
    generation: int
    generation_at: datetime | None
    expected_interval_seconds: int
    last_sample_at: datetime | None


def apply(report: WorkerReport, camera: ReportedCamera, vitals: ReportedVitals, now: datetime) -> Outcome:
    """Write a report into the vitals; a fenced one moves nothing but the columns on fencing.

    DUPLICATE is one that is not newer within its epoch: it is contact only.
    """
    window = max(MIN_WINDOW, timedelta(seconds=STALE_AFTER_INTERVALS * camera.expected_interval_seconds))
    if is_fenced(vitals, Sender(report.epoch, report.worker), window, now):
        vitals.status_dirty_at = now
        return Outcome.FENCED
    if report.timestamp and report.timestamp > now + AHEAD_TOLERANCE:
        _refuse(vitals, window, now)
        _note_contact(report, camera, vitals, now)
        return Outcome.IN_FUTURE
    is_old = (
        report.timestamp is not None
        and vitals.report_timestamp is not None
        and (report.epoch or 0) == (vitals.report_epoch or 0)
        and report.timestamp <= vitals.report_timestamp
    )
    _note_contact(report, camera, vitals, now)
    if is_old:
        return Outcome.DUPLICATE
    observe_generation(vitals, report.generation, report.epoch)
    vitals.worker_phase = report.phase
    vitals.report_timestamp, vitals.report_epoch = report.timestamp, report.epoch
    if report.phase == WorkerPhase.FAILED:
        _note_failure(report, camera, vitals, now)
    return Outcome.STORED


def _note_contact(report: WorkerReport, camera: ReportedCamera, vitals: ReportedVitals, now: datetime) -> None:
    """Contact of a worker; one that stops is contact for nothing but that."""
    if report.phase == WorkerPhase.STOPPING:
        vitals.stopping_at = now
        return
    offline_after = timedelta(seconds=OFFLINE_AFTER_INTERVALS * camera.expected_interval_seconds)
    was_silent = vitals.last_contact is None or vitals.last_contact + offline_after <= now
    is_new_start = vitals.awaited_since is None or vitals.awaited_since < camera.desired_state_at
    starts_again = (
        report.phase == WorkerPhase.STARTING
        and vitals.awaited_since is not None
        and camera.last_sample_at is not None
        and camera.last_sample_at > vitals.awaited_since
    )
    if was_silent or is_new_start or starts_again:
        vitals.awaited_since = vitals.status_dirty_at = now
    ahead = vitals.last_contact is not None and vitals.last_contact > now + AHEAD_TOLERANCE
    vitals.last_contact = now if vitals.last_contact is None or ahead else max(vitals.last_contact, now)


def _note_failure(report: WorkerReport, camera: ReportedCamera, vitals: ReportedVitals, now: datetime) -> None:
    """A failure goes on until a sample, a stop or a new generation: what is said of it again does not begin it."""
    begins_at = max(camera.desired_state_at, camera.generation_at or camera.desired_state_at)
    if vitals.failed_at is None or vitals.failed_at < begins_at:
        vitals.failed_at = now
    vitals.failure_reason, vitals.failure_timestamp = report.reason, report.timestamp
    vitals.status_dirty_at = now


def _refuse(vitals: ReportedVitals, window: timedelta, now: datetime) -> None:
    code = Outcome.IN_FUTURE.value
    if vitals.refused_at is None or vitals.refused_at <= now - window or vitals.refused_code != code:
        vitals.refused_since = now
    vitals.refused_at, vitals.refused_code = now, code
    vitals.rejected_count += 1
