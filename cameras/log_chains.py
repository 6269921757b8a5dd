"""The change log and the audit trail as chains: checking them, and removing their beginnings.

A removal leaves two entries in the trail that attest where both logs begin now, and after which digest, so that a
check can tell it from a hole.
"""

from datetime import datetime

from django.db import transaction

from cameras import change_chain
from cameras.changes import make_counter
from cameras.models import RevisionCounter
from controlplane.access import audit, audit_chain
from controlplane.access.models import AuditEntry
from controlplane.access.principals import Author
from controlplane.log_chain import Finding, Place

PRUNED = "log.pruned"
CHAINS = {"change log": change_chain, "audit trail": audit_chain}


def prune(*, before: datetime, by: Author, now: datetime) -> dict[str, int]:
    """Remove what happened before a moment from both logs; returns how many rows of each.

    The newest row always stays, and so does a whole entry of which any change does. Needs a role of the database
    that may delete from the logs: the service's own should not.
    """
    removed = {}
    with transaction.atomic():
        # Who changes a camera waits: what is attested must still hold at the commit.
        make_counter()
        RevisionCounter.objects.select_for_update().get()
        begins = {log: chain.last_before(before) or beginning_of(log) for log, chain in CHAINS.items()}
        for log, chain in CHAINS.items():
            removed[log] = chain.remove_until(begins[log].number)
        if any(removed.values()):
            for log, place in begins.items():
                audit.record(
                    by=by,
                    now=now,
                    action=PRUNED,
                    object_type=log,
                    object_id=place.number,
                    object_name=place.digest,
                )
    return removed


def check() -> dict[str, Finding]:
    """What a check finds of both logs, from where they begin."""
    return {log: chain.check(beginning_of(log)) for log, chain in CHAINS.items()}


def is_in(log: str, place: Place) -> bool:
    """Whether a row that was once read is still there as it was."""
    return CHAINS[log].digest_at(place.number) == place.digest


def beginning_of(log: str) -> Place:
    """After which row the trail attests that a log begins."""
    attested = AuditEntry.objects.filter(action=PRUNED, object_type=log).order_by("-pk")
    found = attested.values_list("object_id", "object_name").first()
    return Place(int(found[0]), found[1]) if found else Place()
