"""Batches of telemetry: a JSON array or NDJSON, as events. An item at fault costs none of the others."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from controlplane.bare_asgi import too_large
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, Problem
from telemetry.ingest.wire import (
    ITEM_MEMBERS,
    MAX_IGNORED,
    MEMBERS,
    Event,
    InvalidEvent,
    Item,
    decoded,
    event_of,
    invalid,
    is_read_whole,
    may_hold_a_key_twice,
    unknown_members,
)

MAX_BATCH_BYTES = 2 * 1024 * 1024
MAX_BATCH_ITEMS = 5_000
# Far more than any batch of events needs; beyond that reading item by item would take too long.
MAX_BRACKETS = 40 * MAX_BATCH_ITEMS


class ItemError(NamedTuple):
    """Why one item of a batch was refused; `place` counts from 0."""

    place: int
    code: str
    field: str
    detail: str


E = TypeVar("E")
ReadItem = Callable[[bytes], tuple[E, Sequence[str]]]


class Batch(NamedTuple, Generic[E]):
    """The events of a batch with their places in it, and the items that could not be read.

    `ignored` are the first names of members of the events that are not known.
    """

    events: list[E]
    indexes: Sequence[int]
    errors: list[ItemError]
    size: int
    ignored: Sequence[str] = ()


_item = msgspec.json.Decoder(Item)
_items = msgspec.json.Decoder(list[Item])
_members_of_items = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
# The next bracket or comma outside of strings. Possessive quantifiers keep it linear on any text.
_MARK = re.compile(rb'(?:[^"\[\]{},]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{},])', re.DOTALL)
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)


def read_batch(body: bytes, *, ndjson: bool) -> Batch[Event]:
    """The events of a JSON array, or of NDJSON lines. Raises Problem 400 or 413 for the batch as a whole."""
    return _whole(body, _read_lines if ndjson else _read_array)


def read_batch_of(read_item: ReadItem[E], body: bytes, *, ndjson: bool) -> Batch[E]:
    """What `read_item` makes of each item, and the names of members that it does not know.

    It may raise InvalidEvent. Raises Problem as `read_batch` does.
    """
    items_of = _lines_of if ndjson else _items_of_array
    return _whole(body, lambda body: _read_each(items_of(body), read_item))


def _whole(body: bytes, read: Callable[[bytes], Batch[E]]) -> Batch[E]:
    if len(body) > MAX_BATCH_BYTES:
        raise too_large(MAX_BATCH_BYTES)
    try:
        batch = read(body.removeprefix(BOM_UTF8))
    except InvalidEvent as error:
        raise invalid(error) from None
    if not batch.size:
        raise Problem(400, "The batch is empty.", [FieldError("", "Send at least one event.", ErrorCode.REQUIRED)])
    return batch


def _read_array(body: bytes) -> Batch[Event]:
    batch = _read_at_once(body, _items.decode, _members_of_items.decode)
    return batch or _read_each(_items_of_array(body), _event_of)


def _event_of(raw: bytes) -> tuple[Event, Sequence[str]]:
    item, ignored = decoded(_item, raw, ITEM_MEMBERS)
    return event_of(item), ignored


def _lines_of(body: bytes) -> list[bytes]:
    return [stripped for line in body.split(b"\n") if (stripped := line.strip())]


def _read_lines(body: bytes) -> Batch[Event]:
    lines = _lines_of(body)
    _bound(len(lines))
    # msgspec would also take an item that goes over several lines.
    if all(line[0] == ord("{") and line[-1] == ord("}") for line in lines):
        batch = _read_at_once(body, _item.decode_lines, MEMBERS.decode_lines)
        if batch and batch.size == len(lines):
            return batch
    return _read_each(lines, _event_of)


def _read_at_once(
    body: bytes,
    decode: Callable[[bytes], list[Item]],
    members_of: Callable[[bytes], list[dict[str, msgspec.Raw]]],
) -> Batch[Event] | None:
    """All events of a body, or None if an item is at fault or may be: then each has to be read by itself."""
    try:
        body.decode()
        items = decode(body)
        if not items:
            return None
        is_whole = is_read_whole(body, items)
        if not is_whole and may_hold_a_key_twice(body, items):
            return None
        events = [event_of(item) for item in items]
        ignored = () if is_whole else unknown_members(members_of(body), ITEM_MEMBERS)
    except (InvalidEvent, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    _bound(len(events))
    return Batch(events, range(len(events)), [], len(events), ignored)


def _read_each(items: list[bytes], read_item: ReadItem[E]) -> Batch[E]:
    _bound(len(items))
    events: list[E] = []
    indexes, errors = [], []
    ignored: dict[str, None] = {}
    for index, raw in enumerate(items):
        try:
            event, names = read_item(raw)
        except InvalidEvent as error:
            errors.append(ItemError(index, "invalid", error.field, error.detail))
            continue
        events.append(event)
        indexes.append(index)
        ignored |= dict.fromkeys(names)
    return Batch(events, indexes, errors, len(items), tuple(ignored)[:MAX_IGNORED])


def _bound(count: int) -> None:
    if count > MAX_BATCH_ITEMS:
        raise Problem(413, f"A batch holds at most {MAX_BATCH_ITEMS:,} events; send several.")


def _items_of_array(body: bytes) -> list[bytes]:
    """The texts between the commas of an array, JSON or not. Raises InvalidEvent if the body is no array."""
    text = body.strip()
    if not text.startswith(b"["):
        raise InvalidEvent("", "The body must be a JSON array of events.")
    if text.count(b"[") + text.count(b"{") > MAX_BRACKETS:
        raise InvalidEvent("", "The JSON is nested too deeply.")
    items, end = _split(text)
    _bound(len(items))
    if end != len(text) or not text.endswith(b"]"):
        raise InvalidEvent("", "The body is not a whole JSON array.")
    return items if any(item.strip() for item in items) else []


def _split(text: bytes) -> tuple[list[bytes], int]:
    """What stands between the commas of the array that a text begins with, and where that ends; 0 for nowhere.

    Stops at one item more than a batch may hold.
    """
    items: list[bytes] = []
    depth, start, end = 1, 1, 1
    while depth:
        mark = (_MARK if depth == 1 else _BRACKET).match(text, end)
        if mark is None or len(items) > MAX_BATCH_ITEMS:
            return items, 0
        end = mark.end()
        if mark[1] in b"[{":
            depth += 1
        elif mark[1] in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and mark[1] == b","):
            items.append(text[start : end - 1])
            start = end
    return items, end
