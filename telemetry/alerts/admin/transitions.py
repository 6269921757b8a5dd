"""What became of a camera's status, for its page: registered with `cameras.panels`."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext

from cameras.conditions import REASON_OF_CONDITION
from cameras.models import KnownStatus
from cameras.panels import LogLine, StatusSpan, add_log_of_camera, add_status_spans
from cameras.reasons import PlacementReason, Reason, WorkerReason, code_of, words_of
from telemetry.alerts.models import Transition

SHOWN_AT_MOST = 10
# Of one range; what came before the newest of them is left out.
SPANS_AT_MOST = 1_000
REASONS = {
    code_of(reason): words_of(reason)
    for reason in (*PlacementReason, *WorkerReason, *REASON_OF_CONDITION.values(), *Reason)
}


def last_transitions(camera_id: UUID, now: datetime) -> Iterable[LogLine]:
    rows = Transition.objects.of_camera(camera_id).newest_first()[:SHOWN_AT_MOST]
    return [LogLine(row.at, row.to_status, _in_words(row.reason)) for row in rows]


def spans(camera_id: UUID, start: datetime, end: datetime) -> list[StatusSpan]:
    """Read off the transitions, in three queries; where there are none, in a fourth, off the known status."""
    transitions = Transition.objects.of_camera(camera_id)
    within = list(transitions.between(start, end).newest_first()[:SPANS_AT_MOST])[::-1]
    before = transitions.between(None, start).newest_first().first()
    after = transitions.between(end, None).oldest_first().first()
    begun = [(row.at, row.to_status, _in_words(row.reason)) for row in within]
    if len(within) == SPANS_AT_MOST:
        pass
    elif before:
        begun.insert(0, (before.at, before.to_status, _in_words(before.reason)))
    elif within:
        begun.insert(0, (start, within[0].from_status, ""))
    elif after:
        begun = [(start, after.from_status, "")]
    elif known := KnownStatus.objects.filter(pk=camera_id, since_at__lt=end).first():
        begun = [(known.since_at, known.status, "")]
    ends = [*(at for at, _, _ in begun[1:]), after.at if after else None]
    return [
        StatusSpan(at, end_at, status, reason) for (at, status, reason), end_at in zip(begun, ends, strict=False)
    ]


def _in_words(reason: str) -> str:
    return gettext(REASONS.get(reason, reason))


add_log_of_camera(last_transitions)
add_status_spans(spans)
