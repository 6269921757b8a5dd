"""Secrets of subscriptions under the ring of FIELD_ENCRYPTION_KEYS, each bound to its subscription.

Registers itself with `cameras.key_rotation`, so that a change of the key takes them along.
"""

from collections.abc import Iterator

from cameras import credentials
from cameras.key_rotation import SealedElsewhere, also_rotate
from telemetry.alerts.models import Subscription


def count_on_old_keys() -> int:
    """How many would be lost if only the first key were kept."""
    return sum(1 for _ in _on_old_keys())


def move_to_first_key() -> int:
    """Seal anew what is on an old key, unless it is replaced meanwhile; returns how many were."""
    moved = 0
    for subscription in _on_old_keys():
        sealed = subscription.sealed_secret
        anew = credentials.seal(subscription.pk, credentials.unseal(subscription.pk, sealed))
        unchanged = Subscription.objects.filter(pk=subscription.pk, sealed_secret=sealed)
        moved += unchanged.update(sealed_secret=anew)
    return moved


def _on_old_keys() -> Iterator[Subscription]:
    for subscription in Subscription.objects.exclude(sealed_secret=""):
        try:
            if not credentials.is_on_first_key(subscription.pk, subscription.sealed_secret):
                yield subscription
        except credentials.UnreadableCredential:
            continue  # each of its deliveries says so


also_rotate(SealedElsewhere(count_on_old_keys, move_to_first_key))
