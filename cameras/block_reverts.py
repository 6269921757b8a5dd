"""Reverting all changes of an entry as one: a plan, row by row, of what that would do now, and doing it.

What was changed is set back, what was deleted is restored, and what was registered is deleted, in one transaction,
which is an entry like others. What was changed again since stays, unless it is asked for by its revision. Rows
that cannot be reverted say why, and do not keep the others from it.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from cameras import actions, guards, restores
from cameras.changes import record_changes
from cameras.intent import InvalidIntent, clean_camera
from cameras.models import BlockAction, Camera, Change, ChangeBlock, ChangeKind, DeletedCamera, Site
from cameras.reverts import RevertedField, RevertEffect, plan_revert
from controlplane.access.principals import Author, Principal


class RowEffect(StrEnum):
    """What a revert means for one change of the entry."""

    REVERTED = "reverted"
    CHANGED_SINCE = "changed_since"  # in full only where it is asked for
    ALREADY_SO = "already_so"
    NOT_KEPT = "not_kept"
    REFUSED = "refused"


@dataclass(slots=True)
class PlannedRow:
    """One change, and what its revert would do. `why` is for people: what is in the way, or not as it was."""

    change: Change
    effect: RowEffect
    why: str = ""
    fields: Sequence[RevertedField] = ()
    camera: Camera | None = None

    def values(self, *, overwrite: bool) -> dict[str, Any]:
        """What is set back, as the log keeps it; with `overwrite` what was changed since too."""
        effects = {RevertEffect.RESTORED, RevertEffect.CHANGED_SINCE} if overwrite else {RevertEffect.RESTORED}
        return {field.name: field.before for field in self.fields if field.effect in effects}

    def is_done(self, *, overwrite: bool) -> bool:
        """Whether the revert does anything with this row."""
        if self.effect is RowEffect.CHANGED_SINCE:
            return overwrite or bool(self.values(overwrite=False))
        return self.effect is RowEffect.REVERTED


@dataclass(slots=True)
class BlockPlan:
    block: ChangeBlock
    rows: list[PlannedRow]

    def having(self, effect: RowEffect) -> list[PlannedRow]:
        return [row for row in self.rows if row.effect is effect]

    @property
    def does_anything(self) -> bool:
        return any(row.is_done(overwrite=True) for row in self.rows)

    @property
    def fingerprint(self) -> str:
        """The same while the revert would do the same to the same cameras."""
        parts = [
            (row.change.revision, row.effect.value, row.camera.revision if row.camera else None)
            for row in self.rows
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()


class RevertOutdated(Exception):
    """The cameras have changed since the plan was shown: make it anew, and show that."""


@dataclass(slots=True)
class BlockRevert:
    """What became of each row, in the order of the log, and the entry that the revert is, if it did anything."""

    done: list[PlannedRow]
    left: list[PlannedRow]
    block_id: int | None


def plan_block(block: ChangeBlock, principal: Principal) -> BlockPlan:
    """For each change of the entry, what reverting it would do now; nothing is written."""
    changes = list(block.changes.order_by("revision"))
    return _plan(block, changes, Camera.objects.in_bulk([change.camera_id for change in changes]), principal)


def revert_block(
    *, block: ChangeBlock, overwrite: Collection[int], by: Author, now: datetime, fingerprint: str | None = None
) -> BlockRevert:
    """Do what the plan says, in one transaction; `overwrite` are revisions whose newer values are given up.

    With the `fingerprint` of a plan that was shown, just that is done. Raises RevertOutdated where it no longer
    holds, and InvalidIntent for a site that others remove in this very moment: then nothing was done.
    """
    # No sentence about the entry: who may read the note of a camera need not see the others of it.
    note = f"Revert of entry {block.pk}."
    with record_changes(by=by, now=now, action=BlockAction.REVERTED, note=note) as log:
        changes = list(block.changes.order_by("revision"))
        cameras = {camera.pk: camera for camera in actions.lock_cameras([change.camera_id for change in changes])}
        plan = _plan(block, changes, cameras, by.principal)
        if fingerprint not in (None, plan.fingerprint):
            raise RevertOutdated
        done: list[PlannedRow] = []
        left: list[PlannedRow] = []
        for row in plan.rows:
            (done if row.is_done(overwrite=row.change.revision in overwrite) else left).append(row)
        _do(done, overwrite, by, now)
    return BlockRevert(done, left, min((one.camera.revision for one in log.recorded), default=None))


def _do(rows: Sequence[PlannedRow], overwrite: Collection[int], by: Author, now: datetime) -> None:
    changed = {
        row.change.camera_id: (
            row.camera.revision,
            _cleaned(row.values(overwrite=row.change.revision in overwrite)),
        )
        for row in rows
        if row.change.kind == ChangeKind.UPDATED and row.camera
    }
    if changed:
        actions.save_cameras(new=[], changed=changed, by=by, now=now)
    if registered := _of_kind(rows, ChangeKind.CREATED):
        actions.retire_cameras(camera_ids=registered, by=by, now=now)
    if deleted := _of_kind(rows, ChangeKind.DELETED):
        restored = restores.restore_cameras(camera_ids=deleted, by=by, now=now)
        if len(restored) < len(deleted):  # erased after the plan read the bin
            raise RevertOutdated


def _of_kind(rows: Sequence[PlannedRow], kind: ChangeKind) -> list[UUID]:
    return [row.change.camera_id for row in rows if row.change.kind == kind]


def _cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    return clean_camera(values, stored_redacted="")


def _plan(
    block: ChangeBlock, changes: Sequence[Change], cameras: Mapping[UUID, Camera], principal: Principal
) -> BlockPlan:
    deleted = [change.camera_id for change in changes if change.kind == ChangeKind.DELETED]
    in_bin = DeletedCamera.objects.in_bulk(deleted) if deleted else {}
    wanted = {change.site_before for change in changes if "site" in change.diff and change.site_before}
    wanted |= {row.site_id for row in in_bin.values() if row.site_id}
    sites = set(Site.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    rows = []
    for change in changes:
        camera = cameras.get(change.camera_id)
        if change.kind == ChangeKind.UPDATED:
            rows.append(_plan_updated(change, camera, sites, principal))
        elif change.kind == ChangeKind.CREATED:
            rows.append(_plan_created(change, camera, principal))
        else:
            rows.append(_plan_deleted(change, camera, in_bin.get(change.camera_id), sites, principal))
    return BlockPlan(block, rows)


def _plan_updated(
    change: Change, camera: Camera | None, sites: Collection[UUID], principal: Principal
) -> PlannedRow:
    if camera is None:
        return PlannedRow(change, RowEffect.REFUSED, "The camera was deleted: restore it first.")
    fields = plan_revert(change, camera)
    effects = {field.effect for field in fields}
    row = PlannedRow(change, RowEffect.REVERTED, fields=fields, camera=camera)
    if not effects & {RevertEffect.RESTORED, RevertEffect.CHANGED_SINCE}:
        if RevertEffect.ALREADY_SO in effects:
            return PlannedRow(change, RowEffect.ALREADY_SO, "It is as before already.", fields, camera)
        return PlannedRow(change, RowEffect.NOT_KEPT, "The log keeps no secrets.", fields, camera)
    if RevertEffect.CHANGED_SINCE in effects:
        row.effect = RowEffect.CHANGED_SINCE
    try:
        values = _cleaned(row.values(overwrite=True))
        if values.get("site") and values["site"] not in sites:
            return PlannedRow(change, RowEffect.REFUSED, "The site where it stood is gone.", fields, camera)
        guards.require_change(principal, camera, values)
    except (InvalidIntent, guards.OutOfScope) as error:
        return PlannedRow(change, RowEffect.REFUSED, str(error), fields, camera)
    return row


def _plan_created(change: Change, camera: Camera | None, principal: Principal) -> PlannedRow:
    if camera is None:
        return PlannedRow(change, RowEffect.ALREADY_SO, "It was deleted since.")
    try:
        guards.require(principal, guards.DELETE, camera)
    except guards.OutOfScope as error:
        return PlannedRow(change, RowEffect.REFUSED, str(error), camera=camera)
    unchanged = camera.revision == change.revision
    return PlannedRow(change, RowEffect.REVERTED if unchanged else RowEffect.CHANGED_SINCE, camera=camera)


def _plan_deleted(
    change: Change,
    camera: Camera | None,
    kept: DeletedCamera | None,
    sites: Collection[UUID],
    principal: Principal,
) -> PlannedRow:
    if camera is not None:
        return PlannedRow(change, RowEffect.ALREADY_SO, "It is there again.", camera=camera)
    if kept is None or kept.revision != change.revision:
        return PlannedRow(change, RowEffect.REFUSED, "It was erased and cannot be restored.")
    site_id = kept.site_id if kept.site_id in sites else None
    try:
        guards.require(principal, guards.DELETE, kept)
        guards.require_place(principal, guards.ADD, site_id)
    except guards.OutOfScope as error:
        return PlannedRow(change, RowEffect.REFUSED, str(error))
    why = "The site where it stood is gone: it will be at no site." if kept.site_id != site_id else ""
    return PlannedRow(change, RowEffect.REVERTED, why)
