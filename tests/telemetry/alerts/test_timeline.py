"""What changed between two rounds, each change at its own deadline."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cameras.facts import Facts, Interruptions
from cameras.status import Status
from telemetry.alerts.timeline import RUNNING, Known, changes_between, first_known
from tests.cameras.test_status import SAID, facts_said
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


#: The known status and since when, what was said by how long ago it was, and the changes; running since 500 s.
REPORTED: list[tuple[str, float, dict[str, Any], list[tuple[float, str]]]] = [
    # A failure is dated by its report, and what the sample before it made of the camera comes first
    ("healthy", 400, {"contact": 5, "sample": 20, "failed": 5}, [(5, "failing")]),
    ("healthy", 400, {"contact": 5, "sample": 40, "failed": 5}, [(10, "degraded"), (5, "failing")]),
    ("pending", 500, {"contact": 5, "awaited": 5, "failed": 5}, [(440, "offline"), (5, "failing")]),
    # Its worker has ended since
    ("failing", 100, {"contact": 100, "awaited": 100, "failed": 100}, [(40, "offline")]),
    ("healthy", 400, {"contact": 100, "sample": 110, "failed": 100}, [(100, "failing"), (40, "offline")]),
    # A sample came
    ("failing", 100, {"contact": 1, "sample": 1}, [(1, "healthy")]),
    # The first report of a worker that was long in coming is no failure of the time before
    ("offline", 440, {"contact": 1, "awaited": 1}, [(1, "pending")]),
    # Contact, and no samples any more
    ("healthy", 400, {"contact": 0, "sample": 100}, [(70, "degraded"), (40, "failing")]),
    # The orchestrator gave up before anything was heard
    ("pending", 500, {"placement": 450, "placement_phase": "failed"}, [(450, "failing")]),
]


def heard(desired_state: str, desired_state_at: datetime, contact: datetime | None) -> Facts:
    """Of who sends samples and nothing else."""
    return Facts(desired_state, desired_state_at, 10, last_contact=contact, last_sample_at=contact)


@pytest.mark.parametrize("row", REPORTED, ids=[f"{n} {row[0]}" for n, row in enumerate(REPORTED)])
def test_what_was_reported_changes_the_status_at_its_own_time(row: Any) -> None:
    status, since, said, expected = row
    known, facts = Known(Status(status), ago(since)), Facts(**facts_said({"state": 500, **said}))

    changes = changes_between(known, facts, NOW, Interruptions())

    assert [(change.at, change.to_status) for change in changes] == [(ago(at), status) for at, status in expected]
    assert changes_between(Known(changes[-1].to_status, changes[-1].at), facts, NOW, Interruptions()) == []


def test_the_statuses_of_a_running_camera_are_those_that_the_rule_gives_it() -> None:
    derived = {row[4] for row in BOUNDARIES if row[0] == "running"}
    derived |= {row[1] for row in SAID if row[0].get("desired_state") != "stopped"}
    reached = {status for row in TABLE for status in (row[0], *(to_status for _, to_status in row[6]))}
    reached |= {to_status for row in REPORTED for _, to_status in row[3]}

    assert derived == RUNNING
    assert sorted(reached) == sorted(Status)


@pytest.mark.parametrize("row", TABLE, ids=[f"{n} {row[0]} {row[2]}" for n, row in enumerate(TABLE)])
def test_each_change_has_its_own_deadline(row: Any) -> None:
    status, since, desired_state, desired_for, contact, interruptions, expected = row
    known = Known(Status(status), NOW - timedelta(seconds=since))
    facts = heard(desired_state, NOW - timedelta(seconds=desired_for), ago(contact))

    changes = changes_between(known, facts, NOW, interruptions)

    assert [(change.at, change.to_status) for change in changes] == [(ago(at), status) for at, status in expected]
    assert [change.from_status for change in changes] == [known.status, *(change.to_status for change in changes)][
        : len(changes)
    ]
    if changes:  # the next round finds nothing new
        assert changes_between(Known(changes[-1].to_status, changes[-1].at), facts, NOW, interruptions) == []


def test_a_camera_that_is_new_begins_where_it_was_started() -> None:
    facts = heard("running", ago(500), ago(100))

    changes = changes_between(first_known("running", ago(500)), facts, NOW, Interruptions())

    assert [(change.from_status, change.to_status, change.at) for change in changes] == [
        ("pending", "healthy", ago(100)),
        ("healthy", "stale", ago(70)),
        ("stale", "offline", ago(40)),
    ]
