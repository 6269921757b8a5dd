"""Which cameras have another status than before, for those who watch: by when that was stored.

What is stored last may be seen first: a status is written shortly before its transaction is committed. So whoever
reads on asks again for what was stored up to `SETTLING` before.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models.functions import Now

from cameras.models import Camera, FleetVitals, KnownStatus
from cameras.querysets import CameraQuerySet
from controlplane.access.scope import Scope

SETTLING = timedelta(seconds=60)
# Longer ago, and of more cameras than these, it is less work to list all of them.
LONGEST_AGO = timedelta(hours=1)
FEW = 50
LISTED_SHARE = 1 / 4


class Stored(NamedTuple):
    """A camera's status was written."""

    camera_id: UUID
    changed_at: datetime


class TooMuchMissed(Exception):
    """So many cameras have another status, or so long has passed, that all of them should be listed again."""


def stored_within(ago: timedelta) -> list[Stored]:
    """What was stored in the last while, by the database's clock; the oldest first."""
    rows = KnownStatus.objects.filter(changed_at__gt=Now() - ago).order_by("changed_at")
    return [Stored(*row) for row in rows.values_list("camera_id", "changed_at")]


def changed_since(moment: datetime, scope: Scope, now: datetime) -> CameraQuerySet:
    """The cameras in a scope whose status was stored since a moment, or up to `SETTLING` before it.

    Raises TooMuchMissed.
    """
    if not now - LONGEST_AGO <= moment <= now + SETTLING:
        raise TooMuchMissed
    cameras = Camera.objects.within(scope)
    changed = cameras.filter(known_status__changed_at__gte=moment - SETTLING)
    count = changed.count()
    if count > FEW and count > LISTED_SHARE * cameras.count():
        raise TooMuchMissed
    return changed


def known_until() -> datetime | None:
    """Up to when every change of status is stored that had happened; None where nobody has looked yet."""
    return FleetVitals.objects.values_list("statuses_at", flat=True).first()
