"""When a zone holds more people than its capacity, by its samples one after another. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple


class Sighting(NamedTuple):
    """A sample: when it was taken by the worker's clock, and when it arrived by ours."""

    at: datetime
    occupancy: int
    received_at: datetime


class Position(NamedTuple):
    """The last sample that was read, since when the zone was above its capacity, and the newest arrival."""

    seen_at: datetime
    above_since: datetime | None = None
    received_at: datetime | None = None


class Limit(NamedTuple):
    """More than `capacity` for as long as `hold` is a breach; a sample is valid for `stale_after` at most."""

    capacity: int
    hold: timedelta
    stale_after: timedelta


class Began(NamedTuple):
    at: datetime
    occupancy: int


class Ended(NamedTuple):
    at: datetime


def follow(
    position: Position,
    sightings: Sequence[Sighting],
    limit: Limit,
    *,
    in_breach: bool,
    now: datetime,
    at_most: int,
) -> tuple[Position, list[Began | Ended]]:
    """The position after the next samples of a zone, oldest first, and which breaches began and ended on the way.

    Reads `at_most` of them; the one after those only ends the validity of the last. The first may have been
    seen before. `in_breach` says whether a breach is open at the position.
    """
    seen_before = position.seen_at
    seen_at, above_since, received_at = position
    events: list[Began | Ended] = []
    for sighting, following in islice(zip(sightings, [*sightings[1:], None], strict=False), at_most):
        seen_at = sighting.at
        # What arrives while we read may have missed some of it: it counts as having arrived since.
        received_at = max(received_at or sighting.received_at, min(sighting.received_at, now))
        if sighting.occupancy <= limit.capacity:
            above_since = None
            if in_breach:
                # One that was seen before was above a capacity that somebody has raised: that is over now.
                events.append(Ended(seen_at if seen_at > seen_before else now))
                in_breach = False
            continue
        above_since = above_since or seen_at
        if not in_breach and _valid_until(sighting, following, limit, now) - above_since >= limit.hold:
            events.append(Began(above_since, sighting.occupancy))
            in_breach = True
        if not in_breach and following and following.at > seen_at + limit.stale_after:
            above_since = None  # it is not known how the zone was in between
    return Position(seen_at, above_since, received_at), events


def _valid_until(sighting: Sighting, following: Sighting | None, limit: Limit, now: datetime) -> datetime:
    """Until when a sample says how many there are, by the worker's clock."""
    # The newest counts for as long as it has been here: the worker's clock may be another than ours.
    replaced_at = following.at if following else sighting.at + (now - sighting.received_at)
    return min(replaced_at, sighting.at + limit.stale_after)
