"""The Events API v2 of PagerDuty: what begins triggers, what ends resolves, under one `dedup_key`.

A summary takes 1,024 characters, a key 255, an event 512 KB. Success is 202.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from telemetry.alerts.channels.formats.base import BaseFormat, Order
from telemetry.alerts.channels.telling import shortened
from telemetry.alerts.models import TOPIC_OF, Alert, Kind

URL = "https://events.pagerduty.com/v2/enqueue"
MAX_SUMMARY = 1_024
MAX_SOURCE = 200
_KEY = re.compile(r"[A-Za-z0-9]{32}")
SEVERITIES = {
    Kind.MASS_SILENCE_BEGAN: "critical",
    Kind.SITE_SILENT: "critical",
    Kind.CROWDED: "warning",
    Kind.CHANNEL_FAILING: "warning",
    Kind.TEST: "info",
}


class PagerDutyFormat(BaseFormat):
    accepted: ClassVar[frozenset[int] | None] = frozenset({202})

    def clean(self, url: str, key: str) -> dict[str, str]:
        if not _KEY.fullmatch(key):
            raise ValidationError({"key": _("The integration key has 32 letters and digits.")})
        return {"url": url or URL, "key": key}

    def body(self, order: Order) -> Mapping[str, Any]:
        alert, telling = order.alert, order.tell()
        about = {"routing_key": order.key, "dedup_key": dedup_key(alert)}
        if telling.is_over:
            return {**about, "event_action": "resolve"}
        event: dict[str, Any] = {
            **about,
            "event_action": "trigger",
            "client": "Control plane",
            "payload": {
                "summary": shortened(telling.title, MAX_SUMMARY),
                "source": shortened(alert.data.get("camera") or "Control plane", MAX_SOURCE),
                "severity": SEVERITIES.get(Kind(alert.kind), "error"),
                "timestamp": alert.at,
                "class": alert.kind,
                "custom_details": {"text": telling.text} | {fact.label: fact.value for fact in telling.facts},
            },
        }
        if telling.link:
            event |= {"client_url": telling.link, "links": [{"href": telling.link, "text": "Control plane"}]}
        return event


def dedup_key(alert: Alert) -> str:
    """The same for what begins and for what ends it."""
    if alert.kind in (Kind.TEST, Kind.CHANNEL_FAILING):
        return f"{alert.kind}:{alert.pk}"
    if alert.incident_id:
        return str(alert.incident_id)
    parts = [TOPIC_OF[Kind(alert.kind)].value, str(alert.camera_id or "fleet"), alert.data.get("zone", "")]
    return ":".join(part for part in parts if part)
