"""An incoming webhook of Slack: `text` for notifications, and blocks.

A header takes 150 characters, the text of a section 3,000. In it `&`, `<` and `>` are written as entities, so that
no name mentions a whole channel. Success is 200.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from telemetry.alerts.channels.formats.base import BaseFormat, Order
from telemetry.alerts.channels.telling import fact_lines, shortened

MAX_HEADER = 150
MAX_SECTION = 3_000


class SlackFormat(BaseFormat):
    accepted: ClassVar[frozenset[int] | None] = frozenset({200})

    def body(self, order: Order) -> Mapping[str, Any]:
        telling = order.tell()
        link = f"<{telling.link}|{_('Open it in the control plane')}>" if telling.link else ""
        title = {"type": "plain_text", "text": shortened(telling.title, MAX_HEADER), "emoji": False}
        texts = [_escaped(telling.text), _escaped("\n".join(fact_lines(telling))), link]
        sections = [
            {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
            for text in texts
            if text
        ]
        return {"text": _escaped(telling.title), "blocks": [{"type": "header", "text": title}, *sections]}


def _escaped(text: str) -> str:
    # Each character becomes five at most.
    cut = shortened(text, MAX_SECTION // 5)
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
