"""The part of `maintain` that this app does: notice what happened, then notify."""

from datetime import datetime
from typing import Protocol

from cameras.interruptions import read_interruptions
from telemetry.alerts import breaches, mass_silence, outbox, sending, transitions
from telemetry.alerts.models import Delivery


class Turn(Protocol):
    """What a step is given; see `telemetry.maintenance.Turn`."""

    @property
    def now(self) -> datetime: ...

    def stopping(self) -> bool: ...

    def progress(self, count: int, /) -> object: ...


def record_status(turn: Turn) -> str:
    # The fleet as a whole comes first: what falls silent with it is no single camera's transition to offline.
    mass_silence.watch_fleet(turn.now)
    recorded = transitions.record_transitions(turn.now, stopping=turn.stopping)
    changed = breaches.watch_capacity(turn.now, stopping=turn.stopping)
    turn.progress(recorded + changed)
    return f"stored {recorded:,} transitions; {changed:,} zones went over or within their capacity"


def plan_status(turn: Turn) -> str:
    changed = transitions.changed_cameras(turn.now, read_interruptions(turn.now, up_to_last_tick=True))
    return f"{len(changed):,} cameras may have another status than before; would store what changed"


def send_alerts(turn: Turn) -> str:
    arrived, failed = sending.send_due(turn.now, stopping=turn.stopping)
    forgotten = outbox.forget_old(turn.now)
    turn.progress(arrived + failed)
    return f"delivered {arrived:,}, failed {failed:,}; removed {forgotten:,} old alerts"


def plan_alerts(turn: Turn) -> str:
    return f"would send {Delivery.objects.due(turn.now).count():,} alerts"
