"""Where the orchestrator runs a camera's worker: claims, reports on them, and their end.

The epoch of a claim is a fencing token: it only rises, is raised under the lock of the vitals, and what a worker
sends with an older one is refused by ingest, which takes the same lock first.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from cameras import guards
from cameras.facts import MAX_EPOCH_AHEAD
from cameras.intent import InvalidIntent
from cameras.models import CameraVitals, Placement
from cameras.observed import MAX_MESSAGE, MAX_NODE, mark_dirty
from cameras.program_texts import redact_program_text
from cameras.reasons import PLACEMENT_REASONS, PlacementPhase
from cameras.rules import InvalidValue, one_of, parse_uuid, text
from controlplane.access.principals import Author
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, shown_name

MAX_PLACEMENTS = 1_000
PLACE = "cameras.place_camera"


class Wanted(NamedTuple):
    """What an orchestrator says of one camera: a claim where it names no epoch, else a report on that claim."""

    camera_id: UUID
    values: Mapping[str, Any]
    """What was said of `node container image phase reason message observed_generation`; texts are redacted."""
    epoch: int | None
    after: int | None
    """The epoch that a claim replaces; 0 for none, None for any."""


class Placed(NamedTuple):
    """What became of it: the epoch to hand to the worker, and what that should do."""

    camera_id: UUID
    epoch: int
    desired_state: str
    generation: int


class Refused(NamedTuple):
    """Why it was not taken: a code, words, the field at fault, and the placement that there is instead."""

    camera_id: UUID
    code: ErrorCode
    detail: str
    field: str = ""
    present: Placement | None = None


# --- What may be said ---------------------------------------------------------------------------------------


def _number(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise InvalidValue("Must be a whole number from 0 on, or null.")
    return value


_name = text(MAX_NODE, is_required=False, has_lines=False)
_RULES = {
    "node": _name,
    "container": _name,
    "image": _name,
    "phase": one_of([phase.value for phase in PlacementPhase]),
    "reason": one_of(list(PLACEMENT_REASONS)),
    "message": text(MAX_MESSAGE, is_required=False, has_lines=True),
    "observed_generation": _number,
    "epoch": _number,
    "after": _number,
}
_SHOWN = {"node": MAX_NODE, "container": MAX_NODE, "image": MAX_NODE, "message": MAX_MESSAGE}


def clean_placement(camera_id: UUID | None, said: object) -> Wanted:
    """What is said of a camera; null is as good as absent. Without a `camera_id` the text names it.

    Raises InvalidIntent.
    """
    if not isinstance(said, dict):
        raise InvalidIntent([FieldError("", "Must be a JSON object.")])
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name == "camera_id" and camera_id is None:
            continue
        if name not in _RULES:
            errors.append(FieldError(shown_name(name), "There is no such field.", ErrorCode.UNKNOWN))
        elif value is not None:
            try:
                values[name] = _RULES[name](value)
            except InvalidValue as error:
                errors.append(FieldError(name, str(error)))
    named = camera_id or parse_uuid(said.get("camera_id"))
    if named is None:
        errors.append(FieldError("camera_id", "Must be the id of a camera (a UUID)."))
    if values.get("phase") == PlacementPhase.FAILED and not values.get("reason"):
        errors.append(FieldError("reason", "Is required where the phase is failed.", ErrorCode.REQUIRED))
    if "epoch" in values and "after" in values:
        errors.append(FieldError("after", "Belongs to a claim, which names no epoch."))
    if "epoch" in values and "phase" not in values:
        errors.append(FieldError("phase", "Is required in a report.", ErrorCode.REQUIRED))
    if errors or named is None:
        raise InvalidIntent(errors)
    for name, limit in _SHOWN.items():
        if name in values:
            values[name] = redact_program_text(values[name])[:limit]
    return Wanted(named, values, values.pop("epoch", None), values.pop("after", None))


# --- Actions ------------------------------------------------------------------------------------------------


def place(wanted: Sequence[Wanted], *, by: Author, now: datetime) -> list[Placed | Refused]:
    """Take claims and reports, each by itself; an answer for each, in order, once they are committed."""
    with transaction.atomic():
        vitals, placements = _lock([each.camera_id for each in wanted])
        clock = _database_clock(now)
        answers: list[Placed | Refused] = []
        changed: set[UUID] = set()
        dirty: set[UUID] = set()
        for each in wanted:
            row = vitals.get(each.camera_id)
            if row is None or not by.principal.scope_for("cameras.view_camera").covers(
                each.camera_id, row.camera.site_id
            ):
                answers.append(
                    Refused(each.camera_id, ErrorCode.UNKNOWN_CAMERA, "There is no camera with this id.")
                )
                continue
            try:
                guards.require(by.principal, PLACE, row.camera)
            except guards.OutOfScope as error:
                answers.append(Refused(each.camera_id, ErrorCode.FORBIDDEN, str(error)))
                continue
            present = placements.get(each.camera_id)
            answer = _judge(each, row, present, clock)
            if isinstance(answer, int):
                placement = placements[each.camera_id] = present or Placement(camera_id=each.camera_id)
                _write(each, row, placement, answer, now, dirty)
                changed.add(each.camera_id)
                answers.append(Placed(each.camera_id, answer, row.camera.desired_state, row.camera.generation))
            else:
                answers.append(answer)
        _save([vitals[pk] for pk in sorted(changed)], [placements[pk] for pk in sorted(changed)])
        mark_dirty(dirty, now)
    return answers


def end_placement(*, camera_id: UUID, epoch: int, by: Author, now: datetime) -> Refused | None:
    """Forget where the worker ran; the epoch stays, so that late senders are refused. None where that is done."""
    with transaction.atomic():
        vitals, placements = _lock([camera_id])
        row, present = vitals.get(camera_id), placements.get(camera_id)
        if row is None:
            return Refused(camera_id, ErrorCode.UNKNOWN_CAMERA, "There is no camera with this id.")
        guards.require(by.principal, PLACE, row.camera)
        if epoch < row.epoch:
            return _superseded(camera_id, present)
        if epoch > row.epoch:
            return Refused(camera_id, ErrorCode.EPOCH_AHEAD, "No such epoch was claimed.", "epoch")
        if present is not None:
            Placement.objects.filter(pk=camera_id).delete()
            row.placement_phase = row.placement_reason = ""
            row.placement_at = None
            row.save(update_fields=["placement_phase", "placement_reason", "placement_at"])
            mark_dirty({camera_id}, now)
    return None


def _lock(camera_ids: Sequence[UUID]) -> tuple[dict[UUID, CameraVitals], dict[UUID, Placement]]:
    rows = CameraVitals.objects.select_for_update(no_key=True, of=("self",)).select_related("camera")
    vitals = {row.pk: row for row in rows.filter(pk__in=camera_ids).order_by("pk")}
    return vitals, {row.pk: row for row in Placement.objects.filter(pk__in=list(vitals))}


def _database_clock(now: datetime) -> int:
    """The database's unix seconds, so that orchestrators of several machines have one clock."""
    if connection.vendor != "postgresql":
        return int(now.timestamp())
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::bigint")
        return int(cursor.fetchone()[0])


def _judge(wanted: Wanted, row: CameraVitals, present: Placement | None, clock: int) -> int | Refused:
    """The epoch under which it is taken, or why it is not."""
    observed = wanted.values.get("observed_generation")
    if observed is not None and observed > row.camera.generation:
        detail = f"The camera is at generation {row.camera.generation}; this one does not exist yet."
        return Refused(wanted.camera_id, ErrorCode.GENERATION_AHEAD, detail, "observed_generation", present)
    if wanted.epoch is None:
        return _judge_claim(wanted, row, present, clock)
    if wanted.epoch < row.epoch or (wanted.epoch == row.epoch and present is None):
        return _superseded(wanted.camera_id, present)
    ahead_seconds = MAX_EPOCH_AHEAD // timedelta(seconds=1)
    if wanted.epoch > max(row.epoch, clock + ahead_seconds):
        detail = f"Lies more than {ahead_seconds} seconds ahead, and nobody has claimed it."
        return Refused(wanted.camera_id, ErrorCode.EPOCH_AHEAD, detail, "epoch")
    if present and wanted.epoch == present.epoch and not _is_at(wanted, present):
        detail = "This epoch belongs to a claim of another node or container."
        return Refused(wanted.camera_id, ErrorCode.NOT_YOURS, detail, "epoch", present)
    return wanted.epoch


def _judge_claim(wanted: Wanted, row: CameraVitals, present: Placement | None, clock: int) -> int | Refused:
    if present and present.epoch == row.epoch and _is_same_place(wanted, present):
        return row.epoch  # a repetition, such as after an answer that was lost
    if wanted.after is not None and wanted.after not in (row.epoch, present.epoch if present else 0):
        detail = "Another epoch stands here than the one that this claim replaces."
        return Refused(wanted.camera_id, ErrorCode.CLAIMED, detail, "after", present)
    return max(row.epoch + 1, clock)


def _is_at(wanted: Wanted, present: Placement) -> bool:
    """Whether a report names no other node and container than its claim did."""
    return all(wanted.values.get(name) in (None, "", getattr(present, name)) for name in ("node", "container"))


def _is_same_place(wanted: Wanted, present: Placement) -> bool:
    return all(wanted.values.get(name, "") == getattr(present, name) for name in ("node", "container"))


def _superseded(camera_id: UUID, present: Placement | None) -> Refused:
    detail = "Another claim has taken the place of this one."
    return Refused(camera_id, ErrorCode.SUPERSEDED, detail, "epoch", present)


def _write(
    wanted: Wanted, row: CameraVitals, placement: Placement, epoch: int, now: datetime, dirty: set[UUID]
) -> None:
    is_claim = wanted.epoch is None
    values = dict(wanted.values)
    if is_claim:
        values = {"node": "", "container": "", "image": "", "phase": PlacementPhase.SCHEDULED.value} | values
        row.claimed_epoch = epoch
    if epoch != row.epoch:
        row.epoch, row.epoch_at = epoch, now
    values = {"reason": "", "message": ""} | values
    for name, value in values.items():
        setattr(placement, name, value)
    placement.epoch, placement.reported_at = epoch, now
    is_new = (row.placement_phase, row.placement_reason) != (values["phase"], values["reason"])
    if is_new or row.placement_at is None or row.placement_at < row.camera.desired_state_at:
        row.placement_phase, row.placement_reason, row.placement_at = values["phase"], values["reason"], now
        dirty.add(row.pk)


_VITALS = ["epoch", "epoch_at", "claimed_epoch", "placement_phase", "placement_reason", "placement_at"]
_PLACEMENT = [field.name for field in Placement._meta.concrete_fields if not field.primary_key]


def _save(vitals: Sequence[CameraVitals], placements: Sequence[Placement]) -> None:
    # The rows exist and are locked: an upsert takes a fifth of the time of bulk_update.
    CameraVitals.objects.bulk_create(
        vitals, update_conflicts=True, unique_fields=["camera"], update_fields=_VITALS
    )
    Placement.objects.bulk_create(
        placements, update_conflicts=True, unique_fields=["camera"], update_fields=_PLACEMENT
    )
