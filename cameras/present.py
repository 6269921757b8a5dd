"""What a reading of cameras begins with: the place in the log, and the interruptions of the service."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Subquery

from cameras.change_feed import Cursor, current_cursor, cursor_of
from cameras.facts import Interruptions
from cameras.interruptions import WHAT_INTERRUPTED, interruptions_of, read_interruptions
from cameras.models import FleetVitals, RevisionCounter
from controlplane.databases.compiled import CompiledQuery


class Present(NamedTuple):
    """The place after the last committed change, and the interruptions; as of the same moment."""

    cursor: Cursor
    interruptions: Interruptions


_both = CompiledQuery(
    lambda: RevisionCounter.objects.values_list(
        "epoch", "revision", *(Subquery(FleetVitals.objects.values(name)) for name in WHAT_INTERRUPTED)
    )
)


def read_present(now: datetime) -> Present:
    """Both in one query, and one more while ingest may be away."""
    rows = _both.rows()
    if not rows:  # the counter is made with the first change
        return Present(current_cursor(), read_interruptions(now))
    ((epoch, revision, *vitals),) = rows
    return Present(cursor_of(epoch, revision), interruptions_of(*vitals, now=now))
