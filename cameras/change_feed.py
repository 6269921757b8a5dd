"""The change log as a feed: cursors, pages of changes, and what a principal may know of them."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from copy import copy
from datetime import datetime
from typing import NamedTuple

from django.db import OperationalError, connection, transaction
from django.db.models import Min

from cameras.changes import make_counter
from cameras.fields import SPEC_FIELDS
from cameras.models import Change, ChangeKind, RevisionCounter
from controlplane.access import audit
from controlplane.access.principals import Author, Principal
from controlplane.access.scope import Scope

_CURSOR = re.compile(r"([0-9a-f]{12})-(0|[1-9][0-9]{0,18})")


# --- Cursors ----------------------------------------------------------------------------------------------


class Cursor(NamedTuple):
    """A place in the log: `<epoch>-<revision>`. The epoch changes with a restore, which begins another history."""

    epoch: str
    revision: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.revision}"


class CursorGone(Exception):
    """The cursor is pruned, in the future or of another epoch: list again, then watch from `current`."""

    def __init__(self, oldest: Cursor, current: Cursor) -> None:
        super().__init__("The cursor is pruned, from the future or of another history: list again.")
        self.oldest, self.current = oldest, current


class NotReplayedYet(OperationalError):
    """The cursor is one of the primary, and this standby has not come so far; `words` are for who watches."""

    words = "This standby of the database has not come as far as the cursor yet. Repeat the request."


def parse_cursor(text: str) -> Cursor | None:
    """The cursor, or None if the text is not a cursor."""
    match = _CURSOR.fullmatch(text)
    return Cursor(match[1], int(match[2])) if match else None


def current_cursor() -> Cursor:
    """The place after the last committed change."""
    counter = RevisionCounter.objects.first() or make_counter()
    return cursor_of(counter.epoch, counter.revision)


def cursor_of(stored_epoch: str, revision: int) -> Cursor:
    """The place of a revision, by what the counter's row says of the epoch."""
    return Cursor(_epoch(stored_epoch), revision)


def renew_epoch() -> Cursor:
    """Begin a new epoch, e.g. after a restore: every watcher gets a 410 and has to list again."""
    with transaction.atomic():
        make_counter()
        RevisionCounter.objects.update(epoch=secrets.token_hex(16))
        return current_cursor()


def begin_epoch(*, by: Author, now: datetime) -> Cursor:
    """Renew the epoch, with its entry in the audit trail."""
    with transaction.atomic():
        cursor = renew_epoch()
        audit.record(by=by, now=now, action="epoch.renewed", object_type="change log", object_id=cursor)
        return cursor


def _epoch(stored: str) -> str:
    """The stored epoch, on PostgreSQL mixed with what a restore or a failover changes by itself."""
    history = stored
    if connection.vendor == "postgresql":
        history += connection.history()  # type: ignore[attr-defined]  # of our own backend
    return hashlib.sha256(history.encode()).hexdigest()[:12]


def _is_standby() -> bool:
    return connection.vendor == "postgresql" and connection.is_standby()  # type: ignore[attr-defined]  # as above


# --- Reading ----------------------------------------------------------------------------------------------


class Scan(NamedTuple):
    """Changes after a place, as they stand in the log; `next` is the cursor for the following page."""

    next: Cursor
    changes: list[Change]
    more: bool


class SeenChange(NamedTuple):
    """One change as a watcher sees it: a camera that left the sites a watcher sees is `deleted` to it.

    The change is then as the watcher knew the camera: what else was changed in the same moment is not for it.
    """

    change: Change
    kind: str


def scan_changes(since: Cursor | None, limit: int) -> Scan:
    """Up to `limit` changes after a place, oldest first, in one statement; None stands for the oldest kept.

    Raises CursorGone where the place is no longer, or not yet, in the log, and NotReplayedYet where a standby is
    only behind.
    """
    current = current_cursor()
    start = 0
    if since is not None:
        oldest = Change.objects.aggregate(oldest=Min("revision"))["oldest"]
        before_oldest = current.revision if oldest is None else oldest - 1
        if since.epoch == current.epoch and since.revision > current.revision and _is_standby():
            raise NotReplayedYet(NotReplayedYet.words)
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
    """The changes that a principal may see."""
    scope = principal.scope_for("cameras.view_change")
    seen = [(change, kind) for change in changes if (kind := _kind_seen(scope, change))]
    return [SeenChange(change if kind == change.kind else _as_seen(change, kind), kind) for change, kind in seen]


def _as_seen(change: Change, kind: str) -> Change:
    """The change of a camera that came or left. One that left is as it was, without what else changed then."""
    if kind != ChangeKind.DELETED:
        return change
    before = copy(change)
    for name in ("name", "desired_state"):
        if name in change.diff:
            setattr(before, name, change.diff[name]["before"])
    before.generation -= bool(SPEC_FIELDS & change.diff.keys())
    before.diff = {"site": change.diff["site"]}
    return before


def _kind_seen(scope: Scope, change: Change) -> str | None:
    """The kind of a change as seen from within a scope; None if it happened outside."""
    before = scope.covers(change.camera_id, change.site_before)
    after = scope.covers(change.camera_id, change.site_after)
    if before and after:
        return change.kind
    if before:
        return ChangeKind.DELETED.value
    return ChangeKind.CREATED.value if after else None
