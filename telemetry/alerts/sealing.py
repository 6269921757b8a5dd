"""What of a subscription is a secret, sealed at rest: its signing secret, and the address that its webhook calls.

An address is often all that a chat tool asks for. Of it the admin shows the host only.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from controlplane.sealing import Seal, SealedColumn, Unreadable
from telemetry.alerts.models import Subscription

_SECRET = Seal("webhook secret", opens_without_purpose=True)
_OLD_SECRET = Seal("old webhook secret")
_URL = Seal("webhook url")
OLD_SECRET_SIGNS = timedelta(days=1)
SealedColumn(_SECRET, Subscription, "sealed_secret")
SealedColumn(_OLD_SECRET, Subscription, "sealed_old_secret")
SealedColumn(_URL, Subscription, "sealed_url")


def put_secret(subscription: Subscription, secret: str) -> None:
    subscription.sealed_secret = _SECRET.close(subscription.pk, secret.encode())


def secret_of(subscription: Subscription) -> str:
    """What signs, or the key that a tool asks for; empty for none. Raises controlplane.sealing.Unreadable."""
    sealed = subscription.sealed_secret
    return _SECRET.open(subscription.pk, sealed).decode() if sealed else ""


def replace_secret(subscription: Subscription, secret: str, now: datetime) -> tuple[str, ...]:
    """Put a new one, and keep the one before for a day; returns the columns that hold them."""
    try:
        old = secret_of(subscription)
    except Unreadable:
        old = ""
    subscription.sealed_old_secret = _OLD_SECRET.close(subscription.pk, old.encode()) if old else ""
    subscription.old_secret_until = now + OLD_SECRET_SIGNS if old else None
    put_secret(subscription, secret)
    return ("sealed_secret", "sealed_old_secret", "old_secret_until")


def old_secret_of(subscription: Subscription, now: datetime) -> list[str]:
    """The secret before, while it signs too. One that cannot be opened is left out."""
    until = subscription.old_secret_until
    if not subscription.sealed_old_secret or until is None or until <= now:
        return []
    try:
        return [_OLD_SECRET.open(subscription.pk, subscription.sealed_old_secret).decode()]
    except Unreadable:
        return []


def put_url(subscription: Subscription, url: str) -> None:
    """An empty one holds nothing."""
    parts = urlsplit(url)
    subscription.sealed_url = _URL.close(subscription.pk, url.encode()) if url else ""
    subscription.shown_url = f"{parts.scheme}://{parts.netloc}/…" if url else ""


def url_of(subscription: Subscription) -> str:
    """Raises controlplane.sealing.Unreadable."""
    return _URL.open(subscription.pk, subscription.sealed_url).decode() if subscription.sealed_url else ""
