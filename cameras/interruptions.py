"""Reading the interruptions of the service, once a request: silence during one says nothing of a camera."""

from datetime import datetime

from django.db.models import Min

from cameras.facts import Interruptions
from cameras.models import Camera, DesiredState, FleetVitals
from cameras.status import MIN_OUTAGE, outage_threshold

# The columns of FleetVitals that `interruptions_of` takes.
WHAT_INTERRUPTED = (
    "ticked_at", "outage_began_at", "outage_ended_at", "mass_silence_began_at", "mass_silence_ended_at",
)  # fmt: skip


def read_interruptions(now: datetime, *, up_to_last_tick: bool = False) -> Interruptions:
    """The interruptions at `now`: one query, and one more while ingest may be away.

    With `up_to_last_tick`, all time after the last tick counts as an outage: whoever stores a status for good
    must not be wrong because an outage has just begun.
    """
    vitals = FleetVitals.objects.values_list(*WHAT_INTERRUPTED).first()
    if vitals is None:
        return Interruptions()
    return interruptions_of(*vitals, now=now, up_to_last_tick=up_to_last_tick)


def interruptions_of(
    ticked_at: datetime | None, *began_and_ended: datetime | None, now: datetime, up_to_last_tick: bool = False
) -> Interruptions:
    """The interruptions by a row of FleetVitals, see `read_interruptions`; one query while ingest may be away."""
    outage_began_at, outage_ended_at, mass_silence_began_at, mass_silence_ended_at = began_and_ended
    interruptions = Interruptions(
        outage_began_at, outage_ended_at, None, mass_silence_began_at, mass_silence_ended_at
    )
    quiet_for = now - (ticked_at or now)
    if not up_to_last_tick and (
        quiet_for <= MIN_OUTAGE or quiet_for <= outage_threshold(smallest_interval_seconds())
    ):
        return interruptions
    return interruptions._replace(ingest_outage_since=ticked_at)


def smallest_interval_seconds() -> int | None:
    """The smallest expected interval among the cameras that should run."""
    running = Camera.objects.filter(desired_state=DesiredState.RUNNING)
    return running.aggregate(smallest=Min("expected_interval_seconds"))["smallest"]
