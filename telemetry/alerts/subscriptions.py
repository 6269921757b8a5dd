"""Making, changing, trying and ending subscriptions: keyword-only, atomic, with a line in the audit trail.

Must not import doors.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from cameras import credentials
from controlplane.access import audit
from controlplane.access.principals import Author
from telemetry.alerts import destinations, outbox, sending, wording
from telemetry.alerts.models import MAX_GRACE_SECONDS, Channel, Delivery, Subscription, Topic
from telemetry.alerts.signature import new_secret

MAX_ADDRESSES = 20
FIELDS = ("name", "channel", "url", "addresses", "topics", "site", "grace_seconds", "is_active")


def clean_subscription(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all FIELDS as they are stored. Raises ValidationError that names each bad field."""
    cleaned, faults = {name: values[name] for name in FIELDS}, {}
    if not set(cleaned["topics"]) <= set(Topic.values) or not cleaned["topics"]:
        faults["topics"] = _("Choose what it tells of.")
    if not 0 <= cleaned["grace_seconds"] <= MAX_GRACE_SECONDS:
        faults["grace_seconds"] = _("From 0 to %(most)d seconds.") % {"most": MAX_GRACE_SECONDS}
    if cleaned["channel"] == Channel.WEBHOOK:
        cleaned["addresses"] = ""
        try:
            destinations.check_url(cleaned["url"])
        except destinations.RefusedDestination as error:
            faults["url"] = str(error)
    else:
        cleaned["url"] = ""
        addresses = cleaned["addresses"].replace(",", " ").split()
        cleaned["addresses"] = "\n".join(addresses)
        try:
            if not 1 <= len(addresses) <= MAX_ADDRESSES:
                raise ValidationError("")
            for address in addresses:
                validate_email(address)
        except ValidationError:
            faults["addresses"] = _("From 1 to %(most)d e-mail addresses, one a line.") % {"most": MAX_ADDRESSES}
    if faults:
        raise ValidationError(faults)
    return cleaned


def create_subscription(*, values: Mapping[str, Any], by: Author, now: datetime) -> tuple[Subscription, str]:
    """The new subscription from cleaned values, and its secret, which is not shown again; empty for e-mail."""
    subscription = Subscription(created_at=now, **values)
    secret = new_secret() if subscription.channel == Channel.WEBHOOK else ""
    if secret:
        subscription.sealed_secret = credentials.seal(subscription.pk, secret)
    with transaction.atomic():
        subscription.save(force_insert=True)
        _audit(subscription, "subscription.created", by, now)
    return subscription, secret


def update_subscription(
    *, subscription: Subscription, values: Mapping[str, Any], by: Author, now: datetime
) -> Subscription:
    """Write the cleaned values that differ; the channel stays, and so does the secret."""
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True, of=("self",)).get(pk=subscription.pk)
        changed = [name for name in FIELDS if name != "channel" and getattr(stored, name) != values[name]]
        for name in changed:
            setattr(stored, name, values[name])
        if changed:
            stored.save(update_fields=changed)
            _audit(stored, "subscription.updated", by, now, changed)
    return stored


def renew_secret(*, subscription: Subscription, by: Author, now: datetime) -> str:
    """A new secret, which is not shown again; from now on it signs, also what waits already."""
    secret = new_secret()
    with transaction.atomic():
        sealed = credentials.seal(subscription.pk, secret)
        Subscription.objects.filter(pk=subscription.pk).update(sealed_secret=sealed)
        _audit(subscription, "subscription.secret_renewed", by, now)
    return secret


def delete_subscription(*, subscription: Subscription, by: Author, now: datetime) -> None:
    """Remove it with its deliveries, also with those that wait."""
    with transaction.atomic():
        _audit(subscription, "subscription.deleted", by, now)
        subscription.delete()


def send_test(*, subscription: Subscription, by: Author, now: datetime) -> Delivery:
    """Send a test now, once, whatever the subscription asks for; returns its delivery as it was settled."""
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
    (fault,) = sending.send([delivery], now)
    outbox.settle(delivery, fault, now, attempts=1)  # nobody waits for the repetition of a test
    delivery.refresh_from_db()
    return delivery


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
