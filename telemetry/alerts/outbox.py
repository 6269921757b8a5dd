"""The durable outbox: alerts and their deliveries, written in the caller's transaction, claimed and settled.

Delivered at least once: what was claimed and not settled, because a process died, is claimed again under the
same id.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, Min, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce

from cameras.windows.muting import Mutes, mutes_during
from telemetry.alerts.models import (
    Alert,
    AttemptTotal,
    Channel,
    Delivery,
    DeliveryState,
    Kind,
    Outcome,
    Subscription,
)
from telemetry.alerts.results import AddressState, Result

# What takes longer is kept meanwhile: then nobody sends what somebody else is still sending.
LEASE = timedelta(seconds=90)
FIRST_RETRY = timedelta(seconds=5)
MAX_RETRY = timedelta(hours=4)
# 5 s, 10 s, ... 4 h: about a day and a half in all.
ATTEMPTS = 20
KEPT = timedelta(days=30)
CHUNK = 1_000
# What is over within the grace, or within the mute in which it began, is not sent at all.
ENDED_BY = {
    Kind.RECOVERED: Kind.OFFLINE,
    Kind.STEADY: Kind.FLAPPING,
    Kind.WORKING: Kind.FAILING,
    Kind.ORPHAN_GONE: Kind.ORPHANED,
    Kind.MASS_SILENCE_ENDED: Kind.MASS_SILENCE_BEGAN,
    Kind.CROWD_GONE: Kind.CROWDED,
}
BEGINNINGS = frozenset(ENDED_BY.values())
WITH_GRACE = (Kind.OFFLINE, Kind.ORPHANED)
# That a camera flaps is sent in the place of its last beginning.
WITHDRAWN_BY = ENDED_BY | {Kind.FLAPPING: Kind.OFFLINE}


def notify(alerts: Sequence[Alert], now: datetime) -> None:
    """Store the alerts, and a delivery to each subscription that wants them.

    Where an alert ends within a subscription's grace what another began, neither of the two is sent to it. What
    begins in a mute waits for the end of it in the same way.
    """
    if not alerts:
        return
    subscriptions = list(Subscription.objects.filter(is_active=True))
    Alert.objects.bulk_create(alerts)
    if not subscriptions:
        return
    mutes = mutes_during(min(alert.at for alert in alerts), max(alert.at for alert in alerts))
    deliveries: list[Delivery] = []
    for alert in alerts:
        withdrawn: set[object] = set()
        if alert.kind in WITHDRAWN_BY:
            # Its beginning may be among these alerts.
            Delivery.objects.bulk_create(deliveries)
            deliveries = []
            withdrawn = _withdraw(alert, now)
        deliveries += [
            Delivery(
                alert=alert,
                subscription=subscription,
                created_at=now,
                next_attempt_at=_not_before(alert, subscription, mutes),
            )
            for subscription in subscriptions
            if subscription.wants(alert) and not (alert.kind in ENDED_BY and subscription.pk in withdrawn)
        ]
    Delivery.objects.bulk_create(deliveries)


def _not_before(alert: Alert, subscription: Subscription, mutes: Mutes) -> datetime:
    if alert.kind not in BEGINNINGS:
        return alert.at
    grace = subscription.grace_seconds if alert.kind in WITH_GRACE else 0
    return max(alert.at + timedelta(seconds=grace), mutes.until(alert) or alert.at)


def _withdraw(alert: Alert, now: datetime) -> set[object]:
    """The subscriptions whose delivery of the beginning had not been due when the end came."""
    begun = Delivery.objects.waiting().filter(
        alert__camera_id=alert.camera_id,
        alert__kind=WITHDRAWN_BY[Kind(alert.kind)],
        attempts=0,
        next_attempt_at__gt=alert.at,
    )
    if "zone" in alert.data:  # of one zone
        begun = begun.filter(alert__data__zone=alert.data["zone"])
    withdrawn: set[object] = set()
    for delivery in begun.values_list("pk", "subscription_id"):
        unsent = Delivery.objects.filter(pk=delivery[0], attempts=0, state=DeliveryState.WAITING)
        if unsent.update(
            state=DeliveryState.WITHDRAWN, finished_at=now, next_attempt_at=None, detail="Over within the grace."
        ):
            withdrawn.add(delivery[1])
    return withdrawn


def claim(now: datetime, at_most: int, each: int, excluded: Iterable[object]) -> list[Delivery]:
    """Take deliveries that are due, so that nobody else sends them for as long as LEASE.

    Takes at most `each` of one subscription, so that none waits for another's backlog, and none of those in
    `excluded`.
    """
    due = Delivery.objects.due(now)
    oldest = due.exclude(subscription_id__in=list(excluded)).order_by().values("subscription_id")
    turn = oldest.annotate(oldest=Min("next_attempt_at")).order_by("oldest", "subscription_id")
    taken: list[Delivery] = []
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        for subscription_id in turn.values_list("subscription_id", flat=True)[: at_most // each]:
            mine = due.filter(subscription_id=subscription_id).select_related("alert", "subscription")
            taken += mine[:each]
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in taken]).update(
            attempts=F("attempts") + 1, next_attempt_at=now + LEASE
        )
    for delivery in taken:
        delivery.attempts += 1
    return taken


def settle(delivery: Delivery, result: Result, now: datetime, *, attempts: int = ATTEMPTS) -> None:
    """Write what became of an attempt, of the channel too. A repetition under way is left alone.

    After so many `attempts` it is given up.
    """
    mine = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, attempts=delivery.attempts)
    addresses = dict(delivery.addresses or {})
    addresses |= {name: {"state": str(one.state), "detail": one.detail} for name, one in result.addresses.items()}
    refused = [name for name, one in addresses.items() if one["state"] == AddressState.REFUSED]
    if refused and not result.fault:  # by an attempt before
        result = result._replace(fault=f"Told all others. Refused for good {', '.join(refused)}.", is_final=True)
    written: dict[str, Any] = {"detail": result.fault[:300], "addresses": addresses or None}
    if not result.fault:
        # It has arrived, even if a later attempt is under way.
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.DELIVERED, finished_at=now, next_attempt_at=None, **written
        )
    elif result.is_final or delivery.attempts >= attempts:
        mine.update(state=DeliveryState.GIVEN_UP, finished_at=now, next_attempt_at=None, **written)
    else:
        wait = max(retry_after(delivery.attempts), min(result.wait, MAX_RETRY))
        mine.update(next_attempt_at=now + wait, **written)
    _note_channel(delivery.subscription_id, result, now)


def _note_channel(subscription_id: UUID, result: Result, now: datetime) -> None:
    """Since when a subscription's channel fails, and with what; one whose receiver is gone ends."""
    subscription = Subscription.objects.filter(pk=subscription_id)
    if not result.fault:
        subscription.exclude(failing_since=None).update(failing_since=None, last_error="")
        return
    ended = {"is_active": False, "ended_at": now} if result.is_gone else {}
    subscription.update(
        last_error=result.fault[:300], failing_since=Coalesce(F("failing_since"), Value(now)), **ended
    )


def keep(deliveries: Collection[Delivery], now: datetime) -> None:
    """Keep what is still being sent from being claimed by others, for another LEASE."""
    for delivery in deliveries:
        mine = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, attempts=delivery.attempts)
        mine.update(next_attempt_at=now + LEASE)


def by_mail(yes: bool) -> set[object]:
    """The subscriptions whose channel is e-mail, or those whose is not."""
    mail = (
        Subscription.objects.filter(channel=Channel.EMAIL)
        if yes
        else Subscription.objects.exclude(channel=Channel.EMAIL)
    )
    return set(mail.values_list("pk", flat=True))


def count_attempt(channel: str, outcome: Outcome) -> None:
    """Add one attempt to the totals, in the transaction in which it is settled."""
    total = AttemptTotal.objects.filter(channel=channel, outcome=outcome)
    one_more = {"attempts": F("attempts") + 1}
    if not total.update(**one_more):
        AttemptTotal.objects.get_or_create(channel=channel, outcome=outcome)
        total.update(**one_more)


def retry_after(attempts: int) -> timedelta:
    """How long to wait after so many failures: doubled each time up to four hours, and spread by a fifth."""
    spread = random.uniform(0.8, 1.2)  # noqa: S311  # so that receivers are not all asked at once
    doubled: timedelta = FIRST_RETRY * 2 ** (attempts - 1)
    return min(doubled, MAX_RETRY) * spread


def failing(now: datetime) -> set[object]:
    """The subscriptions with a delivery that has failed and waits to be repeated, or is being sent elsewhere."""
    attempted = Delivery.objects.waiting().filter(attempts__gt=0, next_attempt_at__gt=now)
    return set(attempted.values_list("subscription_id", flat=True))


def forget_old(now: datetime) -> int:
    """Remove alerts that were settled long ago, with their deliveries, a chunk at a time."""
    removed = 0
    while ids := list(_old(now).values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            Alert.objects.filter(pk__in=ids).delete()
        removed += len(ids)
    return removed


def count_old(now: datetime) -> int:
    """How many alerts `forget_old` would remove."""
    return _old(now).count()


def _old(now: datetime) -> QuerySet[Alert]:
    waiting = Delivery.objects.waiting().filter(alert=OuterRef("pk"), subscription__is_active=True)
    return Alert.objects.filter(~Exists(waiting), created_at__lt=now - KEPT)
