"""Writing a group of reports: the vitals are locked first, then judged by `report_rule`, then written."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, models, transaction

from cameras.models import CameraVitals, Report
from cameras.observed import mark_dirty
from telemetry.ingest.locked_vitals import LockedVitals
from telemetry.ingest.postgresql_writer import execute
from telemetry.ingest.receipts import Outcome, Receipt
from telemetry.ingest.report_rule import COLUMNS, ReportedCamera, ReportedVitals, apply
from telemetry.ingest.report_wire import WorkerReport

CAMERA_COLUMNS = (
    "desired_state",
    "desired_state_at",
    "generation",
    "generation_at",
    "expected_interval_seconds",
)
REPORT_COLUMNS = {
    "timestamp": "timestamptz",
    "phase": "text",
    "reason": "text",
    "message": "text",
    "generation": "bigint",
    "worker": "text",
    "version": "text",
    "host": "text",
    "epoch": "bigint",
    "metrics": "jsonb",
}
UNKNOWN = Receipt(Outcome.UNKNOWN_CAMERA)

_vitals = LockedVitals(CAMERA_COLUMNS, ("last_sample_at", *COLUMNS))


def store_reports(reports: Sequence[WorkerReport], now: datetime) -> list[Receipt]:
    """A receipt for each report, in order, once all are written in one transaction.

    Reports of one camera count in the order in which they stand here.
    """
    with transaction.atomic():
        cameras = _lock({report.camera_id for report in reports})
        receipts, newest = [], {}
        for report in reports:
            known = cameras.get(report.camera_id)
            if known is None:
                receipts.append(UNKNOWN)
                continue
            camera, vitals = known
            outcome = apply(report, camera, vitals, now)
            if outcome is Outcome.STORED:
                newest[report.camera_id] = report
            state = "stopped" if outcome is Outcome.FENCED else camera.desired_state
            receipts.append(Receipt(outcome, state, camera.generation, vitals.epoch))
        _write({pk: vitals for pk, (_, vitals) in cameras.items()}, newest, now)
    return receipts


def _lock(camera_ids: Iterable[UUID]) -> dict[UUID, tuple[ReportedCamera, ReportedVitals]]:
    """The cameras that exist, by id, with their vitals, which are locked."""
    width = len(CAMERA_COLUMNS) + 2
    return {
        row[0]: (ReportedCamera(*row[1:width]), ReportedVitals(*row[width:])) for row in _vitals.read(camera_ids)
    }


def _write(vitals: Mapping[UUID, ReportedVitals], newest: Mapping[UUID, WorkerReport], now: datetime) -> None:
    if not vitals:
        return
    dirty = sorted(pk for pk, row in vitals.items() if row.status_dirty_at == now)
    if connection.vendor == "postgresql":
        _write_on_postgresql(vitals, newest, now)
    else:
        _write_through_orm(vitals, newest, now)
    if dirty:
        mark_dirty(dirty, now)


TYPES = {models.DateTimeField: "timestamptz", models.BigIntegerField: "bigint", models.CharField: "text"}


def _type_of(name: str) -> str:
    return TYPES[type(CameraVitals._meta.get_field(name))]


# Metrics go as text, of which a jsonb is made here.
WRITE = f"""
WITH vitals AS (
    UPDATE cameras_cameravitals AS vitals SET {", ".join(f"{name} = new.{name}" for name in COLUMNS)}
    FROM unnest(%(cameras)b::uuid[], {", ".join(f"%({name})b::{_type_of(name)}[]" for name in COLUMNS)})
        AS new (camera_id, {", ".join(COLUMNS)})
    WHERE vitals.camera_id = new.camera_id
)
INSERT INTO cameras_report AS report (camera_id, received_at, {", ".join(REPORT_COLUMNS)})
SELECT camera_id, %(now)b::timestamptz, {
    ", ".join(f"{name}::jsonb" if kind == "jsonb" else name for name, kind in REPORT_COLUMNS.items())
}
FROM unnest(%(reported)b::uuid[], {
    ", ".join(f"%(said_{name})b::{'text' if kind == 'jsonb' else kind}[]" for name, kind in REPORT_COLUMNS.items())
}) AS new (camera_id, {", ".join(REPORT_COLUMNS)})
ORDER BY camera_id
ON CONFLICT (camera_id) DO UPDATE SET received_at = excluded.received_at,
    {", ".join(f"{name} = excluded.{name}" for name in REPORT_COLUMNS)}
"""  # noqa: S608  # put together from the names above


def _write_on_postgresql(
    vitals: Mapping[UUID, ReportedVitals], newest: Mapping[UUID, WorkerReport], now: datetime
) -> None:
    columns = {name: [getattr(row, name) for row in vitals.values()] for name in COLUMNS}
    reports = {f"said_{name}": [getattr(report, name) for report in newest.values()] for name in REPORT_COLUMNS}
    reports["said_metrics"] = [json.dumps(report.metrics) for report in newest.values()]
    execute(WRITE, cameras=list(vitals), reported=list(newest), now=now, **columns, **reports)


def _write_through_orm(
    vitals: Mapping[UUID, ReportedVitals], newest: Mapping[UUID, WorkerReport], now: datetime
) -> None:
    CameraVitals.objects.bulk_create(
        [
            CameraVitals(camera_id=pk, **{name: getattr(row, name) for name in COLUMNS})
            for pk, row in sorted(vitals.items())
        ],
        update_conflicts=True,
        unique_fields=["camera"],
        update_fields=list(COLUMNS),
    )
    Report.objects.bulk_create(
        [
            Report(camera_id=pk, received_at=now, **{name: getattr(report, name) for name in REPORT_COLUMNS})
            for pk, report in sorted(newest.items())
        ],
        update_conflicts=True,
        unique_fields=["camera"],
        update_fields=["received_at", *REPORT_COLUMNS],
    )
