"""The part of `maintain` that this app does: notice what happened, then notify."""

from datetime import datetime
from typing import Protocol

from cameras.interruptions import read_interruptions
from telemetry.alerts import (
    breaches,
    channel_faults,
    incident_parts,
    incidents,
    mass_silence,
    outbox,
    reminders,
    sending,
    site_silence,
    transitions,
)
from telemetry.alerts.limited_zones import zones_with_capacity
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
    site_silence.notice_dark_sites(turn.now)
    recorded = transitions.record_transitions(turn.now, stopping=turn.stopping)
    site_silence.notice_sites_heard(turn.now)
    if not turn.stopping():  # else not all is stored of what ended with a greater one
        incident_parts.split_what_is_over(turn.now)
    reminders.remind(turn.now)
    turn.progress(recorded)
    return f"stored {recorded:,} transitions"


def plan_status(turn: Turn) -> str:
    changed = transitions.changed_cameras(turn.now, read_interruptions(turn.now, up_to_last_tick=True))
    return f"{len(changed):,} cameras may have another status than before; would store what changed"


def record_marked(turn: Turn) -> str:
    # Without a look at the whole fleet: that is never longer ago than it takes a silent camera to go offline.
    recorded = transitions.record_marked(turn.now, stopping=turn.stopping)
    return f"stored {recorded:,} transitions of what was marked" if recorded else ""


def watch_capacity(turn: Turn) -> str:
    changed = breaches.watch_capacity(turn.now, stopping=turn.stopping)
    turn.progress(changed)
    return f"{changed:,} zones went over or within their capacity"


def plan_capacity(turn: Turn) -> str:
    return f"would read the new samples of {sum(map(len, zones_with_capacity().values())):,} zones with a capacity"


def send_alerts(turn: Turn) -> str:
    channel_faults.notify_others(turn.now)
    arrived, failed = sending.send_due(turn.now, stopping=turn.stopping, excluded=outbox.by_mail(True))
    turn.progress(arrived + failed)
    return f"delivered {arrived:,}, failed {failed:,}"


def plan_alerts(turn: Turn) -> str:
    return f"would send {Delivery.objects.due(turn.now).count():,} alerts"


def send_new(turn: Turn) -> str:
    """Send what has become due, but not to who has just failed: they wait for the next round, or their turn."""
    if not Delivery.objects.due(turn.now).exists():
        return ""
    excluded = outbox.failing(turn.now) | outbox.by_mail(True)
    arrived, failed = sending.send_due(turn.now, stopping=turn.stopping, excluded=excluded)
    return f"delivered {arrived:,}, failed {failed:,}" if arrived or failed else ""


def send_mail(turn: Turn) -> str:
    """E-mails for themselves: a mail server may take minutes, which nothing else waits for."""
    arrived, failed = sending.send_due(turn.now, stopping=turn.stopping, excluded=outbox.by_mail(False))
    turn.progress(arrived + failed)
    return f"delivered {arrived:,} e-mails, failed {failed:,}"


def send_new_mail(turn: Turn) -> str:
    """As `send_new`, of e-mails."""
    if not Delivery.objects.due(turn.now).exists():
        return ""
    excluded = outbox.failing(turn.now) | outbox.by_mail(False)
    arrived, failed = sending.send_due(turn.now, stopping=turn.stopping, excluded=excluded)
    return f"delivered {arrived:,} e-mails, failed {failed:,}" if arrived or failed else ""


def forget_old(turn: Turn) -> str:
    alerts, old = outbox.forget_old(turn.now), transitions.forget_old(turn.now)
    turn.progress(alerts + old + incidents.forget_old(turn.now))
    return f"removed {alerts:,} alerts and {old:,} transitions of long ago"


def plan_forgetting(turn: Turn) -> str:
    return f"would remove {outbox.count_old(turn.now):,} alerts of long ago, and transitions of over a year ago"
