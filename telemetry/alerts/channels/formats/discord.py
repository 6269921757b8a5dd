"""A webhook of Discord: one embed, whose title takes 256 characters, its description 4,096, a field 256 and 1,024.

Nobody is mentioned, whatever a camera is called. Success is 204, and 200 where the URL says `?wait=true`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from telemetry.alerts.channels.formats.base import BaseFormat, Order
from telemetry.alerts.channels.telling import shortened

MAX_CONTENT = 2_000
MAX_TITLE = 256
MAX_DESCRIPTION = 4_096
MAX_FIELD_NAME = 256
MAX_FIELD_VALUE = 1_024
RED, GREEN = 0xDC2626, 0x16A34A


class DiscordFormat(BaseFormat):
    accepted: ClassVar[frozenset[int] | None] = frozenset({200, 204})

    def body(self, order: Order) -> Mapping[str, Any]:
        telling = order.tell()
        embed: dict[str, Any] = {
            "title": shortened(telling.title, MAX_TITLE),
            "description": shortened(telling.text, MAX_DESCRIPTION),
            "color": GREEN if telling.is_over else RED,
            "timestamp": order.alert.at,
            "fields": [
                {
                    "name": shortened(fact.label, MAX_FIELD_NAME),
                    "value": shortened(fact.value, MAX_FIELD_VALUE),
                    "inline": True,
                }
                for fact in telling.facts
            ],
        }
        if telling.link:
            embed["url"] = telling.link
        content = shortened(telling.title, MAX_CONTENT)
        return {"content": content, "embeds": [embed], "allowed_mentions": {"parse": []}}
