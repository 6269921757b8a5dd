"""The rule of health at each of its boundaries, and its twin in SQL."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras import status_queries
from cameras.admin.camera.columns import STATUS_COLOURS
from cameras.conditions import ConditionType
from cameras.facts import Facts, Interruptions
from cameras.interruptions import read_interruptions
from cameras.models import Camera, CameraVitals, FleetVitals
from cameras.observed import FACTS_IN_CAMERA, FACTS_IN_VITALS, facts_of
from cameras.status import Status, beginning_of_outage, derive_status, outage_threshold
from tests.factories import NOW, make_camera

ROOT = Path(__file__).parents[2]

# Expected interval 10 s: stale after 30 s, offline after 60 s; the grace of a stop is 30 s.
US = 1e-6


def seconds(value: float) -> timedelta:
    return timedelta(microseconds=round(value * 1_000_000))


def ago(**moments: float | None) -> Interruptions:
    """Interruptions, by how long ago each of their moments was."""
    return Interruptions(**{name: None if age is None else NOW - seconds(age) for name, age in moments.items()})


def back(resumed: float, paused: float | None = None) -> Interruptions:
    return ago(outage_ended_at=resumed, outage_began_at=paused)


def outage(since: float) -> Interruptions:
    return ago(ingest_outage_since=since)


def mass_silence(at: float, over: float | None = None) -> Interruptions:
    return ago(mass_silence_began_at=at, mass_silence_ended_at=over)


#: desired state, its age, the contact's age (None for none, negative for ahead), the interruptions, status, code, since
TABLE: list[tuple[str, float, float | None, Interruptions | None, str, str, float | None]] = [
    # Running, without contact since it was started
    ("running", 0, None, None, "pending", "starting", 0),
    ("running", 60 - US, None, None, "pending", "starting", 60 - US),
    ("running", 60, None, None, "offline", "never_reported", 0),
    ("running", 100, None, None, "offline", "never_reported", 40),
    ("running", 10, 10 + US, None, "pending", "starting", 10),
    ("running", 10, 10, None, "healthy", "reporting", None),
    ("running", 100, 100 + US, None, "offline", "never_reported", 40),
    # Running, with contact
    ("running", 1000, 0, None, "healthy", "reporting", None),
    ("running", 1000, 30 - US, None, "healthy", "reporting", None),
    ("running", 1000, 30, None, "stale", "late", 0),
    ("running", 1000, 60 - US, None, "stale", "late", 30 - US),
    ("running", 1000, 60, None, "offline", "silent", 0),
    ("running", 1000, 500, None, "offline", "silent", 440),
    # A contact ahead of the clock: up to 60 s it counts, beyond that it is none
    ("running", 1000, -60, None, "healthy", "reporting", None),
    ("running", 1000, -60 - US, None, "offline", "never_reported", 940),
    # Ages count from when the service came back
    ("running", 1000, 500, back(29), "healthy", "reporting", None),
    ("running", 1000, 500, back(30), "stale", "late", 0),
    ("running", 1000, 500, back(60), "offline", "silent", 0),
    ("running", 1000, 10, back(500), "healthy", "reporting", None),
    ("running", 1000, None, back(59), "pending", "starting", 1000),
    ("running", 1000, None, back(60), "offline", "never_reported", 0),
    ("running", 20, None, back(500), "pending", "starting", 20),
    # ... but only for those that were not offline when it went away
    ("running", 5000, 3660 - US, back(29, paused=3600), "healthy", "reporting", None),
    ("running", 5000, 3660, back(29, paused=3600), "offline", "silent", 3600),
    ("running", 5000, 3601, back(30, paused=3600), "stale", "late", 0),
    ("running", 5000, 3601, back(60, paused=3600), "offline", "silent", 0),
    ("running", 3660 - US, None, back(29, paused=3600), "pending", "starting", 3660 - US),
    ("running", 3660, None, back(29, paused=3600), "offline", "never_reported", 3600),
    # During an outage, ages stand still
    ("running", 9000, 3600, outage(3600), "healthy", "reporting", None),
    ("running", 9000, 3630 - US, outage(3600), "healthy", "reporting", None),
    ("running", 9000, 3630, outage(3600), "stale", "late", 3600),
    ("running", 9000, 3660 - US, outage(3600), "stale", "late", 3630 - US),
    ("running", 9000, 3660, outage(3600), "offline", "silent", 3600),
    ("running", 3000, None, outage(3600), "pending", "starting", 3000),
    ("running", 9000, 3000, outage(3600), "healthy", "reporting", None),
    ("running", 9000, 500, outage(-5), "offline", "silent", 440),
    (
        "running",
        9000,
        7120,
        ago(outage_began_at=7100, outage_ended_at=3610, ingest_outage_since=3600),
        "healthy",
        "reporting",
        None,
    ),
    (
        "running",
        9000,
        7120,
        ago(outage_began_at=7100, outage_ended_at=3660, ingest_outage_since=3600),
        "offline",
        "silent",
        3600,
    ),
    # Most of the fleet fell silent at once: nobody goes offline for it, until it is over and six intervals more
    ("running", 1000, 29, mass_silence(29), "healthy", "reporting", None),
    ("running", 1000, 30, mass_silence(30), "stale", "mass_silence", 0),
    ("running", 1000, 500, mass_silence(500), "stale", "mass_silence", 470),
    ("running", 1000, 500, mass_silence(440 + US), "stale", "mass_silence", 470),
    ("running", 1000, 500, mass_silence(440), "offline", "silent", 440),
    ("running", 1000, 500, mass_silence(500 + US), "offline", "silent", 440),
    ("running", 1000, 500, mass_silence(500, over=60 - US), "stale", "late", 470),
    ("running", 1000, 500, mass_silence(500, over=60), "offline", "silent", 0),
    ("running", 1000, 500, mass_silence(500, over=480), "offline", "silent", 420),
    ("running", 1000, 10, mass_silence(500, over=60), "healthy", "reporting", None),
    ("running", 1000, None, mass_silence(500), "offline", "never_reported", 940),
    ("running", 9000, 500, ago(mass_silence_began_at=490, ingest_outage_since=400), "stale", "mass_silence", 470),
    # Stopped
    ("stopped", 0, None, None, "stopped", "stopped_on_purpose", 0),
    ("stopped", 10, 10 + US, None, "stopped", "stopped_on_purpose", 10),
    ("stopped", 10, 10, None, "stopping", "winding_down", 10),
    ("stopped", 30 - US, 1, None, "stopping", "winding_down", 30 - US),
    ("stopped", 30, 1, None, "stopped", "stopped_on_purpose", 0),
    ("stopped", 100, 70 + US, None, "stopped", "stopped_on_purpose", 70),
    ("stopped", 89, 59, None, "orphaned", "still_reporting", 59),
    ("stopped", 100, 59, None, "orphaned", "still_reporting", 70),
    ("stopped", 100, 60 - US, None, "orphaned", "still_reporting", 70),
    ("stopped", 100, 60, None, "stopped", "stopped_on_purpose", 0),
    ("stopped", 1000, 65, None, "stopped", "stopped_on_purpose", 5),
    ("stopped", 30, 0, None, "orphaned", "still_reporting", 0),
    ("stopped", 10, -5, None, "stopping", "winding_down", 10),
    ("stopped", 100, -61, None, "stopped", "stopped_on_purpose", 100),
]


#: What was said besides, by how long ago it was; then the status, its code, how long ago it began, the conditions.
#: The camera runs since 1,000 s unless the facts say otherwise; its interval is 10 s.
SAID: list[tuple[dict[str, Any], str, str, float | None, str]] = [
    # Contact is no health: a report without samples
    ({"contact": 0, "awaited": 29.9}, "pending", "no_sample_yet", 29.9, ""),
    ({"contact": 0, "awaited": 30}, "degraded", "no_samples", 0, "NoSamples"),
    ({"contact": 0, "awaited": 60 - US}, "degraded", "no_samples", 30 - US, "NoSamples"),
    ({"contact": 0, "awaited": 60}, "failing", "no_frames", 0, "NoSamples"),
    ({"contact": 0, "sample": 29.9}, "healthy", "reporting", None, ""),
    ({"contact": 0, "sample": 30}, "degraded", "no_samples", 0, "NoSamples"),
    ({"contact": 0, "sample": 60}, "failing", "no_frames", 0, "NoSamples"),
    ({"contact": 30, "sample": 60}, "stale", "late", 0, ""),
    # ... while it starts, up to 15 minutes
    ({"contact": 0, "awaited": 899.9, "worker_phase": "starting"}, "pending", "no_sample_yet", 899.9, ""),
    ({"contact": 0, "awaited": 900, "worker_phase": "starting"}, "failing", "no_frames", 840, "NoSamples"),
    (
        {"contact": 0, "awaited": 40, "sample": 39, "worker_phase": "starting"},
        "degraded",
        "no_samples",
        9,
        "NoSamples",
    ),
    ({"contact": 0, "awaited": 40, "sample": 41, "worker_phase": "starting"}, "pending", "no_sample_yet", 40, ""),
    # The worker failed
    ({"contact": 5, "failed": 5, "failure_reason": "decode_error"}, "failing", "decode_error", 5, "WorkerFailed"),
    ({"contact": 0, "failed": 900, "failure_reason": "other"}, "failing", "other", 900, "WorkerFailed"),
    ({"contact": 59.9, "failed": 59.9, "failure_reason": "other"}, "failing", "other", 59.9, "WorkerFailed"),
    ({"contact": 60, "failed": 60, "failure_reason": "other"}, "offline", "silent", 0, "WorkerFailed"),
    ({"contact": 0, "failed": 1000, "failure_reason": "other"}, "failing", "other", 1000, "WorkerFailed"),
    ({"contact": 0, "sample": 0, "failed": 1000 + US}, "healthy", "reporting", None, ""),
    ({"contact": 0, "failed": 10, "generation": 10}, "failing", "other", 10, "WorkerFailed"),
    ({"contact": 0, "sample": 70, "failed": 10, "generation": 9.9}, "pending", "no_sample_yet", 9.9, ""),
    ({"contact": 0, "sample": 31, "failed": 10, "generation": 9.9}, "pending", "no_sample_yet", 1, ""),
    ({"contact": 0, "sample": 29, "failed": 10, "generation": 9.9}, "healthy", "reporting", None, ""),
    # The orchestrator's placement, unheard since the start
    ({"state": 60, "placement": 50, "placement_phase": "pulling"}, "pending", "starting", 60, ""),
    ({"state": 899.9, "placement": 500, "placement_phase": "scheduled"}, "pending", "starting", 899.9, ""),
    ({"state": 900, "placement": 500, "placement_phase": "starting"}, "offline", "never_reported", 0, ""),
    ({"state": 60, "placement": 50, "placement_phase": "running"}, "offline", "never_reported", 0, ""),
    ({"state": 60, "placement": 60 + US, "placement_phase": "pulling"}, "offline", "never_reported", 0, ""),
    (
        {"state": 60, "placement": 5, "placement_phase": "failed", "placement_reason": "no_capacity"},
        "failing",
        "no_capacity",
        5,
        "PlacementFailed",
    ),
    ({"state": 60, "placement": 61, "placement_phase": "failed"}, "offline", "never_reported", 0, ""),
    # ... while samples come
    (
        {"contact": 0, "sample": 0, "placement": 5, "placement_phase": "failed", "placement_reason": "evicted"},
        "degraded",
        "placement_failed",
        5,
        "PlacementFailed",
    ),
    (
        {"contact": 0, "sample": 0, "epoch": 7, "claimed_epoch": 6, "epoch_since": 3},
        "degraded",
        "placement_unknown",
        3,
        "PlacementUnknown",
    ),
    (
        {"contact": 0, "sample": 0, "epoch": 7, "claimed_epoch": 7, "epoch_since": 3},
        "healthy",
        "reporting",
        None,
        "",
    ),
    # The configuration
    ({"contact": 0, "sample": 0, "generation": 59.9, "observed_generation": 0}, "healthy", "reporting", None, ""),
    (
        {"contact": 0, "sample": 0, "generation": 60, "observed_generation": 0},
        "degraded",
        "configuration_outdated",
        0,
        "ConfigurationOutdated",
    ),
    ({"contact": 0, "sample": 0, "generation": 60, "observed_generation": 1}, "healthy", "reporting", None, ""),
    (
        {"contact": 0, "sample": 0, "generation": 4, "observed_generation": 2},
        "degraded",
        "configuration_outdated",
        4,
        "ConfigurationOutdated",
    ),
    ({"state": 20, "contact": 30, "observed_generation": 0}, "pending", "starting", 20, ""),
    # Two workers
    (
        {"contact": 0, "sample": 0, "contended": 59.9, "contended_first": 300},
        "degraded",
        "contended",
        300,
        "Contended",
    ),
    ({"contact": 0, "sample": 0, "contended": 60, "contended_first": 300}, "healthy", "reporting", None, ""),
    (
        {"desired_state": "stopped", "state": 100, "contact": 0, "contended": 5},
        "orphaned",
        "still_reporting",
        70,
        "Contended",
    ),
    # Samples that are refused
    (
        {"contact": 0, "sample": 20, "refused": 1, "refused_code": "conflict"},
        "degraded",
        "samples_refused",
        1,
        "SamplesRefused",
    ),
    (
        {"contact": 0, "sample": 20, "refused": 1, "refused_code": "in_future"},
        "degraded",
        "clock_wrong",
        1,
        "ClockWrong",
    ),
    ({"contact": 0, "sample": 20, "refused": 60, "refused_code": "in_future"}, "healthy", "reporting", None, ""),
    (
        {"contact": 0, "sample": 70, "refused": 1, "refused_code": "in_future"},
        "failing",
        "no_frames",
        10,
        "NoSamples ClockWrong",
    ),
    # A stop: of its own accord, a worker says that it stops
    ({"desired_state": "stopped", "state": 20, "stopping": 5}, "stopping", "winding_down", 20, ""),
    ({"desired_state": "stopped", "state": 30, "stopping": 0}, "stopped", "stopped_on_purpose", 0, ""),
    ({"desired_state": "stopped", "state": 30, "interval": 20, "contact": 0}, "stopping", "winding_down", 30, ""),
    (
        {"desired_state": "stopped", "state": 40, "interval": 20, "contact": 0},
        "orphaned",
        "still_reporting",
        0,
        "",
    ),
]
MOMENTS = {
    "state": "desired_state_at",
    "contact": "last_contact",
    "sample": "last_sample_at",
    "awaited": "awaited_since",
    "failed": "failed_at",
    "generation": "generation_at",
    "placement": "placement_at",
    "epoch_since": "epoch_at",
    "contended": "contended_at",
    "contended_first": "contended_since",
    "refused": "refused_at",
    "stopping": "stopping_at",
}


def facts_said(said: dict[str, Any]) -> dict[str, Any]:
    """The facts by their names."""
    facts: dict[str, Any] = {
        "desired_state": "running",
        "desired_state_at": NOW - seconds(1000),
        "expected_interval_seconds": said.get("interval", 10),
    }
    for name, value in said.items():
        if name in MOMENTS:
            facts[MOMENTS[name]] = None if value is None else NOW - seconds(value)
        elif name != "interval":
            facts[name] = value
    return facts


@pytest.mark.parametrize("row", SAID, ids=[f"{n} {row[1]} {row[2]}" for n, row in enumerate(SAID)])
def test_what_workers_and_orchestrators_say_makes_the_status_and_the_conditions(row: Any) -> None:
    said, status, code, since_ago, conditions = row

    verdict = derive_status(Facts(**facts_said(said)), NOW, Interruptions())

    assert (verdict.status, verdict.reason.partition(":")[0]) == (status, code)
    assert verdict.since == (None if since_ago is None else NOW - seconds(since_ago))
    assert " ".join(condition.type for condition in verdict.conditions) == conditions


def test_every_status_stands_in_the_table_and_has_its_colours_and_its_words() -> None:
    statuses = sorted(Status)
    stylesheet = (ROOT / "templates" / "static" / "controlplane" / "admin.css").read_text()
    documented = (ROOT / "docs" / "reference" / "api.md").read_text().partition("| desired | status | when |\n")[2]

    assert sorted({row[4] for row in TABLE} | {row[1] for row in SAID}) == statuses
    assert sorted(STATUS_COLOURS) == statuses
    assert sorted(re.findall(r"^\.cp-is-(\w+) {", stylesheet, re.MULTILINE)) == statuses
    rows = documented.partition("\n\n")[0]
    assert sorted(re.findall(r"^\| \w* ?\| `(\w+)` \| \S", rows, re.MULTILINE)) == statuses


@pytest.mark.parametrize("row", TABLE, ids=[f"{n} {row[0]} {row[4]}" for n, row in enumerate(TABLE)])
def test_status_reason_and_since_at_each_boundary(row: Any) -> None:
    desired_state, state_age, contact_age, interruptions, status, code, since_ago = row

    contact = None if contact_age is None else NOW - seconds(contact_age)
    facts = Facts(desired_state, NOW - seconds(state_age), 10, last_contact=contact, last_sample_at=contact)
    verdict = derive_status(facts, NOW, interruptions or Interruptions())

    assert (verdict.status, verdict.reason.partition(":")[0]) == (status, code)
    assert verdict.since == (None if since_ago is None else NOW - seconds(since_ago))


def derived_in_sql(interruptions: Interruptions | None = None) -> dict[Any, str]:
    return dict(
        Camera.objects.with_status(NOW, interruptions or Interruptions()).values_list("pk", "derived_status")
    )


def place(
    camera: Camera, desired_state: str, state_age: float, contact_age: float | None, interval: int = 10
) -> None:
    Camera.objects.filter(pk=camera.pk).update(
        desired_state=desired_state,
        desired_state_at=NOW - seconds(state_age),
        expected_interval_seconds=interval,
    )
    contact = None if contact_age is None else NOW - seconds(contact_age)
    CameraVitals.objects.filter(pk=camera.pk).update(last_contact=contact, last_sample_at=contact)


@pytest.mark.django_db
def test_the_twin_in_sql_agrees_at_each_boundary() -> None:
    for row in TABLE:
        desired_state, state_age, contact_age, interruptions, status, *_ = row
        camera = make_camera()
        place(camera, desired_state, state_age, contact_age)
        assert derived_in_sql(interruptions)[camera.pk] == status, row


def put(camera: Camera, facts: dict[str, Any]) -> None:
    in_camera = {name: value for name, value in facts.items() if name in FACTS_IN_CAMERA}
    Camera.objects.filter(pk=camera.pk).update(**in_camera)
    in_vitals = {name: value for name, value in facts.items() if name in FACTS_IN_VITALS}
    if in_vitals:
        CameraVitals.objects.filter(pk=camera.pk).update(**in_vitals)


@pytest.mark.django_db
def test_the_twin_in_sql_agrees_with_what_is_said() -> None:
    for row in SAID:
        said, status, _, _, conditions = row
        camera = make_camera()
        put(camera, facts_said(said))

        assert derived_in_sql()[camera.pk] == status, row
        for condition in ConditionType:
            holding = Camera.objects.filter(pk=camera.pk).in_condition(condition, NOW, Interruptions())
            assert holding.exists() == (condition in conditions.split()), (condition, row)


@pytest.mark.django_db
@pytest.mark.parametrize("interval", [1, 357, 358, 3_600, 86_400])
def test_the_twin_in_sql_agrees_for_every_interval(interval: int) -> None:
    camera = make_camera()
    for intervals, less, status in [(3, US, "healthy"), (3, 0, "stale"), (6, US, "stale"), (6, 0, "offline")]:
        place(camera, "running", 1_000_000, intervals * interval - less, interval)
        assert derived_in_sql() == {camera.pk: status}
    assert list(Camera.objects.with_status(NOW, Interruptions()).in_trouble()) == [camera]


@pytest.mark.django_db
def test_a_camera_without_vitals_has_a_status_too() -> None:
    camera = make_camera(desired_state="running")
    CameraVitals.objects.all().delete()

    assert derived_in_sql() == {camera.pk: Status.PENDING}


@pytest.mark.django_db
@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["running", "stopped"]),
            st.floats(0, 300),
            st.none() | st.floats(-100, 300),
            st.integers(1, 20) | st.integers(1, 86_400),
        ),
        min_size=1,
        max_size=10,
    ),
    interruptions=st.builds(
        ago,
        outage_ended_at=st.none() | st.floats(0, 300),
        outage_began_at=st.none() | st.floats(0, 600),
        ingest_outage_since=st.none() | st.floats(-10, 300),
        mass_silence_began_at=st.none() | st.floats(0, 300),
        mass_silence_ended_at=st.none() | st.floats(0, 300),
    ),
)
def test_the_twin_in_sql_agrees_anywhere(rows: Any, interruptions: Interruptions) -> None:
    CameraVitals.objects.all().delete()
    Camera.objects.all().delete()
    cameras = [make_camera(str(number)) for number in range(len(rows))]
    for camera, row in zip(cameras, rows, strict=True):
        place(camera, *row)

    in_sql = derived_in_sql(interruptions)

    for camera in Camera.objects.select_related("vitals"):
        verdict = derive_status(facts_of(camera, camera.vitals), NOW, interruptions)
        assert in_sql[camera.pk] == verdict.status


AGES = st.none() | st.floats(-5, 300) | st.sampled_from([0, 30, 60, 100])
ANYTHING_SAID = st.fixed_dictionaries(
    {
        "desired_state": st.sampled_from(["running", "running", "stopped"]),
        "state": st.floats(0, 2_000) | st.sampled_from([100, 900, 1_000]),
        "interval": st.sampled_from([1, 10, 20, 400]),
        "observed_generation": st.none() | st.integers(0, 2),
        "worker_phase": st.sampled_from(["", "starting", "running", "failed"]),
        "failure_reason": st.sampled_from(["", "other"]),
        "placement_phase": st.sampled_from(["", "pulling", "running", "failed", "stopped"]),
        "epoch": st.integers(0, 2),
        "claimed_epoch": st.integers(0, 2),
        "refused_code": st.sampled_from(["conflict", "in_future"]),
        **dict.fromkeys(sorted(set(MOMENTS) - {"state"}), AGES),
    }
)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(ANYTHING_SAID, min_size=5, max_size=20),
    interruptions=st.builds(
        ago,
        outage_ended_at=st.none() | st.floats(0, 300),
        outage_began_at=st.none() | st.floats(0, 600),
        ingest_outage_since=st.none() | st.floats(-10, 300),
        mass_silence_began_at=st.none() | st.floats(0, 300),
        mass_silence_ended_at=st.none() | st.floats(0, 300),
    ),
)
def test_the_twin_in_sql_agrees_whatever_is_said(rows: Any, interruptions: Interruptions) -> None:
    CameraVitals.objects.all().delete()
    Camera.objects.all().delete()
    cameras = [make_camera(str(number)) for number in range(len(rows))]
    for camera, row in zip(cameras, rows, strict=True):
        put(camera, facts_said(row))

    in_sql = derived_in_sql(interruptions)
    holding = {
        condition: set(Camera.objects.in_condition(condition, NOW, interruptions).values_list("pk", flat=True))
        for condition in ConditionType
    }

    for camera in Camera.objects.select_related("vitals"):
        facts = facts_of(camera, camera.vitals)
        verdict = derive_status(facts, NOW, interruptions)
        assert in_sql[camera.pk] == verdict.status, facts
        found = {condition.type for condition in verdict.conditions}
        assert {condition for condition in ConditionType if camera.pk in holding[condition]} == found, facts


# --- The service's own interruptions ------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "expected"), [(None, 6), (1, 6), (2, 6), (3, 9), (10, 30)])
def test_an_outage_is_longer_than_three_intervals_of_the_quickest_camera(
    interval: int | None, expected: int
) -> None:
    assert outage_threshold(interval) == seconds(expected)


@pytest.mark.parametrize(
    ("resumed", "ticked", "began"),
    [
        (None, 100, 100),
        (1000, 100, 100),
        (160, 100, 100),  # 60 s of hearing: a camera could have gone offline in them
        (160 - US, 100, 500),  # a loop of crashes is one outage
    ],
)
def test_outages_that_follow_one_another_at_once_are_one(
    resumed: float | None, ticked: float, began: float
) -> None:
    outage_began_at = None if resumed is None else NOW - seconds(500 if resumed < 500 else 2000)
    outage_ended_at = None if resumed is None else NOW - seconds(resumed)

    assert beginning_of_outage(
        NOW - seconds(ticked), outage_began_at, outage_ended_at, seconds(30)
    ) == NOW - seconds(began)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ticked", "outage_for", "queries"),
    [(None, None, 1), (2, None, 1), (6, None, 1), (30, None, 2), (30 + US, 30 + US, 2)],
)
def test_an_outage_that_lasts_is_read_from_the_stored_row(
    ticked: float | None, outage_for: float | None, queries: int, django_assert_num_queries: Any
) -> None:
    make_camera(desired_state="running", expected_interval_seconds=10)
    make_camera("quick, but stopped", expected_interval_seconds=1)
    FleetVitals.objects.update_or_create(pk=1, defaults={"ticked_at": ticked and NOW - seconds(ticked)})

    with django_assert_num_queries(queries):
        interruptions = read_interruptions(NOW)

    assert interruptions.ingest_outage_since == (outage_for and NOW - seconds(outage_for))


@pytest.mark.django_db
def test_the_sql_of_each_part_of_a_status_is_made_once_in_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """They refer to one another: made anew each time they were some thousands."""
    made = []
    make = status_queries.MicrosecondsBetween.as_sql

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        made.append(self)
        return make(self, *arguments, **named)

    monkeypatch.setattr(status_queries.MicrosecondsBetween, "as_sql", counted)

    list(Camera.objects.with_status(NOW, Interruptions()).in_trouble())

    parts = status_queries.parts_of_status(NOW, Interruptions()).values()
    ages = [part for part in parts if isinstance(part.source_expressions[0], status_queries.MicrosecondsBetween)]
    assert 8 <= len(made) <= len(ages) == 13
