"""The wire format of workers' reports, the same for every endpoint: bytes to reports."""

import math
import re
from codecs import BOM_UTF8
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cameras.observed import MAX_MESSAGE, MAX_NODE
from cameras.program_texts import redact_program_text
from cameras.reasons import WORKER_REASONS, WorkerPhase
from cameras.rules import InvalidValue, text
from controlplane.bare_asgi import too_large
from controlplane.time_ranges import read_timestamp
from telemetry.ingest.batch import Batch, read_batch_of
from telemetry.ingest.wire import (
    MAX_SINGLE_BYTES,
    MEMBERS,
    Generation,
    InvalidEvent,
    camera_id_of,
    invalid,
    refuse_duplicate_keys,
    unknown_members,
)

MAX_METRICS = 16
Epoch = Annotated[int, Meta(ge=0, le=2**63 - 1)]

_WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
_line = text(MAX_NODE, is_required=False, has_lines=False)
_lines = text(MAX_MESSAGE, is_required=False, has_lines=True)
_PHASES = tuple(phase.value for phase in WorkerPhase)


class WorkerReport(NamedTuple):
    """What a worker says of itself; texts are redacted, what it did not say is None or empty."""

    camera_id: UUID
    phase: str
    reason: str = ""
    message: str = ""
    timestamp: datetime | None = None
    generation: int | None = None
    worker: str = ""
    version: str = ""
    host: str = ""
    epoch: int | None = None
    metrics: dict[str, float] = {}


class _Report(msgspec.Struct, gc=False):
    phase: str
    reason: str | UnsetType | None = UNSET
    message: str | UnsetType | None = UNSET
    timestamp: str | UnsetType | None = UNSET
    generation: Generation | UnsetType | None = UNSET
    worker: str | UnsetType | None = UNSET
    version: str | UnsetType | None = UNSET
    host: str | UnsetType | None = UNSET
    epoch: Epoch | UnsetType | None = UNSET
    metrics: dict[str, float] | UnsetType | None = UNSET


class _ReportItem(_Report, gc=False, kw_only=True):
    camera_id: str


_single = msgspec.json.Decoder(_Report)
_item = msgspec.json.Decoder(_ReportItem)
_SINGLE_MEMBERS = frozenset(_Report.__struct_fields__)
_ITEM_MEMBERS = frozenset(_ReportItem.__struct_fields__)
_PLACE = re.compile(r" - at `\$\.?([^`]*)`")


def read_single_report(camera_id: UUID, body: bytes) -> tuple[WorkerReport, tuple[str, ...]]:
    """The one report of a body, and the names of members that are not known. Raises Problem 400 or 413."""
    if len(body) > MAX_SINGLE_BYTES:
        raise too_large(MAX_SINGLE_BYTES)
    try:
        read, ignored = _decoded(_single, body.removeprefix(BOM_UTF8), _SINGLE_MEMBERS)
        return _report(camera_id, read), ignored
    except InvalidEvent as error:
        raise invalid(error) from None


def read_reports(body: bytes, *, ndjson: bool) -> Batch[WorkerReport]:
    """The reports of a JSON array, or of NDJSON lines. Raises Problem 400 or 413 for the batch as a whole."""
    return read_batch_of(_read_item, body, ndjson=ndjson)


def _read_item(body: bytes) -> tuple[WorkerReport, tuple[str, ...]]:
    """One report of a batch, which has its `camera_id`. Raises InvalidEvent."""
    read, ignored = _decoded(_item, body, _ITEM_MEMBERS)
    camera_id = camera_id_of(read.camera_id)
    if camera_id is None:
        raise InvalidEvent("camera_id", "Must be the id of a camera (a UUID).")
    return _report(camera_id, read), ignored


def _decoded(decoder: Any, body: bytes, known: frozenset[str]) -> tuple[Any, tuple[str, ...]]:
    try:
        body.decode()
        read = decoder.decode(body)
        if b"\\" not in body and body.count(b'"') == _quotes_of(read):
            return read, ()
        refuse_duplicate_keys(body, known)
        return read, unknown_members([MEMBERS.decode(body)], known)
    except RecursionError:
        raise InvalidEvent("", "The JSON is nested too deeply.") from None
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidEvent("", "The report is not JSON in UTF-8.") from None


def _quotes_of(read: _Report) -> int:
    """How many quotes a body has that holds nothing but what was read, each once, and no escapes."""
    texts = 0
    for name in read.__struct_fields__:
        value = getattr(read, name)
        if value is UNSET:
            continue
        texts += 2 if isinstance(value, str) else 1
        if isinstance(value, dict):
            texts += len(value)
    return 2 * texts


def _invalid(message: str) -> InvalidEvent:
    """msgspec's message as field and detail, without what was sent."""
    place = _PLACE.search(message)
    field = place[1].partition("[")[0] if place else ""
    if missing := re.search(r"missing required field `(\w+)`", message):
        return InvalidEvent(missing[1], "Is required.")
    detail = _PLACE.sub("", message).replace("`", "")
    return InvalidEvent(field, f"{detail}." if not detail.endswith(".") else detail)


def _report(camera_id: UUID, read: _Report) -> WorkerReport:
    if read.phase not in _PHASES:
        raise InvalidEvent("phase", f"Must be one of: {', '.join(_PHASES)}.")
    reason = read.reason or ""
    if reason and reason not in WORKER_REASONS:
        raise InvalidEvent("reason", f"Must be one of: {', '.join(WORKER_REASONS)}.")
    if read.phase == WorkerPhase.FAILED and not reason:
        raise InvalidEvent("reason", "Is required where the phase is failed.")
    worker = read.worker or ""
    if worker and not _WORKER.fullmatch(worker):
        raise InvalidEvent("worker", "Must be 1 to 64 letters, digits, ., - or _; first a letter or digit.")
    return WorkerReport(
        camera_id,
        read.phase,
        reason,
        shown_text("message", read.message, _lines),
        _timestamp(read.timestamp),
        None if read.generation is UNSET else read.generation,
        worker,  # of letters and digits alone
        shown_text("version", read.version, _line),
        shown_text("host", read.host, _line),
        None if read.epoch is UNSET else read.epoch,
        _metrics(read.metrics),
    )


def shown_text(field: str, value: Any, rule: Callable[[object], str]) -> str:
    """A text as it may be stored and shown, without secrets; empty for none. Raises InvalidEvent."""
    if not value:
        return ""
    try:
        return redact_program_text(rule(value))[: MAX_MESSAGE if rule is _lines else MAX_NODE]
    except InvalidValue as error:
        raise InvalidEvent(field, str(error)) from None


def _timestamp(value: str | UnsetType | None) -> datetime | None:
    if value is None or value is UNSET:
        return None
    try:
        return read_timestamp(value)
    except ValueError as error:
        raise InvalidEvent("timestamp", str(error)) from None


def _metrics(value: dict[str, float] | UnsetType | None) -> dict[str, float]:
    if value is None or value is UNSET:
        return {}
    if len(value) > MAX_METRICS:
        raise InvalidEvent("metrics", f"Holds more than {MAX_METRICS} metrics.")
    for name, number in value.items():
        if not _METRIC.fullmatch(name):
            raise InvalidEvent("metrics", "Names are 1 to 64 letters, digits, _ or ., beginning with a letter.")
        if not math.isfinite(number):
            raise InvalidEvent("metrics", "Numbers must be finite.")
    return value
