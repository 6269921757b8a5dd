"""What becomes of an incident when something is noticed: begins, goes on, folds, merges, ends. Pure: no Django.

An incident is one cause with a life. Its key says of what: `fleet`, `site:ID`, `camera:ID` or `zone:ID/ZONE`; the
fleet contains sites, and a site its cameras.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

# What comes back so soon after its end is the same incident.
REOPENED_WITHIN = timedelta(minutes=5)
# In a smaller group half of the cameras is no crowd.
SMALLEST_SITE_SILENCE = 3
INTERVALS_AT_ONCE = 1.5
OFFLINE_AFTER_INTERVALS = 6


class Move(StrEnum):
    """What becomes of an incident."""

    BEGIN = "begin"
    REOPEN = "reopen"
    FOLD = "fold"
    GO_ON = "go_on"
    EASE = "ease"
    END = "end"
    NOTHING = "nothing"


class Life(NamedTuple):
    """An incident as it is stored: what holds of it, and between when. `ended_at` is None while it holds."""

    causes: frozenset[str]
    began_at: datetime
    ended_at: datetime | None = None


class Silence(NamedTuple):
    """A camera that fell silent: its last contact, and how often it is expected to report."""

    since_at: datetime
    interval_seconds: int


def beginning(
    cause: str, at: datetime, own: Life | None, greater: Sequence[Life], silence: Silence | None
) -> Move:
    """What a beginning does; `own` is the last incident of its key, `greater` what contains it and holds now."""
    if own and own.ended_at is None:
        return Move.GO_ON
    if silence and any(began_within(silence, each.began_at) for each in greater):
        return Move.FOLD
    if own and own.ended_at and cause in own.causes and at - own.ended_at < REOPENED_WITHIN:
        return Move.REOPEN
    return Move.BEGIN


def ending(causes: frozenset[str], own: Life | None) -> Move:
    """What the end of these causes does to the last incident of their key."""
    if own is None or own.ended_at is not None:
        return Move.NOTHING
    return Move.EASE if own.causes - causes else Move.END


def began_within(silence: Silence, greater_began_at: datetime) -> bool:
    """Whether a silence is part of a greater one: up to six intervals before, and hardly later than its moment."""
    interval = timedelta(seconds=silence.interval_seconds)
    earliest = greater_began_at - OFFLINE_AFTER_INTERVALS * interval
    return earliest <= silence.since_at <= greater_began_at + INTERVALS_AT_ONCE * interval


def is_site_silence(silent: int, reporting: int, share_percent: int) -> bool:
    """Whether so many silent cameras of those reporting at a site are the site's silence."""
    return silent >= SMALLEST_SITE_SILENCE and 100 * silent > share_percent * reporting
