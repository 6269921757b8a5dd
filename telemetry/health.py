"""What /readyz and /metrics tell of telemetry. Registers itself with `controlplane.observability`."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from cameras.models import FleetVitals
from controlplane.observability import Finding, add_fleet_metrics, add_ready_check
from telemetry.lanes import oldest_wait_seconds
from telemetry.partitions import days_ahead
from telemetry.ticks import behind

DAYS_AHEAD_WARNING = 2
STALLED_AFTER_SECONDS = 5.0


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


def fleet_metrics(now: datetime) -> Iterable[Metric]:
    ahead = GaugeMetricFamily("controlplane_partition_days_ahead", "Whole days ahead that have a partition.")
    ahead.add_metric([], days_ahead(now))
    yield ahead


add_ready_check("ingest", check_ingest)
add_ready_check("clock", check_clock)
add_ready_check("partitions", check_partitions)
add_fleet_metrics(fleet_metrics)
