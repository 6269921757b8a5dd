"""What of a subscription is a secret, sealed at rest: its signing secret, and the address that its webhook calls.

An address is often all that a chat tool asks for. Of it the admin shows the host only.
"""

from urllib.parse import urlsplit

from controlplane.sealing import Seal, SealedColumn
from telemetry.alerts.models import Subscription

_SECRET = Seal("webhook secret", opens_without_purpose=True)
_URL = Seal("webhook url")
SealedColumn(_SECRET, Subscription, "sealed_secret")
SealedColumn(_URL, Subscription, "sealed_url")


def put_secret(subscription: Subscription, secret: str) -> None:
    subscription.sealed_secret = _SECRET.close(subscription.pk, secret.encode())


def secret_of(subscription: Subscription) -> str:
    """What signs, or the key that a tool asks for; empty for none. Raises controlplane.sealing.Unreadable."""
    sealed = subscription.sealed_secret
    return _SECRET.open(subscription.pk, sealed).decode() if sealed else ""


def put_url(subscription: Subscription, url: str) -> None:
    """An empty one holds nothing."""
    parts = urlsplit(url)
    subscription.sealed_url = _URL.close(subscription.pk, url.encode()) if url else ""
    subscription.shown_url = f"{parts.scheme}://{parts.netloc}/…" if url else ""


def url_of(subscription: Subscription) -> str:
    """Raises controlplane.sealing.Unreadable."""
    return _URL.open(subscription.pk, subscription.sealed_url).decode() if subscription.sealed_url else ""
