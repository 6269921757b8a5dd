"""Which loops there are, and which steps each of them runs. A new step is added to one of them."""

from cameras import recycle_bin
from cameras.windows import upkeep as windows
from controlplane.access import throttle
from controlplane.access.session_store import ended_sessions
from telemetry.alerts import steps as alerts
from telemetry.history import dirty_ranges, rollups
from telemetry.maintenance.loops import Loop
from telemetry.maintenance.steps import Step, Turn
from telemetry.storage import forecast, partitions, retention

# Silence is noticed so long after its deadline at the latest, and what is marked after a quarter of a second.
DETECTOR_SECONDS = 2.0
ALERTS_SECONDS = 10.0
CAPACITY_SECONDS = 10.0
WINDOWS_SECONDS = 5.0


def _make_partitions(turn: Turn) -> str:
    made = partitions.make_partitions(turn.now)
    return f"made {', '.join(made)}" if made else "all days are there"


def _plan_partitions(turn: Turn) -> str:
    ahead = partitions.days_ahead(turn.now)
    if ahead >= partitions.DAYS_AHEAD:
        return "all days are there"
    return f"{ahead} of {partitions.DAYS_AHEAD} days ahead are there; would make what is missing"


def _begin_and_end_windows(turn: Turn) -> str:
    done = windows.begin_and_end(turn.now, stopping=turn.stopping)
    turn.progress(done.stopped + done.started)
    return f"stopped {done.stopped:,} cameras, started {done.started:,} again"


def _plan_windows(turn: Turn) -> str:
    return f"would begin or end {windows.count_due(turn.now):,} windows"


def _empty_bin(turn: Turn) -> str:
    return f"erased {recycle_bin.erase_expired(turn.now, stopping=turn.stopping):,} deleted cameras"


def _plan_bin(turn: Turn) -> str:
    return f"would erase {recycle_bin.count_expired(turn.now):,} deleted cameras"


def _purge(turn: Turn) -> str:
    purged = retention.purge_deleted_cameras(stopping=turn.stopping, progress=turn.progress)
    return f"removed {purged.samples:,} samples; finished with {purged.cameras:,} deleted cameras"


def _plan_purge(turn: Turn) -> str:
    purged = retention.samples_to_purge()
    return f"would remove {purged.samples:,} samples of {purged.cameras:,} deleted cameras"


def _compute_rollups(turn: Turn) -> str:
    written = rollups.compute_rollups(turn.now, stopping=turn.stopping, progress=turn.progress)
    return f"computed {written:,} minutes"


def _plan_rollups(turn: Turn) -> str:
    return f"{dirty_ranges.count_pending():,} dirty ranges; would compute those that have settled"


def _remove_old(turn: Turn) -> str:
    removed = retention.remove_old(turn.now, stopping=turn.stopping, progress=turn.progress)
    return f"removed {', '.join(removed)}" if removed else "nothing is too old or too much"


def _plan_removal(turn: Turn) -> str:
    due = retention.due(turn.now)
    plan = f"would remove {', '.join(due)}" if due else "nothing is too old or too much"
    return f"{plan}; {forecast.forecast(turn.now)}"


def _clear_sessions(turn: Turn) -> str:
    removed, _by_model = ended_sessions(turn.now).delete()
    return f"removed {removed:,} sessions that had ended"


def _plan_sessions(turn: Turn) -> str:
    return f"would remove {ended_sessions(turn.now).count():,} sessions that have ended"


def _forget_failures(turn: Turn) -> str:
    removed, _by_model = throttle.forgotten(turn.now).delete()
    return f"forgot {removed:,} failures to sign in"


def _plan_forgetting_failures(turn: Turn) -> str:
    return f"would forget {throttle.forgotten(turn.now).count():,} failures to sign in"


def loops(upkeep_seconds: float) -> tuple[Loop, ...]:
    """All loops; that of the upkeep rests so long between two rounds.

    The numbers of their advisory locks are not that of telemetry.storage.partitions, which a step takes meanwhile.
    """
    return (
        Loop(
            "detector",
            lock=4_201_004,
            steps=(Step("status", alerts.record_status, alerts.plan_status),),
            every_seconds=DETECTOR_SECONDS,
            urgent=Step("status", alerts.record_marked, alerts.plan_status),
        ),
        Loop(
            "alerts",
            lock=4_201_005,
            steps=(Step("alerts", alerts.send_alerts, alerts.plan_alerts),),
            every_seconds=ALERTS_SECONDS,
            urgent=Step("alerts", alerts.send_new, alerts.plan_alerts),
        ),
        Loop(
            "mail",
            lock=4_201_007,
            steps=(Step("mail", alerts.send_mail, alerts.plan_alerts),),
            every_seconds=ALERTS_SECONDS,
            urgent=Step("mail", alerts.send_new_mail, alerts.plan_alerts),
        ),
        Loop(
            "capacity",
            lock=4_201_006,
            steps=(Step("capacity", alerts.watch_capacity, alerts.plan_capacity),),
            every_seconds=CAPACITY_SECONDS,
        ),
        Loop(
            "windows",
            lock=4_201_008,
            steps=(Step("windows", _begin_and_end_windows, _plan_windows),),
            every_seconds=WINDOWS_SECONDS,
        ),
        Loop(
            "upkeep",
            lock=4_201_002,
            steps=(
                Step("partitions", _make_partitions, _plan_partitions),
                Step("old_alerts", alerts.forget_old, alerts.plan_forgetting),
                Step("bin", _empty_bin, _plan_bin, resumable=True),
                Step("purge", _purge, _plan_purge, resumable=True),
                # Before retention, which removes no samples that are not summed up yet.
                Step("rollups", _compute_rollups, _plan_rollups, resumable=True),
                Step("retention", _remove_old, _plan_removal, resumable=True),
                Step("sessions", _clear_sessions, _plan_sessions),
                Step("sign_ins", _forget_failures, _plan_forgetting_failures),
            ),
            every_seconds=upkeep_seconds,
        ),
    )
