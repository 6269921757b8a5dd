"""What became of events, and the answer to the worker, the same for every endpoint."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from controlplane.encoding import moment_text
from controlplane.problem_types import (
    BATCH_REJECTED,
    CAMERA_ELSEWHERE,
    EPOCH_AHEAD,
    SAMPLE_CONFLICT,
    SAMPLE_IN_FUTURE,
    UNKNOWN_CAMERA,
    WORKER_FENCED,
    ErrorCode,
    ProblemType,
)
from controlplane.problems import FieldError, Problem, encode
from telemetry.ingest.batch import Batch, ItemError

MAX_LISTED_ERRORS = 100


class Outcome(StrEnum):
    """What became of an event; the names of faults are the codes of a batch's errors."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    IN_FUTURE = "in_future"
    UNKNOWN_CAMERA = "unknown_camera"
    FORBIDDEN = "forbidden"
    FENCED = "fenced"
    EPOCH_AHEAD = "epoch_ahead"


class Receipt(NamedTuple):
    """What became of an event; if its camera is known also the desired state and generation of that.

    One that is fenced is to stop, whatever the camera should do; `epoch` is then the one that counts.
    """

    outcome: Outcome
    desired_state: str = ""
    generation: int = 0
    epoch: int = 0


class _SingleAnswer(msgspec.Struct):
    accepted: int
    duplicates: int
    desired_state: str
    generation: int
    server_time: str
    ignored: Sequence[str] | UnsetType = UNSET


class _ListedError(msgspec.Struct):
    index: int
    code: str
    field: str
    detail: str


class _BatchAnswer(msgspec.Struct):
    accepted: int
    duplicates: int
    rejected: int
    errors: list[_ListedError]
    stop: list[UUID]
    server_time: str
    outdated: dict[str, int] | UnsetType = UNSET
    fenced: dict[str, int] | UnsetType = UNSET
    ignored: Sequence[str] | UnsetType = UNSET


_FAULTS: dict[Outcome, tuple[ProblemType, str, str]] = {
    Outcome.CONFLICT: (
        SAMPLE_CONFLICT,
        "timestamp",
        "A sample of this camera, time and zone is stored with other values.",
    ),
    Outcome.IN_FUTURE: (
        SAMPLE_IN_FUTURE,
        "timestamp",
        "Lies more than 60 seconds in the future: check the worker's clock.",
    ),
    Outcome.UNKNOWN_CAMERA: (UNKNOWN_CAMERA, "camera_id", "There is no camera with this id."),
    Outcome.FORBIDDEN: (CAMERA_ELSEWHERE, "camera_id", "This token is bound elsewhere."),
    Outcome.FENCED: (WORKER_FENCED, "epoch", "Another worker has taken the place of this one: stop."),
    Outcome.EPOCH_AHEAD: (EPOCH_AHEAD, "epoch", "Lies more than 60 seconds ahead, and nobody has claimed it."),
}
_encoder = msgspec.json.Encoder()


def answer_single(
    receipt: Receipt, now: datetime, ignored: Sequence[str] = (), *, created: int = 201
) -> tuple[int, bytes]:
    """Status and body for one event: `created` or 200. Otherwise raises Problem, with the same members.

    `ignored` are the names of members that are not known.
    """
    outcome, server_time = receipt.outcome, moment_text(now)
    stored = outcome is Outcome.STORED
    if stored or outcome is Outcome.DUPLICATE:
        known = int(not stored)
        answer = _SingleAnswer(
            int(stored), known, receipt.desired_state, receipt.generation, server_time, ignored or UNSET
        )
        return (created if stored else 200), _encoder.encode(answer)
    kind, field, detail = _FAULTS[outcome]
    error = FieldError(field, detail, ErrorCode(outcome.value))
    members: dict[str, Any] = {"code": outcome.value, "server_time": server_time}
    if receipt.desired_state:
        members |= {
            "accepted": 0,
            "duplicates": 0,
            "desired_state": receipt.desired_state,
            "generation": receipt.generation,
        }
    if ignored:
        members["ignored"] = ignored
    if outcome is Outcome.FENCED:
        members["epoch"] = receipt.epoch
    raise Problem(kind.status, f"{field}: {detail}", [error], kind=kind, **members)


def answer_batch(batch: Batch[Any], receipts: Sequence[Receipt], now: datetime) -> tuple[int, bytes]:
    """Status and body for a batch: 200, or 400 with a problem document if every item was rejected."""
    accepted = duplicates = 0
    faults: list[ItemError] = list(batch.errors)
    stop: dict[UUID, None] = {}
    outdated: dict[str, int] = {}
    fenced: dict[str, int] = {}
    stored, known = Outcome.STORED, Outcome.DUPLICATE  # looked up once: an enum's members are slow to get at
    for index, event, receipt in zip(batch.indexes, batch.events, receipts, strict=True):
        outcome, desired_state, generation, epoch = receipt
        if outcome is stored:
            accepted += 1
        elif outcome is known:
            duplicates += 1
        else:
            _, field, detail = _FAULTS[outcome]
            faults.append(ItemError(index, outcome.value, field, detail))
            if outcome is Outcome.FENCED:
                fenced[str(event.camera_id)] = epoch
                continue  # `stop` says what the cameras should do
        if desired_state == "stopped":
            stop[event.camera_id] = None
        if event.generation is not None and event.generation < generation:
            outdated[str(event.camera_id)] = generation
    faults.sort()
    answer = _BatchAnswer(
        accepted,
        duplicates,
        len(faults),
        [_ListedError(*fault) for fault in faults[:MAX_LISTED_ERRORS]],
        list(stop),
        moment_text(now),
        outdated or UNSET,
        fenced or UNSET,
        batch.ignored or UNSET,
    )
    if len(faults) < batch.size:
        return 200, _encoder.encode(answer)
    members = msgspec.to_builtins(answer)
    del members["errors"]
    problem = Problem(400, "Every item of the batch was rejected.", kind=BATCH_REJECTED, **members)
    problem.members["errors"] = msgspec.to_builtins(answer.errors)
    return 400, encode(problem)
