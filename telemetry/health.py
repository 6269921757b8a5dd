"""What /readyz and /metrics show of telemetry. Registers itself with `controlplane.observability`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import nan

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from cameras.models import FleetVitals
from controlplane.observability import Finding, add_fleet_metrics, add_ready_check
from telemetry.history.dirty_ranges import count_pending
from telemetry.ingest.queues import oldest_wait_seconds
from telemetry.ingest.ticks import behind
from telemetry.models import StepRun
from telemetry.storage.forecast import forecast
from telemetry.storage.partitions import days_ahead

DAYS_AHEAD_WARNING = 2
STALLED_AFTER_SECONDS = 5.0
# Cron runs `maintain --once` every minute at most.
DETECTOR_WARNING = timedelta(minutes=3)


def check_ingest(now: datetime) -> Finding:
    """No request of this process has been waiting long for its commit."""
    waited = oldest_wait_seconds()
    if waited > STALLED_AFTER_SECONDS:
        return Finding(False, f"The oldest telemetry has been waiting {waited:.0f} seconds for its commit.")
    return Finding(True)


def check_clock(now: datetime) -> Finding:
    """This machine's clock is not behind what is stored."""
    reason = behind(FleetVitals.objects.values_list("ticked_at", flat=True).first(), now)
    return Finding(not reason, reason)


def check_partitions(now: datetime) -> Finding:
    """The coming days have their partitions; without them samples go to DEFAULT, and none is lost."""
    ahead = days_ahead(now)
    if ahead < DAYS_AHEAD_WARNING:
        return Finding(True, f"Warning: partitions for {ahead} days ahead only; is `maintain` running?")
    return Finding(True)


def check_detector(now: datetime) -> Finding:
    """Statuses are looked at; without that nobody is notified, though every status is shown as it is."""
    ran_at = StepRun.objects.filter(name="status").values_list("ran_at", flat=True).first()
    if ran_at is None:
        return Finding(True, "Warning: no status has been looked at yet; is `maintain` running?")
    if now - ran_at > DETECTOR_WARNING:
        minutes = (now - ran_at) // timedelta(minutes=1)
        return Finding(True, f"Warning: no status was looked at for {minutes} minutes; is `maintain` running?")
    return Finding(True)


def fleet_metrics(now: datetime) -> Iterable[Metric]:
    yield _gauge("controlplane_partition_days_ahead", "Whole days ahead that have partitions.", days_ahead(now))
    pending = count_pending()
    yield _gauge("controlplane_rollup_marks_open", "Dirty ranges: spans whose rollups are not computed.", pending)
    room = forecast(now)
    yield _gauge("controlplane_telemetry_bytes", "Bytes that telemetry takes.", room.bytes_used)
    if room.bytes_max is not None:
        yield _gauge("controlplane_telemetry_bytes_max", "Bytes that telemetry may take.", room.bytes_max)
    if room.bytes_per_day is not None:
        yield _gauge("controlplane_telemetry_bytes_per_day", "By how much telemetry grows.", room.bytes_per_day)
    days = nan if room.full_in_days is None else room.full_in_days
    yield _gauge(
        "controlplane_telemetry_full_in_days", "When it is full at this rate; +Inf is never, NaN too early.", days
    )


def step_metrics(now: datetime) -> Iterable[Metric]:
    """How each step of `maintain` last went, whichever process it ran in."""
    succeeded = GaugeMetricFamily(
        "controlplane_maintenance_last_success_timestamp_seconds", "When a step last succeeded.", labels=["step"]
    )
    duration = GaugeMetricFamily(
        "controlplane_maintenance_duration_seconds", "How long a step took, last time.", labels=["step"]
    )
    rows = GaugeMetricFamily(
        "controlplane_maintenance_rows", "Rows that a step dealt with, last time.", labels=["step"]
    )
    rounds = CounterMetricFamily(
        "controlplane_maintenance_rounds_total", "How often a step ran.", labels=["step", "outcome"]
    )
    for run in StepRun.objects.order_by("name"):
        if run.succeeded_at:
            succeeded.add_metric([run.name], run.succeeded_at.timestamp())
        duration.add_metric([run.name], run.duration_seconds)
        rows.add_metric([run.name], run.rows)
        rounds.add_metric([run.name, "succeeded"], run.succeeded)
        rounds.add_metric([run.name, "failed"], run.failed)
    yield from (succeeded, duration, rows, rounds)


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help, value=value)


add_ready_check("ingest", check_ingest)
add_ready_check("clock", check_clock)
add_ready_check("partitions", check_partitions)
add_ready_check("detector", check_detector)
add_fleet_metrics(fleet_metrics)
add_fleet_metrics(step_metrics)
