"""For how long a camera was up and down, and for how long that is not judged. Pure: no Django.

Intervals are half-open. What is not judged is either left out, because nobody meant the camera to work then or the
service could not have heard it, or unknown.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from cameras.status import Status
from telemetry.history.spans import Span

UP = frozenset({Status.HEALTHY, Status.DEGRADED})
DOWN = frozenset({Status.OFFLINE, Status.FAILING})
NOT_RUNNING = frozenset({Status.PENDING, Status.STOPPED, Status.STOPPING, Status.ORPHANED})


class Verdict(StrEnum):
    UP = "up"
    DOWN = "down"
    LEFT_OUT = "left_out"
    UNKNOWN = "unknown"


class Became(NamedTuple):
    """A camera's status from a moment on; None where it is not known any more."""

    at: datetime
    status: Status | None
    reason: str = ""


class History(NamedTuple):
    """What is known of a camera in a range. Cameras with the same history are equal.

    `there` are the times that count, which do not overlap. `changes` are oldest first: the last before the range,
    if one is known, those within it, and the first after it, which says what a camera was late for. `excused` are
    windows that cover the camera, and outages of ingest; `shared` are incidents of its site and of the fleet.
    """

    there: tuple[Span, ...]
    changes: tuple[Became, ...]
    excused: tuple[Span, ...] = ()
    shared: tuple[Span, ...] = ()


class Piece(NamedTuple):
    """A time in which a camera had one status, and what that counts as."""

    start: datetime
    end: datetime
    verdict: Verdict
    became: Became | None


class Downtime(NamedTuple):
    """A time without a pause in which a camera was down; of several statuses that of the first that says why."""

    start: datetime
    end: datetime
    status: Status
    reason: str
    is_lasting: bool = False


class _Mark(NamedTuple):
    """A moment at which something begins (1) or ends (-1), or the status changes."""

    at: datetime
    step: int = 0
    counts: str = ""
    change: int = 0


def verdict_of(status: Status | None, following: Status | None, *, is_shared: bool) -> Verdict:
    """What a time of a status counts as, where nothing excuses the camera; `following` is the status after it.

    One that was late and then reported again was neither seen to work nor to be down.
    """
    if status in UP:
        return Verdict.UP
    if status in DOWN or (status == Status.STALE and (is_shared or following in DOWN)):
        return Verdict.DOWN
    return Verdict.LEFT_OUT if status in NOT_RUNNING else Verdict.UNKNOWN


def pieces_of(history: History) -> Iterator[Piece]:
    """The times that count, oldest first, in pieces; before the first change nothing is known."""
    changes = history.changes
    marks = [_Mark(change.at, change=number) for number, change in enumerate(changes, start=1)]
    for name, spans in (("there", history.there), ("excused", history.excused), ("shared", history.shared)):
        for start, end in spans:
            marks += [_Mark(start, 1, name), _Mark(end, -1, name)]
    depth = {"there": 0, "excused": 0, "shared": 0}
    reached = 0
    for mark, following in pairwise(sorted(marks)):
        if mark.change:
            reached = mark.change
        else:
            depth[mark.counts] += mark.step
        if mark.at < following.at and depth["there"]:
            verdict = (
                Verdict.LEFT_OUT
                if depth["excused"]
                else _verdict_at(changes, reached, is_shared=depth["shared"] > 0)
            )
            yield Piece(mark.at, following.at, verdict, changes[reached - 1] if reached else None)


def _verdict_at(changes: Sequence[Became], reached: int, *, is_shared: bool) -> Verdict:
    if not reached:
        return Verdict.UNKNOWN
    after = changes[reached].status if reached < len(changes) else None
    return verdict_of(changes[reached - 1].status, after, is_shared=is_shared)


def downtimes_of(history: History) -> list[Downtime]:
    """When the camera was down, joined where one status follows another, oldest first.

    One lasts where nothing is known after it: up to there statuses are stored.
    """
    found: list[Downtime] = []
    for piece in pieces_of(history):
        became = piece.became
        if piece.verdict != Verdict.DOWN or became is None or became.status is None:
            continue
        last = found[-1] if found else None
        if last is None or last.end != piece.start:
            found.append(Downtime(piece.start, piece.end, became.status, became.reason))
        elif last.status == Status.STALE:  # it was late; now it is known why
            found[-1] = Downtime(last.start, piece.end, became.status, became.reason)
        else:
            found[-1] = last._replace(end=piece.end)
    last_known = history.changes[-1] if history.changes else None
    if found and last_known and last_known.status is None and last_known.at == found[-1].end:
        found[-1] = found[-1]._replace(is_lasting=True)
    return found
