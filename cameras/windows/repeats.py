"""How a window repeats, as people choose it, and the rule of RFC 5545 that says it. Pure."""

import re
from datetime import date

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Repeats(TextChoices):
    ONCE = "once", _("Once")
    DAILY = "daily", _("Every day")
    WEEKDAYS = "weekdays", _("Monday to Friday")
    WEEKLY = "weekly", _("Every week on that day")
    MONTHLY = "monthly", _("Every month on that date")
    OWN = "own", _("By a rule of your own")


_PARTS = {
    Repeats.DAILY: "FREQ=DAILY",
    Repeats.WEEKDAYS: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    Repeats.WEEKLY: "FREQ=WEEKLY",
    Repeats.MONTHLY: "FREQ=MONTHLY",
}
_LAST_DAY = re.compile(r";UNTIL=(\d{4})(\d{2})(\d{2})T235959\b")


def rule_of(repeats: Repeats, last_day: date) -> str:
    """The rule of all but ONCE and OWN; the last day is in it."""
    return f"{_PARTS[repeats]};UNTIL={last_day:%Y%m%d}"


def read_rule(rule: str) -> tuple[Repeats, date | None]:
    """What a stored rule says, and its last day; OWN, without one, where it says it in a way of its own."""
    if not rule:
        return Repeats.ONCE, None
    found = _LAST_DAY.search(rule)
    rest = _LAST_DAY.sub("", rule)
    repeats = next((each for each, parts in _PARTS.items() if parts == rest), None)
    if found is None or repeats is None:
        return Repeats.OWN, None
    return repeats, date(int(found[1]), int(found[2]), int(found[3]))
