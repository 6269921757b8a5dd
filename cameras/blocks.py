"""One entry of the log for all that an action changed: what is said of a block, read off its changes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from cameras.models import MAX_NOTE, BlockAction, Change, ChangeBlock, ChangeKind, DesiredState

T = TypeVar("T")


def summary_of(changes: Sequence[Change], action: BlockAction | None = None, note: str = "") -> ChangeBlock:
    """The block of changes that were made at once, without the name of their site.

    `action` is what was done, and `note` what for, if it is known. The revisions of the changes are set already.
    """
    first = changes[0]
    return ChangeBlock(
        first_revision=first.revision,
        at=first.at,
        action=action or action_of(changes),
        by=first.by,
        via=first.via,
        request_id=first.request_id,
        count=len(changes),
        name=first.name,
        site_id=_only(_place_of(change) for change in changes),
        fields=dict(Counter(name for change in changes for name in change.diff)),
        note=note[:MAX_NOTE] or _only(change.note for change in changes) or "",
    )


def action_of(changes: Iterable[Change]) -> BlockAction:
    """What was done, as far as the changes say the same."""
    return _only(map(_action_of_one, changes)) or BlockAction.CHANGED


def _action_of_one(change: Change) -> BlockAction:
    if change.kind == ChangeKind.CREATED:
        return BlockAction.REGISTERED
    if change.kind == ChangeKind.DELETED:
        return BlockAction.DELETED
    if change.diff.keys() == {"desired_state"}:
        running = change.desired_state == DesiredState.RUNNING
        return BlockAction.STARTED if running else BlockAction.STOPPED
    return BlockAction.MOVED if change.diff.keys() == {"site"} else BlockAction.CHANGED


def _place_of(change: Change) -> UUID | None:
    """The site at which the camera stands after the change, or stood before it was deleted."""
    return change.site_before if change.kind == ChangeKind.DELETED else change.site_after


def _only(values: Iterable[T]) -> T | None:
    """The value that all are, or None where they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else None
