"""A topic of ntfy, by JSON: posted to the server's root, with the topic that the URL names.

A message takes 4,096 bytes. Priority is from 1 to 5, tags are names of emojis. Success is 200.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from telemetry.alerts.channels.formats.base import BaseFormat, Order
from telemetry.alerts.channels.telling import fact_lines, shortened

MAX_BYTES = 4_096
MAX_TITLE = 250
HIGH, DEFAULT = 4, 3
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")


class NtfyFormat(BaseFormat):
    accepted: ClassVar[frozenset[int] | None] = frozenset({200})

    def clean(self, url: str, key: str) -> dict[str, str]:
        if url and not _TOPIC.fullmatch(_topic(url)):
            raise ValidationError({"url": _("The URL ends in the topic, such as https://ntfy.sh/my-topic.")})
        return {"url": url, "key": ""}

    def target(self, url: str) -> str:
        return urlunsplit(urlsplit(url)._replace(path="/"))

    def body(self, order: Order) -> Mapping[str, Any]:
        telling = order.tell()
        message = "\n".join([telling.text, *fact_lines(telling)]).encode()[:MAX_BYTES].decode(errors="ignore")
        body: dict[str, Any] = {
            "topic": _topic(order.url),
            "title": shortened(telling.title, MAX_TITLE),
            "message": message,
            "priority": DEFAULT if telling.is_over else HIGH,
            "tags": ["white_check_mark" if telling.is_over else "rotating_light"],
        }
        if telling.link:
            body["click"] = telling.link
        return body


def _topic(url: str) -> str:
    return urlsplit(url).path.strip("/")
