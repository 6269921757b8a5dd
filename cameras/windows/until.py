"""Until when people stop and mute, as they say it: an hour, tonight, tomorrow. Pure."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from cameras.windows.recurrence import wall_time

NIGHT_IS_OVER = time(6)
MORNING = time(8)
# Who says "tonight" at five in the morning does not mean an hour.
SHORTEST_NIGHT = timedelta(hours=2)


class Until(TextChoices):
    HOUR = "hour", _("For an hour")
    NIGHT = "night", _("Tonight")
    MORNING = "morning", _("Tomorrow morning")
    MOMENT = "moment", _("A date and time")


def end_of(until: Until, now: datetime, zone: ZoneInfo) -> datetime:
    """The wall time in the zone at which that is over: of all but MOMENT."""
    wall = wall_time(now, zone)
    if until == Until.HOUR:
        # In UTC, as the clock may be set meanwhile; up to the next full minute.
        return wall_time(now + timedelta(minutes=61), zone).replace(second=0, microsecond=0)
    if until == Until.NIGHT:
        today = datetime.combine(wall.date(), NIGHT_IS_OVER)
        return today if wall + SHORTEST_NIGHT <= today else today + timedelta(days=1)
    return datetime.combine(wall.date() + timedelta(days=1), MORNING)
