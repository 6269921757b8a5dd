"""How often somebody may fail to give a password or another factor, for all processes of the service.

Failures are counted for a name and an address together: who guesses locks out nobody but themselves. A name that
nobody has is counted like any other, so that an answer does not say who exists. Names stand here as digests only:
people type passwords into the field of the name.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from controlplane.access import audit
from controlplane.access.models import SignInFailures
from controlplane.access.principals import Author
from controlplane.holders import too_many

MOST_FAILURES = 10
# So long after the last failure the next attempt is allowed, and earlier failures are forgotten.
LOCKED_SECONDS = 900


def begin(*, name: str, address: str, now: datetime) -> SignInFailures:
    """Count an attempt before anything is checked, so that attempts at once cannot pass together.

    Raises Problem 429 where too many have failed. An attempt that was right, or none, is taken back by `undo`.
    """
    with transaction.atomic():
        SignInFailures.objects.get_or_create(
            name_digest=_digest(name), address=address, defaults={"last_at": now, "failures": 0}
        )
        counted = _of(name, address).select_for_update().get()
        free_at = counted.last_at + timedelta(seconds=LOCKED_SECONDS)
        if counted.failures >= MOST_FAILURES and now < free_at:
            seconds = int((free_at - now).total_seconds()) + 1
            minutes = -(-seconds // 60)
            raise too_many(f"Too many attempts have failed. Try again in {minutes} minutes.", seconds)
        counted.failures = 1 if now >= free_at else counted.failures + 1
        counted.last_at = now
        counted.save(update_fields=["failures", "last_at"])
    return counted


def undo(attempt: SignInFailures) -> None:
    """The attempt was no failure. Earlier ones stay: a password that is known must not buy more codes to try."""
    SignInFailures.objects.filter(pk=attempt.pk, failures__gt=0).update(failures=F("failures") - 1)


def clear(*, name: str, address: str) -> None:
    """Somebody is signed in, with all that is asked of them."""
    _of(name, address).delete()


def lift(person: Any, *, by: Author, now: datetime) -> bool:
    """Let a person try again at once, from everywhere; returns whether there were failures to forget."""
    with transaction.atomic():
        forgotten, _by_model = SignInFailures.objects.filter(name_digest=_digest(person.get_username())).delete()
        if forgotten:
            audit.record_of_person(by=by, now=now, what="failures_forgotten", person=person)
    return bool(forgotten)


def forgotten(now: datetime) -> QuerySet[SignInFailures]:
    """Rows that say nothing any more."""
    return SignInFailures.objects.filter(last_at__lte=now - timedelta(seconds=LOCKED_SECONDS))


def _of(name: str, address: str) -> QuerySet[SignInFailures]:
    return SignInFailures.objects.filter(name_digest=_digest(name), address=address)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()
