"""Whether the change log is what was written: every row is held against the digest that it was given."""

from datetime import datetime
from functools import partial

from django.db.models import Max

from cameras.changes import link
from cameras.models import Change, ChangeBlock, RevisionCounter
from controlplane.log_chain import Fault, Finding, Place, Written, follow


def check(begins_after: Place) -> Finding:
    """Reads the whole log, which may begin after a row up to which it was pruned."""
    greatest = Change.objects.aggregate(greatest=Max("revision"))["greatest"] or 0
    # Read after the changes: whoever writes meanwhile only makes it greater.
    newest = RevisionCounter.objects.values_list("revision", flat=True).first() or 0
    faults = []
    if greatest > newest:
        faults.append(Fault(f"{newest + 1}-{greatest}", "were never numbered: they were added"))
    if Change.objects.filter(revision__lte=begins_after.number).exists():
        faults.append(Fault(f"1-{begins_after.number}", "were pruned, and some are there again"))
    kept = Change.objects.filter(revision__gt=begins_after.number, revision__lte=newest).select_related("block")
    written = (
        Written(change.revision, change.digest, partial(link, change=change, block=change.block))
        for change in kept.order_by("revision").iterator(chunk_size=1_000)
    )
    found = follow(written, begins_after, newest)
    return found._replace(faults=faults + found.faults)


def last_before(moment: datetime) -> Place | None:
    """The last change before an entry that must stay: one with a change from the moment on, or the newest."""
    ends = Change.objects.order_by("revision").values_list("revision", "block_id")
    kept = ends.filter(at__gte=moment).first() or ends.last()
    last = Change.objects.filter(revision=(kept[1] or kept[0]) - 1).first() if kept else None
    return Place(last.revision, last.digest) if last else None


def digest_at(revision: int) -> str | None:
    return Change.objects.filter(revision=revision).values_list("digest", flat=True).first()


def remove_until(revision: int) -> int:
    """Remove the changes up to a revision, and their entries; returns how many changes."""
    removed, _ = Change.objects.filter(revision__lte=revision).delete()
    ChangeBlock.objects.filter(first_revision__lte=revision).delete()
    return removed
