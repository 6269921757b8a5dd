"""An incoming webhook of Mattermost: one attachment, which must have a `fallback`.

A message takes 16,383 characters. `@` is followed by a space of no width, so that no name mentions a whole
channel. Success is 200.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from telemetry.alerts.channels.formats.base import BaseFormat, Order
from telemetry.alerts.channels.telling import shortened

MAX_TEXT = 4_000
RED, GREEN = "#dc2626", "#16a34a"


class MattermostFormat(BaseFormat):
    accepted: ClassVar[frozenset[int] | None] = frozenset({200})

    def body(self, order: Order) -> Mapping[str, Any]:
        telling = order.tell()
        attachment: dict[str, Any] = {
            "fallback": _quiet(telling.title),
            "color": GREEN if telling.is_over else RED,
            "title": _quiet(telling.title),
            "text": _quiet(telling.text),
            "fields": [
                {"short": True, "title": fact.label, "value": _quiet(fact.value)} for fact in telling.facts
            ],
        }
        if telling.link:
            attachment["title_link"] = telling.link
        return {"text": "", "attachments": [attachment]}


def _quiet(text: str) -> str:
    return shortened(text, MAX_TEXT // 2).replace("@", "@\u200b")
