"""The tick of ingest: each of its processes tells, every two seconds and also when idle, that it can store events.

From the one stored row whoever derives a camera's status knows since when silence is the camera's own. It also
shows a clock that went wrong, before contacts are stamped with it. Must not import doors.
"""

import time
from datetime import datetime, timedelta

from django.db import connection

from cameras.models import FleetVitals
from cameras.pulse import smallest_interval_seconds
from cameras.status import AHEAD_TOLERANCE, MIN_OUTAGE, outage_began_at, outage_threshold
from controlplane.problems import Problem, try_later

TICK_SECONDS = 2.0
# Another process has just ticked: one row is enough for all of them.
FRESH = timedelta(seconds=1)


class ClockWrong(Exception):
    """This machine's clock is more than a minute off: what it would stamp could not be believed."""

    def problem(self) -> Problem:
        """The 503 that keeps workers trying: a refusal of their events would lose them."""
        return try_later(f"{self} Nothing was stored; repeat the request.")


def tick(now: datetime) -> None:
    """Write down that ingest works at `now`; after an outage, also from when to when it lasted.

    Raises ClockWrong, and django.db errors where the database is away.
    """
    _compare_with_database(now)
    vitals, _ = FleetVitals.objects.get_or_create(pk=1)
    written = {"ticked_at": now}
    if vitals.ticked_at is None:
        written["resumed_at"] = now  # before its first tick it heard nobody
    else:
        if reason := behind(vitals.ticked_at, now):
            raise ClockWrong(reason)
        quiet_for = now - vitals.ticked_at
        if quiet_for < FRESH:
            return
        if quiet_for > MIN_OUTAGE and quiet_for > (threshold := outage_threshold(smallest_interval_seconds())):
            began_at = outage_began_at(vitals.ticked_at, vitals.paused_at, vitals.resumed_at, threshold)
            written |= {"paused_at": began_at, "resumed_at": now}
    # Of several processes that come back at once, the first writes.
    FleetVitals.objects.filter(pk=1, ticked_at=vitals.ticked_at).update(**written)


def behind(ticked_at: datetime | None, now: datetime) -> str:
    """What to say of a clock that lags behind what is stored; "" where it does not."""
    if ticked_at is None or ticked_at <= now + AHEAD_TOLERANCE:
        return ""
    seconds = (ticked_at - now).total_seconds()
    return (
        f"The clock of this machine is {seconds:,.0f} seconds behind what is stored: set it. "
        "Where it is right, and was wrong before, run `manage.py accept_clock`."
    )


def accept_clock(now: datetime) -> None:
    """Believe this clock, whatever is stored."""
    FleetVitals.objects.update_or_create(pk=1, defaults={"ticked_at": now})


def require_clock(now: datetime) -> None:
    """For Django's door, which does not tick, as it could not go on while idle. Raises ClockWrong."""
    if reason := behind(FleetVitals.objects.values_list("ticked_at", flat=True).first(), now):
        raise ClockWrong(reason)


def _compare_with_database(now: datetime) -> None:
    """The clock that all processes share decides: one machine that is ahead must not make the others wrong."""
    if connection.vendor != "postgresql":
        return
    asked = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (shared,) = cursor.fetchone()
    # A database that was frozen answers late, and that is no clock's fault.
    waited = timedelta(seconds=time.monotonic() - asked)
    if not -AHEAD_TOLERANCE <= shared - now <= AHEAD_TOLERANCE + waited:
        seconds = (now - shared).total_seconds()
        raise ClockWrong(f"The clock of this machine is {seconds:+,.0f} seconds off the database's: set it.")
