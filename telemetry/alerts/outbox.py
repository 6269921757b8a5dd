"""The durable outbox: alerts and their deliveries, written in the caller's transaction, claimed and settled.

Delivered at least once: what was claimed and not settled, because a process died, is claimed again under the
same id.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Value
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
from telemetry.alerts.quiet_hours import quiet_until
from telemetry.alerts.results import AddressState, Result

# What takes longer is kept meanwhile: then nobody sends what somebody else is still sending.
LEASE = timedelta(seconds=90)
FIRST_RETRY = timedelta(seconds=5)
MAX_RETRY = timedelta(hours=4)
# 5 s, 10 s, ... 4 h: about a day and a half in all.
ATTEMPTS = 20
KEPT = timedelta(days=30)
CHUNK = 1_000
WITHDRAWN_FIELDS = ["state", "finished_at", "next_attempt_at", "detail"]
# What is over within the grace is not sent at all.
GRACE_KINDS = (Kind.OFFLINE, Kind.ORPHANED)
# That a camera flaps is sent in the place of its last beginning.
REPLACED_BY = {Kind.FLAPPING: (Kind.OFFLINE,)}
# What ends what.
BEGUN_BY = {
    Kind.RECOVERED: (Kind.OFFLINE, Kind.FLAPPING),
    Kind.STEADY: (Kind.FLAPPING,),
    Kind.WORKING: (Kind.FAILING, Kind.FLAPPING),
    Kind.ORPHAN_GONE: (Kind.ORPHANED,),
    Kind.SITE_HEARD: (Kind.SITE_SILENT,),
    Kind.MASS_SILENCE_ENDED: (Kind.MASS_SILENCE_BEGAN,),
    Kind.CROWD_GONE: (Kind.CROWDED,),
}

_BEGUN_OR_REPLACED = BEGUN_BY | REPLACED_BY


def notify(alerts: Sequence[Alert], now: datetime) -> None:
    """Store the alerts, and a delivery to each subscription that is to be notified of them.

    Of a beginning those are notified who want it; of an end, those who were of its beginning, whatever they want
    since. Where an end comes within the grace, or within the mute in which it began, neither of the two is sent.
    """
    if not alerts:
        return
    Alert.objects.bulk_create(alerts)
    subscriptions = list(Subscription.objects.filter(is_active=True))
    mutes = mutes_during(min(alert.at for alert in alerts), max(alert.at for alert in alerts))
    begun = _begun([alert for alert in alerts if alert.kind in BEGUN_BY or alert.kind in REPLACED_BY])
    new: list[Delivery] = []
    withdrawn: list[Delivery] = []
    for alert in alerts:
        kind = Kind(alert.kind)
        earlier = _last_of(begun[alert.incident_id], _BEGUN_OR_REPLACED.get(kind, ()))
        gone = [delivery for delivery in earlier if _is_over_within_grace(delivery, alert)]
        if kind in BEGUN_BY:
            gone += [
                each for each in begun[alert.incident_id] if each.alert.kind == Kind.REMINDER and _is_unsent(each)
            ]
        for delivery in gone:
            _withdraw(delivery, now)
        withdrawn += gone
        if kind in BEGUN_BY and alert.incident_id:
            made = [
                Delivery(
                    alert=alert,
                    subscription_id=delivery.subscription_id,
                    follows=delivery,
                    created_at=now,
                    next_attempt_at=alert.at,
                )
                for delivery in earlier
                if delivery not in gone
            ]
        else:
            made = _of_beginning(alert, subscriptions, mutes, now)
            begun[alert.incident_id] += made
        new += made
    stored = {delivery.pk for delivery in new}
    Delivery.objects.bulk_create(new)
    Delivery.objects.bulk_update([each for each in withdrawn if each.pk not in stored], WITHDRAWN_FIELDS)


def _of_beginning(
    alert: Alert, subscriptions: Sequence[Subscription], mutes: Mutes, now: datetime
) -> list[Delivery]:
    return [
        Delivery(
            alert=alert,
            subscription=subscription,
            created_at=now,
            next_attempt_at=_not_before(alert, subscription, mutes),
        )
        for subscription in subscriptions
        if subscription.wants(alert) and not (subscription.escalation_seconds and _is_acknowledged(alert))
    ]


def _is_acknowledged(alert: Alert) -> bool:
    return alert.incident is not None and alert.incident.acknowledged_at is not None


def _not_before(alert: Alert, subscription: Subscription, mutes: Mutes) -> datetime:
    """When it is due: after the grace, a mute or quiet hours in which it began, and after its stage."""
    if alert.kind in BEGUN_BY:
        return alert.at
    grace = subscription.grace_seconds if alert.kind in GRACE_KINDS else 0
    staged = alert.at + timedelta(seconds=max(grace, subscription.escalation_seconds))
    due_at = max(staged, mutes.until(alert) or alert.at)
    return quiet_at(subscription, due_at) or due_at


def quiet_at(subscription: Subscription, moment: datetime) -> datetime | None:
    """When the quiet hours of a subscription end in which a moment lies."""
    return quiet_until(moment, subscription.quiet_from, subscription.quiet_until, subscription.quiet_zone)


def _begun(alerts: Sequence[Alert]) -> defaultdict[object, list[Delivery]]:
    """The deliveries of what the incidents of these alerts began with, locked: nobody begins to send one."""
    deliveries: defaultdict[object, list[Delivery]] = defaultdict(list)
    if incident_ids := {alert.incident_id for alert in alerts if alert.incident_id}:
        begun = Delivery.objects.filter(alert__incident__in=incident_ids).exclude(state=DeliveryState.WITHDRAWN)
        for delivery in begun.select_for_update(of=("self",)).select_related("alert").order_by("pk"):
            deliveries[delivery.alert.incident_id].append(delivery)
    return deliveries


def _last_of(deliveries: Sequence[Delivery], kinds: Collection[Kind]) -> list[Delivery]:
    """Those of the last alert of such a kind."""
    found = [each for each in deliveries if each.alert.kind in kinds and each.state != DeliveryState.WITHDRAWN]
    last = max(found, key=lambda each: (each.alert.created_at, each.alert.at), default=None)
    return [each for each in found if last and each.alert_id == last.alert_id]


def _is_over_within_grace(delivery: Delivery, alert: Alert) -> bool:
    """Whether the beginning had not been due when this came, and nobody has tried to send it."""
    due_at = delivery.next_attempt_at
    return _is_unsent(delivery) and due_at is not None and due_at > alert.at


def _is_unsent(delivery: Delivery) -> bool:
    return delivery.state == DeliveryState.WAITING and not delivery.attempts


def withdraw_later_stages(incident_id: UUID, now: datetime) -> None:
    """Nobody is notified any more that this incident is not acknowledged."""
    later = Q(subscription__escalation_seconds__gt=0) | Q(alert__kind=Kind.REMINDER)
    unsent = Delivery.objects.waiting().filter(later, alert__incident=incident_id, attempts=0)
    unsent.update(state=DeliveryState.WITHDRAWN, finished_at=now, next_attempt_at=None, detail="Acknowledged.")


def withdraw(incident_ids: Collection[UUID], now: datetime) -> None:
    """Whatever of these incidents nobody has tried to send is not sent any more: a greater one says it."""
    unsent = Delivery.objects.waiting().filter(alert__incident__in=incident_ids, attempts=0)
    unsent.update(
        state=DeliveryState.WITHDRAWN, finished_at=now, next_attempt_at=None, detail="Part of a greater incident."
    )


def told(incident_ids: Collection[UUID]) -> set[object]:
    """The incidents of which somebody has been notified, or will be."""
    sent = Delivery.objects.filter(alert__incident__in=incident_ids).exclude(state=DeliveryState.WITHDRAWN)
    return set(sent.values_list("alert__incident", flat=True))


def _withdraw(delivery: Delivery, now: datetime) -> None:
    delivery.state, delivery.finished_at = DeliveryState.WITHDRAWN, now
    delivery.next_attempt_at, delivery.detail = None, "Over within the grace."


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
        subscription.exclude(failing_since=None).update(failing_since=None, failing_told_at=None, last_error="")
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
    old = Alert.objects.filter(~Exists(waiting), created_at__lt=now - KEPT)
    # Who was notified of what still holds is to be notified of its end.
    return old.exclude(incident__isnull=False, incident__ended_at=None)
