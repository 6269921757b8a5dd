"""The change log: gap-free revisions in the order of commits. `change_feed` reads it.

Owns the revision counter and the diff. Lock order everywhere: camera rows by id, then the counter,
taken once a transaction as one block by the outermost action, then vitals rows, then commit.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery

from cameras import recycle_bin
from cameras.blocks import summary_of
from cameras.models import (
    MAX_NOTE,
    BlockAction,
    Camera,
    CameraVitals,
    Change,
    ChangeBlock,
    ChangeKind,
    Placement,
    Report,
    RevisionCounter,
    Site,
)
from controlplane import log_chain
from controlplane.access.principals import Author


class _Recorded(NamedTuple):
    camera: Camera
    kind: ChangeKind
    diff: dict[str, Any]
    site_before: UUID | None
    site_after: UUID | None
    note: str = ""
    vitals: CameraVitals | None = None
    is_kept: bool = True


@dataclass
class Recorder:
    """Collects what the actions of one transaction change, to be written as one block before the commit."""

    by: Author
    now: datetime
    action: BlockAction | None = None
    note: str = ""
    recorded: list[_Recorded] = field(default_factory=list)

    def created(
        self, camera: Camera, diff: dict[str, Any], note: str = "", vitals: CameraVitals | None = None
    ) -> None:
        """`vitals` are those that the camera begins with, if not with empty ones."""
        self.recorded.append(_Recorded(camera, ChangeKind.CREATED, diff, None, camera.site_id, note, vitals))

    def updated(self, camera: Camera, diff: dict[str, Any], site_before: UUID | None, note: str = "") -> None:
        self.recorded.append(_Recorded(camera, ChangeKind.UPDATED, diff, site_before, camera.site_id, note))

    def deleted(self, camera: Camera, *, is_kept: bool) -> None:
        """A camera that is kept goes to the bin; the samples of another one are purged from now on."""
        note = "" if is_kept else "Erased at once."
        entry = _Recorded(camera, ChangeKind.DELETED, {}, camera.site_id, None, note, is_kept=is_kept)
        self.recorded.append(entry)


_outermost: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@contextmanager
def record_changes(
    *, by: Author, now: datetime, action: BlockAction | None = None, note: str = ""
) -> Iterator[Recorder]:
    """A transaction whose changes of cameras are logged, as one entry.

    An action inside another one joins its block: the counter, on which all writers wait, is taken once and
    last. A camera that was recorded has its `revision` when the outermost block ends. `action` and
    `note` are what the outermost one says was done, and what for; without, they are read off the changes.
    """
    outer = _outermost.get()
    if outer is not None:
        recorded_before = len(outer.recorded)
        try:
            with transaction.atomic():
                yield outer
        except BaseException:
            del outer.recorded[recorded_before:]
            raise
        return
    recorder = Recorder(by, now, action, note)
    token = _outermost.set(recorder)
    try:
        with transaction.atomic():
            yield recorder
            if recorder.recorded:
                _write(recorder)
    finally:
        _outermost.reset(token)


def _write(recorder: Recorder) -> None:
    recorded = recorder.recorded
    last, digest = _take_revisions(len(recorded))
    first = last - len(recorded) + 1
    changes = []
    for revision, entry in enumerate(recorded, start=first):
        camera = entry.camera
        camera.revision = revision
        changes.append(
            Change(
                revision=revision,
                at=recorder.now,
                kind=entry.kind,
                camera_id=camera.pk,
                name=camera.name,
                generation=camera.generation,
                desired_state=camera.desired_state,
                by=recorder.by.label,
                via=recorder.by.via,
                request_id=recorder.by.request_id,
                diff=entry.diff,
                note=(entry.note or recorder.note)[:MAX_NOTE],
                site_before=entry.site_before,
                site_after=entry.site_after,
                block_id=first,
            )
        )
    block = summary_of(changes, recorder.action, recorder.note)
    if block.site_id:
        block.site_name = Site.objects.values_list("name", flat=True).get(pk=block.site_id)
    block.save(force_insert=True)
    for change in changes:
        change.digest = digest = link(digest, change, block)
    Change.objects.bulk_create(changes, batch_size=500)
    present = [entry.camera.pk for entry in recorded if entry.kind != ChangeKind.DELETED]
    newest = Change.objects.filter(camera_id=OuterRef("pk"), revision__gte=first).order_by("-revision")
    Camera.objects.filter(pk__in=present).update(revision=Subquery(newest.values("revision")[:1]))
    vitals = [
        entry.vitals or CameraVitals(camera_id=entry.camera.pk)
        for entry in recorded
        if entry.kind == ChangeKind.CREATED
    ]
    CameraVitals.objects.bulk_create(sorted(vitals, key=lambda row: row.camera_id), batch_size=500)
    gone = [entry for entry in recorded if entry.kind == ChangeKind.DELETED]
    if gone:
        kept = [entry.camera for entry in gone if entry.is_kept]
        recycle_bin.put(kept, by=recorder.by.label, now=recorder.now)
        recycle_bin.purge([entry.camera for entry in gone if not entry.is_kept], now=recorder.now)
        for observed in (CameraVitals, Report, Placement):
            observed.objects.filter(camera_id__in=[entry.camera.pk for entry in gone]).delete()


def _take_revisions(count: int) -> tuple[int, str]:
    """Returns the last of a block of new revisions, and the digest of the change before them.

    Other writers wait until this transaction ends.
    """
    if not RevisionCounter.objects.update(revision=F("revision") + count):
        make_counter()
        RevisionCounter.objects.update(revision=F("revision") + count)
    before = Change.objects.filter(revision=OuterRef("revision") - count).values("digest")
    revision, digest = RevisionCounter.objects.annotate(digest=before).values_list("revision", "digest").get()
    return revision, digest or ""


def link(previous: str, change: Change, block: ChangeBlock | None) -> str:
    """The digest of a change that follows a digest. The entry of a block is part of its first change."""
    entry = [block] if block and block.pk == change.revision else []
    return log_chain.digest_of(previous, change, *entry)


def make_counter() -> RevisionCounter:
    """The counter's only row; a new one gets a new epoch."""
    counter, _ = RevisionCounter.objects.get_or_create(pk=1, defaults={"epoch": secrets.token_hex(16)})
    return counter


def diff_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that differ: `{field: {"before": ..., "after": ...}}`."""
    return {
        name: {"before": before.get(name), "after": value}
        for name, value in after.items()
        if not same_as_logged(before.get(name), value)
    }


def as_logged(camera: Camera, name: str) -> Any:
    """The value of a field as the log keeps it; a site is its id as text."""
    if name == "site":
        return str(camera.site_id) if camera.site_id else None
    return getattr(camera, name)


def same_as_logged(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON text. In Python 1, 1.0 and True are equal; in a configuration not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
