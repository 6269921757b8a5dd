"""What changed between two rounds, each change at its own deadline."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cameras.status import Interruptions, Status
from telemetry.alerts.timeline import RUNNING, Known, Observed, changes_between, first_known
from tests.cameras.test_status import TABLE as BOUNDARIES
from tests.factories import NOW


def ago(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW - timedelta(seconds=seconds)


def interruptions(**moments: float | None) -> Interruptions:
    return Interruptions(**{name: ago(seconds) for name, seconds in moments.items()})


# Expected interval 10 s: stale after 30 s, offline after 60 s. All numbers are seconds ago.
#: known and since when, desired state and since when, contact, interruptions, the changes
TABLE: list[tuple[str, float, str, float, float | None, Interruptions, list[tuple[float, str]]]] = [
    ("healthy", 900, "running", 1000, 5, Interruptions(), []),
    ("healthy", 900, "running", 1000, 30, Interruptions(), [(0, "stale")]),
    ("healthy", 900, "running", 1000, 500, Interruptions(), [(470, "stale"), (440, "offline")]),
    ("stale", 470, "running", 1000, 500, Interruptions(), [(440, "offline")]),
    ("offline", 440, "running", 1000, 500, Interruptions(), []),
    ("offline", 440, "running", 1000, 5, Interruptions(), [(5, "healthy")]),
    # It came back and fell silent again between two rounds
    ("offline", 440, "running", 1000, 45, Interruptions(), [(45, "healthy"), (15, "stale")]),
    ("offline", 440, "running", 1000, 100, Interruptions(), [(100, "healthy"), (70, "stale"), (40, "offline")]),
    ("stale", 470, "running", 1000, 40, Interruptions(), [(40, "healthy"), (10, "stale")]),
    # A contact that was committed late, or an interval that somebody changed, shows when it is seen
    ("offline", 3, "running", 1000, 5, Interruptions(), [(0, "healthy")]),
    ("healthy", 20, "running", 1000, 50, Interruptions(), [(0, "stale")]),
    # Started
    ("stopped", 1000, "running", 20, None, Interruptions(), [(20, "pending")]),
    ("stopped", 1000, "running", 20, 5, Interruptions(), [(20, "pending"), (5, "healthy")]),
    ("stopped", 1000, "running", 200, None, Interruptions(), [(200, "pending"), (140, "offline")]),
    ("pending", 200, "running", 200, None, Interruptions(), [(140, "offline")]),
    ("pending", 200, "running", 200, 100, Interruptions(), [(100, "healthy"), (70, "stale"), (40, "offline")]),
    ("offline", 500, "running", 20, None, Interruptions(), [(20, "pending")]),
    # Stopped
    ("healthy", 900, "stopped", 10, 8, Interruptions(), [(10, "stopping")]),
    ("healthy", 900, "stopped", 100, 95, Interruptions(), [(100, "stopping"), (70, "stopped")]),
    ("healthy", 900, "stopped", 100, 110, Interruptions(), [(100, "stopped")]),
    ("healthy", 900, "stopped", 100, 5, Interruptions(), [(100, "stopping"), (70, "orphaned")]),
    ("orphaned", 470, "stopped", 500, 80, Interruptions(), [(20, "stopped")]),
    ("stopped", 300, "stopped", 500, 4, Interruptions(), [(4, "orphaned")]),
    ("stopped", 41, "stopped", 41, 1, Interruptions(), [(1, "orphaned")]),
    ("stopped", 20, "stopped", 20, 1, Interruptions(), [(1, "stopping")]),
    ("stopped", 41, "stopped", 41, 20, Interruptions(), [(20, "stopping"), (11, "stopped")]),
    # An ingest outage is no camera's silence
    ("healthy", 9000, "running", 9999, 3601, interruptions(outage_began_at=3600, outage_ended_at=20), []),
    (
        "healthy",
        9000,
        "running",
        9999,
        3601,
        interruptions(outage_began_at=3600, outage_ended_at=60),
        [(30, "stale"), (0, "offline")],
    ),
    ("healthy", 9000, "running", 9999, 3601, interruptions(ingest_outage_since=3600), []),
    ("healthy", 9000, "running", 9999, 3631, interruptions(ingest_outage_since=3600), [(3601, "stale")]),
    (
        "stale",
        3605,
        "running",
        9999,
        3635,
        interruptions(outage_began_at=3600, outage_ended_at=20),
        [(20, "healthy")],
    ),
    ("offline", 7140, "running", 9999, 7200, interruptions(outage_began_at=3600, outage_ended_at=20), []),
    # Most of the fleet fell silent at once
    ("healthy", 9000, "running", 9999, 500, interruptions(mass_silence_began_at=499), [(470, "stale")]),
    ("stale", 470, "running", 9999, 500, interruptions(mass_silence_began_at=499, mass_silence_ended_at=59), []),
    (
        "stale",
        470,
        "running",
        9999,
        500,
        interruptions(mass_silence_began_at=499, mass_silence_ended_at=60),
        [(0, "offline")],
    ),
    # Somebody with a later clock was here before
    ("stale", -1, "running", 1000, 5, Interruptions(), []),
]


def test_the_statuses_of_a_running_camera_are_those_that_the_rule_gives_it() -> None:
    derived = {row[4] for row in BOUNDARIES if row[0] == "running"}
    reached = {status for row in TABLE for status in (row[0], *(to_status for _, to_status in row[6]))}

    assert derived == RUNNING
    assert sorted(reached) == sorted(Status)


@pytest.mark.parametrize("row", TABLE, ids=[f"{n} {row[0]} {row[2]}" for n, row in enumerate(TABLE)])
def test_each_change_has_its_own_deadline(row: Any) -> None:
    status, since, desired_state, desired_for, contact, interruptions, expected = row
    known = Known(Status(status), NOW - timedelta(seconds=since))
    observed = Observed(desired_state, NOW - timedelta(seconds=desired_for), ago(contact), 10)

    changes = changes_between(known, observed, NOW, interruptions)

    assert [(change.at, change.to_status) for change in changes] == [(ago(at), status) for at, status in expected]
    assert [change.from_status for change in changes] == [known.status, *(change.to_status for change in changes)][
        : len(changes)
    ]
    if changes:  # the next round finds nothing new
        assert changes_between(Known(changes[-1].to_status, changes[-1].at), observed, NOW, interruptions) == []


def test_a_camera_that_is_new_begins_where_it_was_started() -> None:
    observed = Observed("running", NOW - timedelta(seconds=500), NOW - timedelta(seconds=100), 10)

    changes = changes_between(first_known(observed), observed, NOW, Interruptions())

    assert [(change.from_status, change.to_status, change.at) for change in changes] == [
        ("pending", "healthy", ago(100)),
        ("healthy", "stale", ago(70)),
        ("stale", "offline", ago(40)),
    ]
