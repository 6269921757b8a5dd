"""Accepting workers' reports: checked against the registry and the epochs, and written, a group at a time."""

from collections.abc import Sequence
from datetime import datetime

from cameras.models import CameraVitals
from telemetry.ingest.accept import MAY_REPORT, Submission, count_outcomes, retried
from telemetry.ingest.fencing import is_too_far_ahead
from telemetry.ingest.receipts import Outcome, Receipt
from telemetry.ingest.report_wire import WorkerReport
from telemetry.ingest.report_writer import store_reports
from telemetry.ingest.scopes import is_outside, sites_of

_FORBIDDEN = Receipt(Outcome.FORBIDDEN)
_EPOCH_AHEAD = Receipt(Outcome.EPOCH_AHEAD)


def accept_reports(submissions: Sequence[Submission[WorkerReport]], now: datetime) -> list[list[Receipt]]:
    """Write the reports; a receipt for each, in order, once it is committed.

    Raises `problems.DATABASE_AWAY` if the database is away. The caller may send the same reports again.
    """
    scoped = [(principal.scope_for(MAY_REPORT), reports) for principal, reports in submissions]
    sites = sites_of([(scope, [report.camera_id for report in reports]) for scope, reports in scoped])
    too_far_ahead = _too_far_ahead([report for _, reports in scoped for report in reports], now)
    refused: dict[int, Receipt] = {}
    wanted: list[WorkerReport] = []
    for scope, reports in scoped:
        for report in reports:
            if not scope.is_whole and is_outside(scope, report.camera_id, sites):
                refused[id(report)] = _FORBIDDEN
            elif id(report) in too_far_ahead:
                refused[id(report)] = _EPOCH_AHEAD
            else:
                wanted.append(report)
    stored = iter(retried(lambda: store_reports(wanted, now)) if wanted else [])
    receipts = [[refused.get(id(report)) or next(stored) for report in reports] for _, reports in scoped]
    count_outcomes(receipts)
    return receipts


def _too_far_ahead(reports: Sequence[WorkerReport], now: datetime) -> set[int]:
    """Those whose epoch nobody can have claimed here; a clock that was set back leaves epochs ahead of it."""
    ahead = [report for report in reports if is_too_far_ahead(report.epoch, now)]
    if not ahead:
        return set()
    rows = CameraVitals.objects.filter(pk__in={report.camera_id for report in ahead})
    stored = dict(rows.values_list("pk", "epoch"))
    return {id(report) for report in ahead if (report.epoch or 0) > stored.get(report.camera_id, 0)}
