"""How available cameras were, for the pages of the admin: registered with `cameras.panels`."""

from uuid import UUID

from django.utils.translation import gettext

from cameras import panels
from cameras.conditions import REASON_OF_CONDITION
from cameras.models import Camera
from cameras.panels import Asked, Availability, Uptime, add_availability
from cameras.reasons import PlacementReason, Reason, WorkerReason, code_of, words_of
from controlplane.access.scope import Scope
from telemetry.availability import stays
from telemetry.availability.reports import Report, TooManyTransitions, report_of, report_with_downtimes
from telemetry.availability.rule import Downtime
from telemetry.availability.sums import Totals
from telemetry.history.spans import Span

REASONS = {
    code_of(reason): words_of(reason)
    for reason in (*PlacementReason, *WorkerReason, *REASON_OF_CONDITION.values(), *Reason)
}


def of_camera(camera: Camera, asked: Asked) -> Availability | None:
    try:
        report, downtimes = report_with_downtimes(
            stays.of_camera(camera), Span(asked.start, asked.end), asked.zone, asked.now
        )
    except TooManyTransitions:
        return None
    return _shown(report)._replace(downtimes=[_downtime(each) for each in downtimes])


def of_site(site_id: UUID, scope: Scope, asked: Asked) -> Availability | None:
    try:
        report = report_of(stays.of_site(site_id, scope), Span(asked.start, asked.end), asked.zone, asked.now)
    except TooManyTransitions:
        return None
    return _shown(report)


def _shown(report: Report) -> Availability:
    return Availability(_uptime(report.totals), [(day.day, _uptime(day.totals)) for day in report.days])


def _uptime(totals: Totals) -> Uptime:
    up, down, left_out, unknown = (each.total_seconds() for each in totals)
    return Uptime(up, down, left_out, unknown, totals.percent)


def _downtime(downtime: Downtime) -> panels.Downtime:
    return panels.Downtime(
        downtime.start,
        None if downtime.is_lasting else downtime.end,
        (downtime.end - downtime.start).total_seconds(),
        downtime.status,
        gettext(REASONS.get(downtime.reason, downtime.reason)),
    )


add_availability(of_camera=of_camera, of_site=of_site)
