"""The last transitions of a camera, for its page: registered with `cameras.panels`."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext

from cameras.panels import LogLine, add_log_of_camera
from cameras.status import Reason
from telemetry.alerts.models import Transition

SHOWN_AT_MOST = 10
REASONS = dict(reason.value.split(": ", 1) for reason in Reason)


def last_transitions(camera_id: UUID, now: datetime) -> Iterable[LogLine]:
    rows = Transition.objects.of_camera(camera_id).newest_first()[:SHOWN_AT_MOST]
    return [LogLine(row.at, row.to_status, gettext(REASONS.get(row.reason, row.reason))) for row in rows]


add_log_of_camera(last_transitions)
