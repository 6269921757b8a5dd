"""When a zone holds more people than its capacity: the rule alone, at its boundaries and in any pieces."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.alerts.capacity_rule import Began, Ended, Limit, Position, Sighting, follow
from tests.factories import NOW

LIMIT = Limit(capacity=5, hold=timedelta(seconds=60), stale_after=timedelta(seconds=30))
START = Position(NOW - timedelta(days=1))


def seen(occupancies: dict[float, int]) -> list[Sighting]:
    """Samples by seconds after NOW, each received at once."""
    moments = {NOW + timedelta(seconds=seconds): number for seconds, number in occupancies.items()}
    return [Sighting(at, number, at) for at, number in moments.items()]


def events_of(occupancies: dict[float, int], looked_at: float) -> list[tuple[str, float]]:
    now = NOW + timedelta(seconds=looked_at)
    _, events = follow(START, seen(occupancies), LIMIT, in_breach=False, now=now, at_most=1_000)
    return [(type(event).__name__, (event.at - NOW).total_seconds()) for event in events]


@pytest.mark.parametrize(
    ("occupancies", "looked_at", "expected"),
    [
        ({0: 5, 30: 5, 60: 5, 90: 5}, 90, []),  # the capacity itself is within it
        ({0: 6, 30: 6, 59: 6}, 59.9, []),
        ({0: 6, 30: 6, 59: 6}, 60, [("Began", 0)]),
        ({0: 6, 30: 6, 60: 5}, 60, [("Began", 0), ("Ended", 60)]),
        ({0: 6, 30: 6, 59.9: 5}, 60, []),
        ({0: 6, 30: 6, 60: 6}, 60, [("Began", 0)]),  # valid for as long as stale_after, to the moment
        ({0: 6, 30: 6, 60.1: 6, 90: 6}, 90, [("Began", 0)]),
        ({0: 6, 29: 6, 59.1: 6, 90: 6}, 90, []),  # unknown in between
        ({0: 6, 30: 6}, 999, [("Began", 0)]),  # the last is valid for stale_after, and no longer
        ({0: 6, 29.9: 6}, 999, []),
        ({0: 6, 30: 6, 60: 6, 500: 2}, 500, [("Began", 0), ("Ended", 500)]),  # a silence does not end it
    ],
)
def test_a_breach_begins_once_the_hold_time_is_full_and_ends_at_the_first_sample_within(
    occupancies: dict[float, int], looked_at: float, expected: list[tuple[str, float]]
) -> None:
    assert events_of(occupancies, looked_at) == expected


@given(
    steps=st.lists(st.tuples(st.integers(1, 45), st.sampled_from([2, 5, 6, 9])), min_size=2, max_size=40),
    data=st.data(),
)
def test_samples_read_in_pieces_come_to_the_same_as_all_at_once(
    steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    moments, seconds = {}, 0
    for pause, occupancy in steps:
        seconds += pause
        moments[float(seconds)] = occupancy
    sightings = seen(moments)
    whole = follow(START, sightings, LIMIT, in_breach=False, now=sightings[-1].received_at, at_most=1_000)
    place = data.draw(st.integers(1, len(sightings) - 1))

    position, events, in_breach = START, list[Began | Ended](), False
    # The one that was seen last comes again.
    for piece in (sightings[:place], sightings[place - 1 :]):
        now = piece[-1].received_at
        position, more = follow(position, piece, LIMIT, in_breach=in_breach, now=now, at_most=1_000)
        events += more
        in_breach = bool(events) and isinstance(events[-1], Began)

    assert (position, events) == whole
