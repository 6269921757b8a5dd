"""In which time zone the person who asks reads and types times, and how a moment is written.

Without a zone of their own, pages about one site are in its zone, and all others in UTC.
"""

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

NAMES = zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}

_own: ContextVar[ZoneInfo | None] = ContextVar("own_zone", default=None)


def own_zone() -> ZoneInfo | None:
    """The zone that the person who asks has chosen for all times; None where they have chosen none."""
    return _own.get()


def present_zone() -> str:
    """The name of the zone of all times that belong to no site."""
    zone = own_zone()
    return zone.key if zone else "UTC"


@contextmanager
def reading_in(zone: ZoneInfo | None) -> Iterator[None]:
    """Within it, this is the zone of the person who asks; Django's forms and templates take it too."""
    token = _own.set(zone)
    try:
        with timezone.override(zone or UTC):
            yield
    finally:
        _own.reset(token)


def exact(moment: datetime, zone: tzinfo | None = None) -> str:
    """To the second, with the abbreviation of the zone: that of the person who asks, unless one is given."""
    return f"{moment.astimezone(zone or own_zone() or UTC):%Y-%m-%d %H:%M:%S %Z}"


def age(moment: datetime, now: datetime) -> str:
    """How long ago a moment was, in short words."""
    seconds = max(0, int((now - moment).total_seconds()))
    return _("%(count)d s") % {"count": seconds} if seconds < 60 else timesince(moment, now, depth=1)


def ago(moment: datetime, now: datetime) -> str:
    return _("%(age)s ago") % {"age": age(moment, now)} if moment < now else _("just now")
