"""A workflow of Microsoft Teams that posts what its webhook is sent: one adaptive card, of 28 KB in all.

A workflow answers 202; a connector of before answered 200.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from telemetry.alerts.channels.formats.base import BaseFormat, Order
from telemetry.alerts.channels.telling import shortened

# Of each text: with all of them, as JSON, a card stays below 28 KB.
MAX_TEXT = 600


class TeamsFormat(BaseFormat):
    accepted: ClassVar[frozenset[int] | None] = frozenset({200, 202})

    def body(self, order: Order) -> Mapping[str, Any]:
        telling = order.tell()
        card: dict[str, Any] = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                {
                    "type": "TextBlock",
                    "text": shortened(telling.title, MAX_TEXT),
                    "weight": "Bolder",
                    "size": "Medium",
                    "color": "Good" if telling.is_over else "Attention",
                    "wrap": True,
                },
                {"type": "TextBlock", "text": shortened(telling.text, MAX_TEXT), "wrap": True},
                {
                    "type": "FactSet",
                    "facts": [
                        {"title": fact.label, "value": shortened(fact.value, MAX_TEXT)} for fact in telling.facts
                    ],
                },
            ],
        }
        if telling.link:
            opening = _("Open it in the control plane")
            card["actions"] = [{"type": "Action.OpenUrl", "title": opening, "url": telling.link}]
        attachment = {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": card,
        }
        return {"type": "message", "attachments": [attachment]}
