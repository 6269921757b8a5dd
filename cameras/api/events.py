"""Events of a stream as bytes (WHATWG HTML, 9.2: Server-Sent Events)."""

from collections.abc import Sequence
from typing import NamedTuple

from cameras.api.feed import EventId
from cameras.change_feed import Cursor

# A stream that is not read holds one part at most, beside what the connection holds.
PART_BYTES = 32 * 1024


class Event(NamedTuple):
    """One event; `data` is JSON in one line. `cursor` is its own place in the feed, if it has one."""

    kind: str
    data: bytes
    cursor: Cursor | None = None


def written(events: Sequence[Event], start: EventId, end: EventId) -> list[bytes]:
    """The events that lead from one place to another, in parts that are not long.

    Whoever has read only some of them goes on from the last of those: so it is the last event that says `end`, and
    those before it say no more than what was sent by then.
    """
    parts, part = [], b""
    cursor = start.cursor
    for number, event in enumerate(events, start=1):
        cursor = event.cursor or cursor
        event_id = end if number == len(events) else EventId(cursor, start.second)
        part += b"event: %s\nid: %s\ndata: %s\n\n" % (event.kind.encode(), str(event_id).encode(), event.data)
        if len(part) >= PART_BYTES:
            parts.append(part)
            part = b""
    return [*parts, part] if part else parts
