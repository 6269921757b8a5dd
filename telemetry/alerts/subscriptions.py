"""Making, changing, trying and ending subscriptions: keyword-only, atomic, with a line in the audit trail."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.rules import TIME_ZONES
from controlplane.access import audit
from controlplane.access.principals import Author
from controlplane.access.scope import Scope
from controlplane.sealing import Unreadable
from telemetry.alerts import outbox, sealing, sending, wording
from telemetry.alerts.channels.signature import new_secret
from telemetry.alerts.channels.table import channel_of
from telemetry.alerts.models import (
    DESTINATION_FIELDS,
    MAX_GRACE_SECONDS,
    Channel,
    Delivery,
    DeliveryState,
    Format,
    Subscription,
    Topic,
)
from telemetry.alerts.results import AddressState

TIMING_FIELDS = (
    "grace_seconds",
    "escalation_seconds",
    "repeat_seconds",
    "quiet_from",
    "quiet_until",
    "quiet_zone",
)
FIELDS = ("name", "channel", "format", *DESTINATION_FIELDS, "key", "topics", "site", *TIMING_FIELDS, "is_active")
UNLESS_SAID = {
    "escalation_seconds": 0,
    "repeat_seconds": 0,
    "quiet_from": None,
    "quiet_until": None,
    "quiet_zone": "UTC",
}
# By seconds, in the words of a choice.
ESCALATIONS = {
    0: gettext_lazy("everything, at once"),
    300: gettext_lazy("what nobody has acknowledged after 5 minutes"),
    900: gettext_lazy("what nobody has acknowledged after 15 minutes"),
    1_800: gettext_lazy("what nobody has acknowledged after 30 minutes"),
    3_600: gettext_lazy("what nobody has acknowledged after an hour"),
    14_400: gettext_lazy("what nobody has acknowledged after 4 hours"),
    43_200: gettext_lazy("what nobody has acknowledged after 12 hours"),
    86_400: gettext_lazy("what nobody has acknowledged after a day"),
}
REPEATS = {
    0: gettext_lazy("never"),
    900: gettext_lazy("every 15 minutes"),
    1_800: gettext_lazy("every 30 minutes"),
    3_600: gettext_lazy("every hour"),
    14_400: gettext_lazy("every 4 hours"),
    86_400: gettext_lazy("every day"),
}


# Of another channel or format there is another subscription.
FIXED = ("channel", "format")


def clean_subscription(values: dict[str, Any]) -> dict[str, Any]:
    """The values of all FIELDS as they are stored. Raises ValidationError that names each bad field."""
    values = UNLESS_SAID | values
    cleaned: dict[str, Any] = {name: values[name] for name in FIELDS} | dict.fromkeys(DESTINATION_FIELDS, "")
    cleaned |= {"format": Format.STANDARD.value, "key": ""}
    faults: dict[str, Any] = {}
    if not set(cleaned["topics"]) <= set(Topic.values) or not cleaned["topics"]:
        faults["topics"] = _("Choose what it notifies of.")
    if not 0 <= cleaned["grace_seconds"] <= MAX_GRACE_SECONDS:
        faults["grace_seconds"] = _("From 0 to %(most)d seconds.") % {"most": MAX_GRACE_SECONDS}
    for name, allowed in (("escalation_seconds", ESCALATIONS), ("repeat_seconds", REPEATS)):
        if cleaned[name] not in allowed:
            faults[name] = _("Choose one of the times.")
    if (cleaned["quiet_from"] is None) != (cleaned["quiet_until"] is None):
        faults["quiet_until"] = _("Give both times of the quiet hours, or neither.")
    if cleaned["quiet_zone"] not in TIME_ZONES:
        faults["quiet_zone"] = _("Choose a time zone.")
    if cleaned["channel"] not in Channel.values:
        faults["channel"] = _("Choose one of the channels.")
    else:
        try:
            cleaned |= channel_of(cleaned["channel"]).clean(values)
        except ValidationError as error:
            faults |= error.message_dict
    if faults:
        raise ValidationError(faults)
    return cleaned


class OutOfReach(PermissionDenied):
    """Somebody would notify, or be notified, of more than they may."""

    def __init__(self) -> None:
        super().__init__("You may do this for the subscriptions of a site of yours, and not for the whole fleet.")


def reaches(scope: Scope, site_id: UUID | None, topics: Collection[str]) -> bool:
    """Whether a subscription lies within a scope: it is of a site there, and not notified of the whole fleet."""
    return scope.is_whole or (scope.covers(None, site_id) and Topic.FLEET not in topics)


def _require(by: Author, verb: str, site_id: UUID | None, topics: Collection[str]) -> None:
    if not reaches(by.principal.scope_for(f"alerts.{verb}_subscription"), site_id, topics):
        raise OutOfReach


def create_subscription(*, values: Mapping[str, Any], by: Author, now: datetime) -> tuple[Subscription, str]:
    """The new subscription from cleaned values, and its secret, which is not shown again.

    The secret is empty where the channel is not signed. This, and all that follows, raises OutOfReach.
    """
    subscription = Subscription(created_at=now)
    for name in FIELDS:
        if name in values:
            _put(subscription, name, values[name])
    _require(by, "add", subscription.site_id, subscription.topics)
    secret = new_secret() if channel_of(subscription.channel).signs(subscription) else ""
    if secret:
        sealing.put_secret(subscription, secret)
    with transaction.atomic():
        subscription.save(force_insert=True)
        _audit(subscription, "subscription.created", by, now)
    return subscription, secret


def update_subscription(
    *, subscription: Subscription, values: Mapping[str, Any], by: Author, now: datetime
) -> Subscription:
    """Write the cleaned values that differ; the channel and its format stay, and so does a secret that signs."""
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True, of=("self",)).get(pk=subscription.pk)
        _require(by, "change", stored.site_id, stored.topics)
        changed = [
            name
            for name in FIELDS
            if name in values and name not in FIXED and value_of(stored, name) != values[name]
        ]
        columns = [column for name in changed for column in _put(stored, name, values[name])]
        _require(by, "change", stored.site_id, stored.topics)
        if changed:
            stored.save(update_fields=columns)
            _audit(stored, "subscription.updated", by, now, changed)
    return stored


def renew_secret(*, subscription: Subscription, by: Author, now: datetime) -> str:
    """A new secret, which is not shown again; it signs from now on, for a day beside the one before."""
    _require(by, "change", subscription.site_id, subscription.topics)
    secret = new_secret()
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True, of=("self",)).get(pk=subscription.pk)
        stored.save(update_fields=sealing.replace_secret(stored, secret, now))
        _audit(subscription, "subscription.secret_renewed", by, now)
    return secret


def delete_subscription(*, subscription: Subscription, by: Author, now: datetime) -> None:
    """Remove it with its deliveries, also with those that wait."""
    _require(by, "delete", subscription.site_id, subscription.topics)
    with transaction.atomic():
        _audit(subscription, "subscription.deleted", by, now)
        subscription.delete()


def send_test(*, subscription: Subscription, by: Author, now: datetime) -> Delivery:
    """Send a test now, once, whatever the subscription asks for; returns its delivery as it was settled."""
    _require(by, "change", subscription.site_id, subscription.topics)
    alert = wording.test(subscription.name, by.label, now)
    with transaction.atomic():
        alert.save(force_insert=True)
        delivery = Delivery.objects.create(
            alert=alert,
            subscription=subscription,
            created_at=now,
            attempts=1,
            next_attempt_at=now + outbox.LEASE,
        )
        _audit(subscription, "subscription.tested", by, now)
    outbox.settle(
        delivery, sending.send(delivery, now), now, attempts=1
    )  # nobody waits for the repetition of a test
    delivery.refresh_from_db()
    return delivery


def send_again(*, delivery_id: UUID, by: Author, now: datetime) -> bool:
    """Let a delivery that was given up be sent once more, to whom it was not told yet; False where it was not.

    It keeps its id: a receiver that has seen it knows it again.
    """
    with transaction.atomic():
        locked = Delivery.objects.select_for_update(no_key=True, of=("self",)).select_related("subscription")
        delivery = locked.get(pk=delivery_id)
        _require(by, "change", delivery.subscription.site_id, delivery.subscription.topics)
        if delivery.state != DeliveryState.GIVEN_UP:
            return False
        delivery.state, delivery.attempts, delivery.finished_at = DeliveryState.WAITING, 0, None
        delivery.next_attempt_at = now
        told = {name: one for name, one in (delivery.addresses or {}).items() if one["state"] == AddressState.TOLD}
        delivery.addresses = told or None
        delivery.save(update_fields=["state", "attempts", "finished_at", "next_attempt_at", "addresses"])
        _audit(delivery.subscription, "subscription.sent_again", by, now)
    return True


def value_of(subscription: Subscription, name: str) -> Any:
    """The value of one of FIELDS; what cannot be opened is empty, and a secret that signs is no key."""
    if name not in ("url", "key"):
        return getattr(subscription, name)
    if name == "key" and subscription.format == Format.STANDARD:
        return ""
    try:
        return sealing.url_of(subscription) if name == "url" else sealing.secret_of(subscription)
    except Unreadable:
        return ""


def _put(subscription: Subscription, name: str, value: Any) -> tuple[str, ...]:
    """Set the value of one of FIELDS; returns the columns that hold it."""
    if name == "url":
        sealing.put_url(subscription, value)
        return ("sealed_url", "shown_url")
    if name == "key":
        if value:
            sealing.put_secret(subscription, value)
        return ("sealed_secret",)
    if name == "is_active" and value and not subscription.is_active:
        # Somebody has looked.
        subscription.ended_at, subscription.failing_since, subscription.last_error = None, None, ""
        subscription.failing_told_at, subscription.is_active = None, True
        return ("is_active", "ended_at", "failing_since", "failing_told_at", "last_error")
    setattr(subscription, name, value)
    return (name,)


def _audit(
    subscription: Subscription, action: str, by: Author, now: datetime, fields: list[str] | None = None
) -> None:
    audit.record(
        by=by,
        now=now,
        action=action,
        object_type="subscription",
        object_id=subscription.pk,
        object_name=subscription.name,
        fields=fields or (),
    )
