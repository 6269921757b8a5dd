"""Standard Webhooks: the alert as data for programs."""

from collections.abc import Mapping
from typing import Any

from telemetry.alerts.channels.formats.base import BaseFormat, Order


class StandardFormat(BaseFormat):
    def body(self, order: Order) -> Mapping[str, Any]:
        alert = order.alert
        return {
            "type": alert.kind,
            "timestamp": alert.at,
            "data": {"alert_id": alert.pk, "text": alert.text, "noticed_at": alert.created_at, **alert.data},
        }
