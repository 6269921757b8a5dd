"""Reminders of what still holds and nobody has acknowledged, to the subscriptions that ask for them."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min

from cameras.windows.muting import mutes_during
from telemetry.alerts import outbox, wording
from telemetry.alerts.incident_models import Incident, IncidentState
from telemetry.alerts.models import Alert, Delivery, DeliveryState, Subscription

# Of one subscription in one round: the next one comes in seconds.
AT_MOST = 50


def remind(now: datetime) -> int:
    """Notify again of open incidents whose last message is `repeat_seconds` old; returns of how many.

    One query where no subscription asks for reminders. Nothing is sent in quiet hours, nor of what is muted now.
    """
    reminded = 0
    for subscription in Subscription.objects.filter(is_active=True, repeat_seconds__gt=0).order_by("pk"):
        if outbox.quiet_at(subscription, now) is None:
            reminded += _remind(subscription, now)
    return reminded


def _remind(subscription: Subscription, now: datetime) -> int:
    with transaction.atomic():
        # Whoever else reminds meanwhile waits, and finds that it is done.
        Subscription.objects.select_for_update(no_key=True, of=("self",)).get(pk=subscription.pk)
        due = _due(subscription, now)
        if not due:
            return 0
        incidents = Incident.objects.in_bulk(due)
        mutes = mutes_during(now, now)
        alerts = [
            alert
            for incident_id in due
            if mutes.until(alert := wording.of_reminder(incidents[incident_id], now)) is None
        ]
        Alert.objects.bulk_create(alerts)
        Delivery.objects.bulk_create(
            Delivery(alert=alert, subscription=subscription, created_at=now, next_attempt_at=now)
            for alert in alerts
        )
    return len(alerts)


def _due(subscription: Subscription, now: datetime) -> list[UUID]:
    """The open incidents that the subscription was notified of, and of which it last heard long enough ago.

    While a message of one waits to be sent it is not reminded of.
    """
    told = Delivery.objects.filter(
        subscription=subscription, alert__incident__state=IncidentState.OPEN, alert__incident__ended_at=None
    ).exclude(state=DeliveryState.WITHDRAWN)
    last = told.values("alert__incident").annotate(last_at=Max("finished_at"), first=Min("created_at"))
    waiting = told.filter(state=DeliveryState.WAITING).values("alert__incident")
    old = last.filter(last_at__lte=now - timedelta(seconds=subscription.repeat_seconds)).exclude(
        alert__incident__in=waiting
    )
    return list(old.order_by("first").values_list("alert__incident", flat=True)[:AT_MOST])
