"""The change feed on the wire, for both of its endpoints: query, answer and the 410."""

from collections.abc import Sequence
from typing import NamedTuple

from django.http import QueryDict

from cameras.api.parameters import only, refuse, whole_number
from cameras.change_feed import Cursor, CursorGone, SeenChange, parse_cursor
from controlplane.encoding import encode_json
from controlplane.problems import Problem

DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000
MAX_WAIT_SECONDS = 30
SINCE = {"type": "string", "pattern": "^(0|[0-9a-f]{12}-(0|[1-9][0-9]{0,18}))$"}


class FeedQuery(NamedTuple):
    """What a watcher asks for; `since` None stands for the oldest change kept."""

    since: Cursor | None
    limit: int
    wait_seconds: int


def read_query(query: QueryDict) -> FeedQuery:
    """Raises Problem 400."""
    only(query, ("since", "limit", "wait"))
    text = query.get("since", "0")
    since = parse_cursor(text)
    if since is None and text != "0":
        refuse("since", "Must be 0, or a cursor from X-Cursor or from `next` of the page before.")
    limit = whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    wait = whole_number(query, "wait", 0, 0, MAX_WAIT_SECONDS)
    return FeedQuery(since, limit, wait)


def render(next_cursor: Cursor, changes: Sequence[SeenChange], more: bool) -> bytes:
    """The body of a page."""
    return encode_json(
        {
            "next": str(next_cursor),
            "changes": [
                {
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
                for change, kind in changes
            ],
            "more": more,
        }
    )


def gone(error: CursorGone) -> Problem:
    return Problem(
        410,
        "The log no longer holds, or does not yet hold, what followed this cursor: list the cameras again "
        "and watch from the X-Cursor of that answer.",
        headers={"X-Cursor": str(error.current)},
        oldest=str(error.oldest),
        current=str(error.current),
    )
