"""The change feed on the wire, as pages and as a stream of events: query, answer and the 410."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import QueryDict

from cameras.api.parameters import only, refuse, whole_number
from cameras.change_feed import Cursor, CursorGone, SeenChange, parse_cursor
from cameras.models import Change
from controlplane.encoding import encode_json
from controlplane.problems import Problem

DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000
MAX_WAIT_SECONDS = 30
SINCE = {
    "type": "string",
    "pattern": r"^(0|[0-9a-f]{12}-(0|[1-9][0-9]{0,18})(\.(0|[1-9][0-9]{0,10}))?)$",
}
EVENT_ID = {"type": "string", "pattern": r"^[0-9a-f]{12}-(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,10})$"}
INCLUDES = ("status",)

_SECOND = re.compile(r"0|[1-9][0-9]{0,10}")


class FeedQuery(NamedTuple):
    """What a watcher asks for; `since` None stands for the oldest change kept."""

    since: Cursor | None
    limit: int
    wait_seconds: int


def read_query(query: QueryDict) -> FeedQuery:
    """Raises Problem 400."""
    only(query, ("since", "limit", "wait"))
    since, _ = _since(query)
    limit = whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    wait = whole_number(query, "wait", 0, 0, MAX_WAIT_SECONDS)
    return FeedQuery(since, limit, wait)


def render(next_cursor: Cursor, changes: Sequence[SeenChange], more: bool) -> bytes:
    """The body of a page."""
    return encode_json({"next": str(next_cursor), "changes": [shown(*change) for change in changes], "more": more})


def shown(change: Change, kind: str) -> dict[str, Any]:
    """A change as a watcher sees it."""
    return {
        "revision": change.revision,
        "block": change.block_id or change.revision,
        "at": change.at,
        "kind": kind,
        "camera_id": change.camera_id,
        "name": change.name,
        "generation": change.generation,
        "desired_state": change.desired_state,
        "by": change.by,
        "fields": sorted(change.diff),
    }


# --- As a stream ------------------------------------------------------------------------------------------


class EventId(NamedTuple):
    """Up to where a stream has come: `<cursor>.<second>`. Statuses are known up to that Unix second."""

    cursor: Cursor
    second: int

    def __str__(self) -> str:
        return f"{self.cursor}.{self.second}"


class StreamQuery(NamedTuple):
    """What a stream is asked for; `since` None stands for the oldest change kept, `second` None for now."""

    since: Cursor | None
    second: int | None
    with_status: bool


def read_stream_query(query: QueryDict, last_event_id: str) -> StreamQuery:
    """What a stream is asked for; the header Last-Event-ID, where there is one, comes before `since`.

    A browser opens the same address when it connects again, and adds the header by itself. Raises Problem 400.
    """
    only(query, ("since", "include"))
    if (included := query.get("include")) not in (None, *INCLUDES):
        refuse("include", f"Must be {', '.join(INCLUDES)}.")
    if last_event_id:
        event_id = _event_id(last_event_id)
        if event_id is None:
            refuse("Last-Event-ID", "Must be the id of an event of this stream.")
        return StreamQuery(*event_id, with_status=included is not None)
    return StreamQuery(*_since(query), with_status=included is not None)


def _since(query: QueryDict) -> tuple[Cursor | None, int | None]:
    """From where on, and from which second if that is said: who goes over from a stream to pages has its ids."""
    text = query.get("since", "0")
    if text == "0":
        return None, None
    found = _event_id(text) or (parse_cursor(text), None)
    if found[0] is None:
        refuse("since", "Must be 0, a cursor from X-Cursor or from `next` of a page, or the id of an event.")
    return found


def _event_id(text: str) -> EventId | None:
    cursor, _, second = text.partition(".")
    found = parse_cursor(cursor)
    return EventId(found, int(second)) if found and _SECOND.fullmatch(second) else None


def gone(error: CursorGone) -> Problem:
    return Problem(
        410,
        "The log no longer holds, or does not yet hold, what followed this cursor: list the cameras again "
        "and watch from the X-Cursor of that answer.",
        headers={"X-Cursor": str(error.current)},
        oldest=str(error.oldest),
        current=str(error.current),
    )
