"""Reading the interruptions of the service, once a request: silence during one says nothing of a camera."""

from datetime import datetime

from django.db.models import Min

from cameras.facts import Interruptions
from cameras.models import Camera, DesiredState, FleetVitals
from cameras.status import MIN_OUTAGE, outage_threshold


def read_interruptions(now: datetime, *, up_to_last_tick: bool = False) -> Interruptions:
    """The interruptions at `now`: one query, and one more while ingest may be away.

    With `up_to_last_tick`, all time after the last tick counts as an outage: whoever stores a status for good
    must not be wrong because an outage has just begun.
    """
    vitals = FleetVitals.objects.first()
    if vitals is None:
        return Interruptions()
    interruptions = Interruptions(
        vitals.outage_began_at,
        vitals.outage_ended_at,
        None,
        vitals.mass_silence_began_at,
        vitals.mass_silence_ended_at,
    )
    quiet_for = now - (vitals.ticked_at or now)
    if not up_to_last_tick and (
        quiet_for <= MIN_OUTAGE or quiet_for <= outage_threshold(smallest_interval_seconds())
    ):
        return interruptions
    return interruptions._replace(ingest_outage_since=vitals.ticked_at)


def smallest_interval_seconds() -> int | None:
    """The smallest expected interval among the cameras that should run."""
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING)
    return running.aggregate(smallest=Min("expected_interval_seconds"))["smallest"]
