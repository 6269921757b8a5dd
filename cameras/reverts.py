"""Reverting one change of a camera: a plan of what it would do now, and the revert, which is a change like others.

A value that was changed again since is reverted only where it is asked for by name. The log keeps no secrets, so
they cannot be reverted.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from cameras import actions
from cameras.changes import as_logged, record_changes, same_as_logged
from cameras.intent import clean_camera
from cameras.models import BlockAction, Camera, Change, ChangeKind
from controlplane.access.principals import Author


class RevertEffect(StrEnum):
    """What a revert means for one field."""

    RESTORED = "restored"
    ALREADY_SO = "already_so"
    CHANGED_SINCE = "changed_since"
    NOT_KEPT = "not_kept"


class RevertedField(NamedTuple):
    """One field of a revert, its values as the log keeps them: `before` would be stored, `present` is stored."""

    name: str
    before: Any
    after: Any
    present: Any
    effect: RevertEffect


def can_revert(change: Change) -> bool:
    """Whether there is a state before the change: registering and deleting have none."""
    return change.kind == ChangeKind.UPDATED


def plan_revert(change: Change, camera: Camera) -> list[RevertedField]:
    """For each field, what reverting the change would do to the camera as it is now."""
    return [_reverted(name, entry, camera) for name, entry in change.diff.items()] if can_revert(change) else []


def _reverted(name: str, entry: dict[str, Any], camera: Camera) -> RevertedField:
    if "after" not in entry:
        return RevertedField(name, None, None, None, RevertEffect.NOT_KEPT)
    before, after, present = entry["before"], entry["after"], as_logged(camera, name)
    if same_as_logged(present, before):
        effect = RevertEffect.ALREADY_SO
    elif same_as_logged(present, after):
        effect = RevertEffect.RESTORED
    else:
        effect = RevertEffect.CHANGED_SINCE
    return RevertedField(name, before, after, present, effect)


def revert(*, change: Change, fields: Collection[str], seen_revision: int, by: Author, now: datetime) -> Camera:
    """Set these fields to what they were before the change; returns the camera.

    Raises Camera.DoesNotExist, actions.StaleRevision where the camera has changed since `seen_revision`, and
    InvalidIntent for a value that is not valid any more, such as a site that is gone.
    """
    before = {name: entry["before"] for name, entry in change.diff.items() if name in fields and "before" in entry}
    values = clean_camera(before, stored_redacted="")
    note = f"Revert of change {change.revision}."
    with record_changes(by=by, now=now, action=BlockAction.REVERTED, note=note):
        return actions.update_camera(
            camera_id=change.camera_id, values=values, by=by, now=now, if_revision_in=[seen_revision]
        )
