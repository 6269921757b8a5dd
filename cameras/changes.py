"""The change log, which is also the feed: gap-free revisions in the order of commits.

Owns the revision counter, cursors and the diff. Lock order everywhere: camera rows by id, then the counter,
taken once a transaction as one block by the outermost action, then vitals rows, then commit.
Must not import actions or doors.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Min, OuterRef, Subquery

from cameras.models import Camera, CameraVitals, Change, ChangeKind, RevisionCounter
from controlplane.access.principals import Author, Principal

_CURSOR = re.compile(r"([0-9a-f]{12})-(0|[1-9][0-9]{0,18})")


# --- Cursors ----------------------------------------------------------------------------------------------


class Cursor(NamedTuple):
    """A place in the log: `<epoch>-<revision>`. The epoch tells one history from another, after a restore."""

    epoch: str
    revision: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.revision}"


class CursorGone(Exception):
    """The place is pruned, in the future or of another history: list again, then watch from `current`."""

    def __init__(self, oldest: Cursor, current: Cursor) -> None:
        super().__init__("The cursor is pruned, from the future or of another history: list again.")
        self.oldest, self.current = oldest, current


def parse_cursor(text: str) -> Cursor | None:
    """The cursor, or None where the text is none."""
    match = _CURSOR.fullmatch(text)
    return Cursor(match[1], int(match[2])) if match else None


def current_cursor() -> Cursor:
    """The place after the last committed change."""
    counter = RevisionCounter.objects.first() or _make_counter()
    return Cursor(_epoch(counter.epoch), counter.revision)


def renew_epoch() -> Cursor:
    """End the present history, e.g. after a restore: every watcher is told to list again."""
    with transaction.atomic():
        _make_counter()
        RevisionCounter.objects.update(epoch=secrets.token_hex(16))
        return current_cursor()


def _make_counter() -> RevisionCounter:
    counter, _ = RevisionCounter.objects.get_or_create(pk=1, defaults={"epoch": secrets.token_hex(16)})
    return counter


def _epoch(stored: str) -> str:
    """The stored epoch, on PostgreSQL mixed with what a restore or a failover changes by itself."""
    history = stored
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT system_identifier, timeline_id, oid FROM pg_control_system(), pg_control_checkpoint(),"
                " pg_database WHERE datname = current_database()"
            )
            history += "".join(f"/{part}" for part in cursor.fetchone())
    return hashlib.sha256(history.encode()).hexdigest()[:12]


# --- Writing ----------------------------------------------------------------------------------------------


class _Recorded(NamedTuple):
    camera: Camera
    kind: ChangeKind
    diff: dict[str, Any]
    site_before: UUID | None
    site_after: UUID | None
    note: str = ""


@dataclass
class Recorder:
    """Collects what the actions of one transaction change, to be written as one block before the commit."""

    by: Author
    now: datetime
    recorded: list[_Recorded] = field(default_factory=list)

    def created(self, camera: Camera, diff: dict[str, Any], note: str = "") -> None:
        self.recorded.append(_Recorded(camera, ChangeKind.CREATED, diff, None, camera.site_id, note))

    def updated(self, camera: Camera, diff: dict[str, Any], site_before: UUID | None, note: str = "") -> None:
        self.recorded.append(_Recorded(camera, ChangeKind.UPDATED, diff, site_before, camera.site_id, note))

    def deleted(self, camera: Camera) -> None:
        self.recorded.append(_Recorded(camera, ChangeKind.DELETED, {}, camera.site_id, None))


_outermost: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@contextmanager
def record_changes(*, by: Author, now: datetime) -> Iterator[Recorder]:
    """A transaction whose changes of cameras are logged.

    An action inside another one joins its block: the counter, on which all writers wait, is taken once and
    last. A camera that was recorded has its `revision` when the outermost block ends.
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
    recorder = Recorder(by, now)
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
    last = _take_revisions(len(recorded))
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
                door=recorder.by.door,
                request_id=recorder.by.request_id,
                diff=entry.diff,
                note=entry.note[:300],
                site_before=entry.site_before,
                site_after=entry.site_after,
            )
        )
    Change.objects.bulk_create(changes, batch_size=500)
    kept = [entry.camera.pk for entry in recorded if entry.kind != ChangeKind.DELETED]
    newest = Change.objects.filter(camera_id=OuterRef("pk"), revision__gte=first).order_by("-revision")
    Camera.objects.filter(pk__in=kept).update(revision=Subquery(newest.values("revision")[:1]))
    created = sorted(entry.camera.pk for entry in recorded if entry.kind == ChangeKind.CREATED)
    CameraVitals.objects.bulk_create([CameraVitals(camera_id=pk) for pk in created], batch_size=500)
    gone = [entry.camera.pk for entry in recorded if entry.kind == ChangeKind.DELETED]
    CameraVitals.objects.filter(camera_id__in=gone).delete()


def _take_revisions(count: int) -> int:
    """The last one of a block of revisions; every other writer waits until this transaction ends."""
    if not RevisionCounter.objects.update(revision=F("revision") + count):
        _make_counter()
        RevisionCounter.objects.update(revision=F("revision") + count)
    return RevisionCounter.objects.values_list("revision", flat=True).get()


# --- Reading ----------------------------------------------------------------------------------------------


class Scan(NamedTuple):
    """Changes after a place, as they stand in the log; `next` is where to go on."""

    next: Cursor
    changes: list[Change]
    more: bool


class SeenChange(NamedTuple):
    """One change as a watcher sees it: to one that is bound to a site, a camera that left is deleted."""

    change: Change
    kind: str


def scan_changes(since: Cursor | None, limit: int) -> Scan:
    """Up to `limit` changes after a place, oldest first, in one statement; None stands for the oldest kept.

    Raises CursorGone where the place is no longer, or not yet, in the log.
    """
    current = current_cursor()
    start = 0
    if since is not None:
        oldest = Change.objects.aggregate(oldest=Min("revision"))["oldest"]
        before_oldest = current.revision if oldest is None else oldest - 1
        if since.epoch != current.epoch or not before_oldest <= since.revision <= current.revision:
            raise CursorGone(current._replace(revision=before_oldest), current)
        start = since.revision
    scanned = list(Change.objects.since(start)[: limit + 1])
    more = len(scanned) > limit
    scanned = scanned[:limit]
    if scanned:
        start = scanned[-1].revision
    elif since is None:
        start = current.revision
    return Scan(current._replace(revision=start), scanned, more)


def seen_by(principal: Principal, changes: Sequence[Change]) -> list[SeenChange]:
    """Those of the changes that a principal may know of."""
    return [SeenChange(change, kind) for change in changes if (kind := _kind_seen(principal, change))]


def _kind_seen(principal: Principal, change: Change) -> str | None:
    """What a change is to this principal, or None where it may not know of it."""
    if principal.camera_id:
        return change.kind if change.camera_id == principal.camera_id else None
    if principal.site_id:
        before, after = change.site_before == principal.site_id, change.site_after == principal.site_id
        if not before and not after:
            return None
        if before and not after:
            return ChangeKind.DELETED.value
        if after and not before:
            return ChangeKind.CREATED.value
    return change.kind


def diff_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Field by field what differs: `{field: {"before": ..., "after": ...}}`."""
    return {
        name: {"before": before.get(name), "after": value}
        for name, value in after.items()
        if not same_as_logged(before.get(name), value)
    }


def as_logged(camera: Camera, name: str) -> Any:
    """The value of a field as the log keeps it; of a site the id as text."""
    if name == "site":
        return str(camera.site_id) if camera.site_id else None
    return getattr(camera, name)


def same_as_logged(one: Any, other: Any) -> bool:
    """Equal as text: to Python 1, 1.0 and true are equal, to whoever reads the configuration they are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
