"""That nothing arrives by a subscription is sent once by the others of its site: else nobody would notice."""

from datetime import datetime

from django.db import transaction

from telemetry.alerts import wording
from telemetry.alerts.models import Alert, Delivery, Subscription


def notify_others(now: datetime) -> int:
    """Notify of subscriptions that have begun to fail; returns of how many. One query where none has.

    Others are those of the same site and those of all sites that are active and do not fail themselves.
    """
    begun = Subscription.objects.failing(now).filter(failing_told_at=None).order_by("pk")
    if not begun.exists():
        return 0
    with transaction.atomic():
        failing = list(begun.select_for_update(no_key=True, of=("self",)))
        others = list(Subscription.objects.filter(is_active=True, failing_since=None))
        alerts, deliveries = [], []
        for subscription in failing:
            alert = wording.of_channel(subscription, now)
            notified = [other for other in others if other.site_id in (None, subscription.site_id)]
            if notified:
                alerts.append(alert)
            deliveries += [
                Delivery(alert=alert, subscription=other, created_at=now, next_attempt_at=now)
                for other in notified
            ]
        Alert.objects.bulk_create(alerts)
        Delivery.objects.bulk_create(deliveries)
        Subscription.objects.filter(pk__in=[each.pk for each in failing]).update(failing_told_at=now)
    return len(failing)
