"""The audit trail as a chain: entries are linked as the last step of their transaction, and held against it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

from django.db import connection
from django.db.models import Exists, OuterRef

from controlplane.access.models import AuditEntry, AuditHead, AuditLink, AuditObject
from controlplane.databases.last_steps import LastSteps
from controlplane.log_chain import UNLINKED, Fault, Finding, Place, Written, digest_of, follow

CHUNK = 1_000


def link_at_commit(entries: Iterable[AuditEntry]) -> None:
    """Link entries when all else in their transaction is done: until the commit, who links others waits."""
    for entry in entries:
        cast("LastSteps", connection).do_last(link, entry.pk)


def link(entry_ids: Sequence[int]) -> None:
    """Append entries to the chain in the order of their ids; what a savepoint has rolled back is not there."""
    head = _lock_head()
    for first in range(0, len(entry_ids), CHUNK):
        links = []
        for entry in _entries(entry_ids[first : first + CHUNK]):
            head.number, head.digest = head.number + 1, _digest(head.digest, entry)
            links.append(AuditLink(entry_id=entry.pk, number=head.number, digest=head.digest))
        AuditLink.objects.bulk_create(links, batch_size=500)
    head.save(update_fields=["number", "digest"])


def check(begins_after: Place) -> Finding:
    """Reads the whole trail, which may begin after a link up to which it was pruned."""
    newest = AuditHead.objects.values_list("number", flat=True).first() or 0
    found = follow(_written(begins_after.number, newest), begins_after, newest)
    unlinked = AuditEntry.objects.exclude(Exists(AuditLink.objects.filter(entry_id=OuterRef("pk"))))
    not_linked = [Fault(f"entry {pk}", UNLINKED) for pk in unlinked.order_by("pk").values_list("pk", flat=True)]
    return found._replace(faults=found.faults + not_linked)


def last_before(moment: datetime) -> Place | None:
    """The last link before one that must stay: one whose entry is from the moment on, or the newest."""
    later = AuditEntry.objects.filter(pk=OuterRef("entry_id"), at__gte=moment)
    links = AuditLink.objects.order_by("number")
    kept = links.filter(Exists(later)).first() or links.last()
    last = links.filter(number=kept.number - 1).first() if kept else None
    return Place(last.number, last.digest) if last else None


def digest_at(number: int) -> str | None:
    return AuditLink.objects.filter(number=number).values_list("digest", flat=True).first()


def remove_until(number: int) -> int:
    """Remove the entries up to a link, and their links; returns how many entries."""
    links = AuditLink.objects.filter(number__lte=number)
    removed = AuditEntry.objects.filter(pk__in=links.values("entry_id"))
    AuditObject.objects.filter(entry__in=removed).delete()
    count, _ = removed.delete()
    links.delete()
    return count


def _lock_head() -> AuditHead:
    heads = AuditHead.objects.select_for_update()
    if head := heads.first():
        return head
    AuditHead.objects.get_or_create(pk=1)
    return heads.get()


def _entries(entry_ids: Iterable[Any]) -> Iterable[AuditEntry]:
    return AuditEntry.objects.filter(pk__in=entry_ids).prefetch_related("all_objects").order_by("pk")


def _digest(previous: str, entry: AuditEntry) -> str:
    return digest_of(previous, entry, *sorted(entry.all_objects.all(), key=lambda each: each.pk))


def _written(after: int, until: int) -> Iterator[Written]:
    links = AuditLink.objects.filter(number__lte=until).order_by("number")
    while page := list(links.filter(number__gt=after)[:CHUNK]):
        entries = {entry.pk: entry for entry in _entries([each.entry_id for each in page])}
        for each in page:
            entry = entries.get(each.entry_id)
            remade = partial(_digest, entry=entry) if entry else None
            yield Written(each.number, each.digest, remade, f" (entry {each.entry_id})")
        after = page[-1].number
