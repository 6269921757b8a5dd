"""Hours of each day in which nothing that begins is sent. Pure: no Django."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from cameras.windows.recurrence import Schedule, spans, wall_time

_MOMENT = timedelta(microseconds=1)


def quiet_until(at: datetime, start: time | None, end: time | None, zone: str) -> datetime | None:
    """When the quiet hours end in which a moment lies; None where it lies in none.

    From one wall time, in whole seconds, to another, the next day's where that is not later; each is resolved for
    itself where the clock is set, as those of windows are. Without both, or if they are the same, there are none.
    """
    if start is None or end is None or start == end:
        return None
    zone_info = ZoneInfo(zone)
    before = wall_time(at, zone_info).date() - timedelta(days=2)
    first = datetime.combine(before, start)
    last = datetime.combine(before + timedelta(days=int(end < start)), end)
    for span in spans(Schedule(first, last, zone_info, "FREQ=DAILY"), at, at + _MOMENT):
        if span.start <= at < span.end:
            return span.end
    return None
