"""Reading the service's own pulse, once a request: what it could hear, before silence is held against a camera."""

from datetime import datetime

from django.db.models import Min

from cameras.models import Camera, DesiredState, FleetVitals
from cameras.status import MIN_OUTAGE, Pulse, outage_threshold


def read_pulse(now: datetime, *, up_to_last_tick: bool = False) -> Pulse:
    """How ingest and the fleet as a whole are at `now`: one query, and one more while ingest may be away.

    `up_to_last_tick` takes no silence after the last tick for granted: what is stored for good must not be
    wrong because an outage has just begun.
    """
    vitals = FleetVitals.objects.first()
    if vitals is None:
        return Pulse()
    pulse = Pulse(vitals.paused_at, vitals.resumed_at, None, vitals.hushed_at, vitals.hush_over_at)
    quiet_for = now - (vitals.ticked_at or now)
    if not up_to_last_tick and (
        quiet_for <= MIN_OUTAGE or quiet_for <= outage_threshold(smallest_interval_seconds())
    ):
        return pulse
    return pulse._replace(deaf_since=vitals.ticked_at)


def smallest_interval_seconds() -> int | None:
    """The smallest expected interval among the cameras that should run."""
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING)
    return running.aggregate(smallest=Min("expected_interval_seconds"))["smallest"]
