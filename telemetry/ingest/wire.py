"""The wire format of telemetry, the same for every endpoint: bytes to events. `receipts` is the way back.

What msgspec alone would accept (duplicate keys, NUL, a space for the T, an offset that overflows) is refused here.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Annotated, Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from controlplane.bare_asgi import too_large
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, Problem, shown_name
from controlplane.time_ranges import read_timestamp

MAX_SINGLE_BYTES = 64 * 1024
MAX_IGNORED = 10
# None of them is registered; the first is that of the NDJSON specification.
NDJSON_TYPES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
)

# --- Events in --------------------------------------------------------------------------------------------

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Confidence = Annotated[float, Meta(ge=0, le=1)]
Zone = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
Generation = Annotated[int, Meta(ge=0, le=2**63 - 1)]
WorkerName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
OPTIONAL = ("zone", "generation", "epoch", "worker")


class Event(NamedTuple):
    """One observation as a worker reports it, its timestamp in UTC; zone "" is the whole frame."""

    camera_id: UUID
    timestamp: datetime
    zone: str
    occupancy: int
    confidence: float
    generation: int | None
    epoch: int | None = None
    worker: str = ""


class _Single(msgspec.Struct, gc=False):
    timestamp: str
    occupancy: Count
    confidence: Confidence
    # Null is as good as absent, as in the JSON of protobuf: many libraries write every member of their models.
    zone: Zone | UnsetType | None = UNSET
    generation: Generation | UnsetType | None = UNSET
    epoch: Generation | UnsetType | None = UNSET
    worker: WorkerName | UnsetType | None = UNSET


class Item(_Single, gc=False, kw_only=True):
    """An event of a batch as msgspec reads it; `event_of` checks the rest."""

    camera_id: str


S = TypeVar("S", bound="_Single")


class InvalidEvent(ValueError):
    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


_single = msgspec.json.Decoder(_Single)
# The members of an object, whatever they are.
MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])

SINGLE_MEMBERS = frozenset(_Single.__struct_fields__)
ITEM_MEMBERS = frozenset(Item.__struct_fields__)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_REQUIRED = (b'"timestamp"', b'"occupancy"', b'"confidence"')
_OPTIONAL_KEYS = [(name, f'"{name}"'.encode()) for name in OPTIONAL]
# Of the keys that are required, and of the values of them that are text.
_QUOTES_OF_SINGLE, _QUOTES_OF_ITEM = 8, 12
_PLACE = re.compile(r" - at `\$(?:\[[0-9]+\])?\.?([^`]*)`")


def read_single(camera_id: UUID, body: bytes) -> tuple[Event, tuple[str, ...]]:
    """The one event of a body, and the names of members that are not known. Raises Problem 400 or 413."""
    if len(body) > MAX_SINGLE_BYTES:
        raise too_large(MAX_SINGLE_BYTES)
    try:
        read, ignored = decoded(_single, body.removeprefix(BOM_UTF8), SINGLE_MEMBERS)
        return _event(camera_id, read), ignored
    except InvalidEvent as error:
        raise invalid(error) from None


def camera_id_of(text: str) -> UUID | None:
    """The id of a camera if the text is a UUID in the canonical form of RFC 9562, or None."""
    return _camera_id(text) if len(text) == 36 else None


@lru_cache(maxsize=100_000)
def _camera_id(text: str) -> UUID | None:
    return UUID(text) if _UUID.fullmatch(text) else None


def invalid(error: InvalidEvent) -> Problem:
    detail = f"{error.field}: {error.detail}" if error.field else error.detail
    return Problem(400, detail, [FieldError(error.field, error.detail)])


def decoded(decoder: msgspec.json.Decoder[S], body: bytes, known: frozenset[str]) -> tuple[S, tuple[str, ...]]:
    """One event as msgspec reads it, and the names of its members that are not known. Raises InvalidEvent."""
    try:
        body.decode()
        read = decoder.decode(body)
        if is_read_whole(body, [read]):
            return read, ()
        if may_hold_a_key_twice(body, [read]):
            refuse_duplicate_keys(body, known)
        return read, unknown_members([MEMBERS.decode(body)], known)
    except RecursionError:
        raise InvalidEvent("", "The JSON is nested too deeply.") from None
    except msgspec.ValidationError as error:
        raise _invalid_event(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidEvent("", "The event is not JSON in UTF-8.") from None


def is_read_whole(body: bytes, items: Sequence[_Single]) -> bool:
    """Whether the text surely holds what was read of it and nothing else: no key twice, no other member.

    Then it has no other quotes than those of the keys and texts that were read; a backslash could hide some.
    """
    quotes = len(items) * (_QUOTES_OF_ITEM if isinstance(items[0], Item) else _QUOTES_OF_SINGLE)
    for name, key in _OPTIONAL_KEYS:
        if key in body:
            for item in items:
                value = getattr(item, name)
                if value is not UNSET:
                    quotes += 4 if isinstance(value, str) else 2
    return body.count(b'"') == quotes and b"\\" not in body


def unknown_members(items: Iterable[Iterable[str]], known: frozenset[str]) -> tuple[str, ...]:
    """The names of the members that are not known, as an answer may repeat them, the first ten."""
    names = (shown_name(name) for name in dict.fromkeys(chain.from_iterable(items)) if name not in known)
    return tuple(dict.fromkeys(names))[:MAX_IGNORED]


def may_hold_a_key_twice(body: bytes, items: Sequence[_Single]) -> bool:
    """Whether the keys must be checked one by one: of two equal keys msgspec takes the last.

    There may be such a pair if the text has more keys than were read, or a backslash, which can spell a key
    another way.
    """
    required = len(items)
    if b"\\" in body or any(body.count(key) != required for key in _REQUIRED):
        return True
    if isinstance(items[0], Item) and body.count(b'"camera_id"') != required:
        return True
    for name, key in _OPTIONAL_KEYS:
        count = body.count(key)
        if count and count != sum(getattr(item, name) is not UNSET for item in items):
            return True
    return False


def refuse_duplicate_keys(body: bytes, known: frozenset[str]) -> None:
    """Raises InvalidEvent if an object has a key twice, which it names if it is one of those that are known."""

    def refuse(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise InvalidEvent(key if key in known else "", "The key stands here twice.")
                seen.add(key)
        return value

    try:
        json.loads(body, object_pairs_hook=refuse, parse_int=str)  # an int of 5,000 digits raises
    except json.JSONDecodeError:
        raise InvalidEvent("", "The body is not JSON in UTF-8.") from None


def _invalid_event(message: str) -> InvalidEvent:
    """msgspec's message as field and detail. It names types and bounds, never a value that was sent."""
    place = _PLACE.search(message)
    detail = _PLACE.sub("", message).replace("`", "")
    field = place[1] if place else ""
    if missing := re.search(r"missing required field (\w+)", detail):
        field, detail = missing[1], "Is required."
    elif field and detail.endswith("got null"):
        detail = "Is required."
    elif "matching regex" in detail:
        allowed = "., - or _" if field == "worker" else "- or _"
        detail = f"Must be 1 to 64 letters, digits, {allowed}, beginning with a letter or digit."
    return InvalidEvent(field, detail)


def event_of(item: Item) -> Event:
    """The event of an item. Raises InvalidEvent."""
    camera_id = camera_id_of(item.camera_id)
    if camera_id is None:
        raise InvalidEvent("camera_id", "Must be the id of a camera (a UUID).")
    return _event(camera_id, item)


def _event(camera_id: UUID, read: _Single) -> Event:
    try:
        timestamp = read_timestamp(read.timestamp)
    except ValueError as error:
        raise InvalidEvent("timestamp", str(error)) from None
    return Event(
        camera_id,
        timestamp,
        read.zone or "",
        read.occupancy,
        read.confidence,
        None if read.generation is UNSET else read.generation,
        None if read.epoch is UNSET else read.epoch,
        read.worker or "",
    )


# --- What the headers say -----------------------------------------------------------------------------------


def media_type_of(content_type: str) -> str:
    """`json`, `ndjson`, or "" for any other type and for another charset than UTF-8."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            return ""
    if media_type == "application/json":
        return "json"
    return "ndjson" if media_type in NDJSON_TYPES else ""


def no_such_camera() -> Problem:
    detail = "There is no camera with this id."
    return Problem(404, detail, [FieldError("camera_id", detail, ErrorCode.UNKNOWN_CAMERA)])


def unknown_parameter(query: bytes) -> Problem:
    """The 400 for a query string: these endpoints have no parameters."""
    name = re.split(rb"[=&]", query, maxsplit=1)[0].decode("ascii", "replace")
    shown = shown_name(name)
    detail = "There is no such query parameter here; known: none."
    return Problem(400, f"{shown}: {detail}", [FieldError(shown, detail, ErrorCode.UNKNOWN)])


def unsupported(accepted: str) -> Problem:
    return Problem(415, f"Send {accepted}, in UTF-8.")
