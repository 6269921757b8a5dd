"""What /readyz and /metrics say of alerts. Registers itself with `controlplane.observability`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import product

from django.db.models import Min
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from controlplane.observability import Finding, add_fleet_metrics, add_ready_check
from telemetry.alerts.models import (
    AttemptTotal,
    Breach,
    Channel,
    Delivery,
    DeliveryState,
    Flapping,
    Outcome,
    Subscription,
)

LATE_AFTER = timedelta(minutes=5)
MOST_NAMED = 5


def check_alerts(now: datetime) -> Finding:
    """What is due is being sent, and arrives."""
    late = now - _oldest_due(now)
    if late > LATE_AFTER:
        minutes = late // timedelta(minutes=1)
        return Finding(True, f"Warning: alerts have been due for {minutes} minutes; is `maintain` running?")
    failing = list(Subscription.objects.failing(now).order_by("name").values_list("name", flat=True)[:MOST_NAMED])
    if failing:
        return Finding(True, f"Warning: alerts do not arrive by: {', '.join(failing)}.")
    return Finding(True)


def fleet_metrics(now: datetime) -> Iterable[Metric]:
    deliveries = GaugeMetricFamily("controlplane_alert_deliveries", "Deliveries of alerts.", labels=["state"])
    for state in (DeliveryState.WAITING, DeliveryState.GIVEN_UP):
        deliveries.add_metric([state.value], Delivery.objects.filter(state=state).count())
    yield deliveries
    attempts = CounterMetricFamily(
        "controlplane_alert_attempts_total", "Attempts to deliver an alert.", labels=["channel", "outcome"]
    )
    totals = {(total.channel, total.outcome): total.attempts for total in AttemptTotal.objects.all()}
    # Those that never happened too: a rate needs the 0 before the first.
    for channel, outcome in product(Channel.values, Outcome.values):
        attempts.add_metric([channel, outcome], totals.get((channel, outcome), 0))
    yield attempts
    overdue = GaugeMetricFamily("controlplane_alerts_overdue_seconds", "How long the oldest alert is due.")
    overdue.add_metric([], (now - _oldest_due(now)).total_seconds())
    yield overdue
    failing = GaugeMetricFamily("controlplane_alert_subscriptions_failing", "Subscriptions that nothing reaches.")
    failing.add_metric([], Subscription.objects.failing(now).count())
    yield failing
    flapping = GaugeMetricFamily("controlplane_cameras_flapping", "Cameras whose alerts are held back.")
    flapping.add_metric([], Flapping.objects.count())
    yield flapping
    crowded = GaugeMetricFamily("controlplane_zones_over_capacity", "Zones that hold more than their capacity.")
    crowded.add_metric([], Breach.objects.filter(ended_at=None).count())
    yield crowded


def _oldest_due(now: datetime) -> datetime:
    return Delivery.objects.due(now).order_by().aggregate(oldest=Min("next_attempt_at"))["oldest"] or now


add_ready_check("alerts", check_alerts)
add_fleet_metrics(fleet_metrics)
