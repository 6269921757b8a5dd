"""The tick of ingest: each of its processes notes, every two seconds and also when idle, that it can store events.

From this one row the rule of status knows when ingest was out, so that no camera is blamed for that silence. It
also shows that a clock is wrong before contacts are stamped with it.
"""

import time
from datetime import datetime, timedelta

from django.db import connection, transaction

from cameras.facts import AHEAD_TOLERANCE
from cameras.interruptions import smallest_interval_seconds
from cameras.models import FleetVitals
from cameras.status import MIN_OUTAGE, beginning_of_outage, outage_threshold
from controlplane.problems import Problem, try_later
from telemetry.models import IngestOutage

TICK_SECONDS = 2.0
# All processes share one row: if another has ticked this recently, there is nothing to write.
FRESH = timedelta(seconds=1)
# As long as transitions: availability of that time leaves outages out.
OUTAGES_KEPT = timedelta(days=400)


class ClockWrong(Exception):
    """This machine's clock is more than a minute off, so its times must not be stored."""

    def problem(self) -> Problem:
        """A 503, so that workers try again: after a 4xx their events would be lost."""
        return try_later(f"{self} Nothing was stored; repeat the request.")


def tick(now: datetime) -> None:
    """Note that ingest works at `now`; after an outage also when that began and ended.

    Raises ClockWrong, and django.db errors if the database is away.
    """
    _compare_with_database(now)
    vitals, _ = FleetVitals.objects.get_or_create(pk=1)
    written = {"ticked_at": now}
    if vitals.ticked_at is None:
        written["outage_ended_at"] = now  # before its first tick nothing could arrive
    else:
        if reason := behind(vitals.ticked_at, now):
            raise ClockWrong(reason)
        quiet_for = now - vitals.ticked_at
        if quiet_for < FRESH:
            return
        if quiet_for > MIN_OUTAGE and quiet_for > (threshold := outage_threshold(smallest_interval_seconds())):
            began_at = beginning_of_outage(
                vitals.ticked_at, vitals.outage_began_at, vitals.outage_ended_at, threshold
            )
            _end_outage(vitals.ticked_at, began_at, now)
            return
    # Of several processes that come back at once, only the first writes.
    FleetVitals.objects.filter(pk=1, ticked_at=vitals.ticked_at).update(**written)


def _end_outage(ticked_at: datetime, began_at: datetime, now: datetime) -> None:
    written = {"ticked_at": now, "outage_began_at": began_at, "outage_ended_at": now}
    with transaction.atomic():
        if FleetVitals.objects.filter(pk=1, ticked_at=ticked_at).update(**written):
            IngestOutage.objects.update_or_create(began_at=began_at, defaults={"ended_at": now})
            IngestOutage.objects.filter(ended_at__lt=now - OUTAGES_KEPT).delete()


def behind(ticked_at: datetime | None, now: datetime) -> str:
    """A message if this clock is behind what is stored; "" if it is not."""
    if ticked_at is None or ticked_at <= now + AHEAD_TOLERANCE:
        return ""
    seconds = (ticked_at - now).total_seconds()
    return (
        f"The clock of this machine is {seconds:,.0f} seconds behind what is stored: set it. "
        "Where it is right, and was wrong before, run `manage.py accept_clock`."
    )


def accept_clock(now: datetime) -> None:
    """Trust this clock, whatever is stored."""
    FleetVitals.objects.update_or_create(pk=1, defaults={"ticked_at": now})


def require_clock(now: datetime) -> None:
    """For Django's endpoint, which has no event loop in which it could tick. Raises ClockWrong."""
    if reason := behind(FleetVitals.objects.values_list("ticked_at", flat=True).first(), now):
        raise ClockWrong(reason)


def _compare_with_database(now: datetime) -> None:
    """The database's clock decides, so that one machine that is ahead makes no other wrong. Raises ClockWrong."""
    if connection.vendor != "postgresql":
        return
    asked = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (shared,) = cursor.fetchone()
    # If the database answers late, its time is that much later, and no clock is wrong.
    waited = timedelta(seconds=time.monotonic() - asked)
    if not -AHEAD_TOLERANCE <= shared - now <= AHEAD_TOLERANCE + waited:
        seconds = (now - shared).total_seconds()
        raise ClockWrong(f"The clock of this machine is {seconds:+,.0f} seconds off the database's: set it.")
