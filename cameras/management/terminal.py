"""What the commands print and read: text without control characters, and sites by their names."""

import json
from typing import Any

from django.core.management.base import CommandError

from cameras import names
from cameras.models import Site
from cameras.redaction import redact_text
from cameras.rules import parse_uuid

SHOWN_AT_MOST = 160


def plain(text: str) -> str:
    """The text on one line, shortened, with escapes for what cannot be printed, and secrets masked."""
    shown = redact_text(text)
    shown = shown if len(shown) <= SHOWN_AT_MOST else shown[:SHOWN_AT_MOST] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in shown)


def in_words(name: str, entry: dict[str, Any]) -> str:
    """A difference on one line; for a new camera only the value."""
    before, after = _in_words(entry["before"]), _in_words(entry["after"])
    if name == "connection_string" and before == after:
        return f"{after}, with another secret"
    return after if entry["before"] is None else f"{before} → {after}"


def _in_words(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return plain(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value))


def site_named(text: str | None) -> Site | None:
    """The site by its name or its id; None for None. Raises CommandError that names some."""
    if text is None:
        return None
    site_id = parse_uuid(text)
    found = Site.objects.filter(name_key=names.key(text)).first() or (
        Site.objects.filter(pk=site_id).first() if site_id else None
    )
    if found is None:
        known = list(Site.objects.order_by("name").values_list("name", flat=True)[:10])
        hint = f" Known are: {', '.join(known)}." if known else " There is none yet."
        raise CommandError(f"There is no site with this name or id: “{plain(text)}”.{hint}")
    return found
