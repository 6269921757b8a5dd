"""The rule of health at each of its boundaries, and its twin in SQL beside it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.models import Camera, CameraVitals
from cameras.status import Status, derive_status
from tests.factories import NOW, make_camera

# Expected interval 10 s: stale after 30 s, offline after 60 s; the grace of a stop is 30 s.
US = 1e-6


def seconds(value: float) -> timedelta:
    return timedelta(microseconds=round(value * 1_000_000))


#: desired state, its age, the contact's age (None for none, negative for ahead), resumed ago, status, code, since
TABLE: list[tuple[str, float, float | None, float | None, str, str, float | None]] = [
    # Running, not heard since it was started
    ("running", 0, None, None, "pending", "starting", 0),
    ("running", 60 - US, None, None, "pending", "starting", 60 - US),
    ("running", 60, None, None, "offline", "never_reported", 0),
    ("running", 100, None, None, "offline", "never_reported", 40),
    ("running", 10, 10 + US, None, "pending", "starting", 10),
    ("running", 10, 10, None, "healthy", "reporting", None),
    ("running", 100, 100 + US, None, "offline", "never_reported", 40),
    # Running, heard
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
    ("running", 1000, 500, 29, "healthy", "reporting", None),
    ("running", 1000, 500, 30, "stale", "late", 0),
    ("running", 1000, 500, 60, "offline", "silent", 0),
    ("running", 1000, 10, 500, "healthy", "reporting", None),
    ("running", 1000, None, 59, "pending", "starting", 1000),
    ("running", 1000, None, 60, "offline", "never_reported", 0),
    ("running", 20, None, 500, "pending", "starting", 20),
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


@pytest.mark.parametrize("row", TABLE, ids=[" ".join(map(str, row[:4])) for row in TABLE])
def test_status_reason_and_since_at_each_boundary(row: Any) -> None:
    desired_state, state_age, contact_age, resumed_ago, status, code, since_ago = row

    verdict = derive_status(
        desired_state=desired_state,
        desired_state_at=NOW - seconds(state_age),
        last_contact=None if contact_age is None else NOW - seconds(contact_age),
        expected_interval_seconds=10,
        now=NOW,
        resumed_at=None if resumed_ago is None else NOW - seconds(resumed_ago),
    )

    assert (verdict.status, verdict.reason.partition(":")[0]) == (status, code)
    assert verdict.since == (None if since_ago is None else NOW - seconds(since_ago))


def derived_in_sql(resumed_at: datetime | None = None) -> dict[Any, str]:
    return dict(Camera.objects.with_status(NOW, resumed_at).values_list("pk", "derived_status"))


def place(
    camera: Camera, desired_state: str, state_age: float, contact_age: float | None, interval: int = 10
) -> None:
    Camera.objects.filter(pk=camera.pk).update(
        desired_state=desired_state,
        desired_state_at=NOW - seconds(state_age),
        expected_interval_seconds=interval,
    )
    contact = None if contact_age is None else NOW - seconds(contact_age)
    CameraVitals.objects.filter(pk=camera.pk).update(last_contact=contact)


@pytest.mark.django_db
def test_the_twin_in_sql_agrees_at_each_boundary() -> None:
    for row in TABLE:
        desired_state, state_age, contact_age, resumed_ago, status, *_ = row
        camera = make_camera(str(row))
        place(camera, desired_state, state_age, contact_age)
        resumed_at = None if resumed_ago is None else NOW - seconds(resumed_ago)
        assert derived_in_sql(resumed_at)[camera.pk] == status, row


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
            st.integers(1, 20),
        ),
        min_size=1,
        max_size=10,
    ),
    resumed_ago=st.none() | st.floats(0, 300),
)
def test_the_twin_in_sql_agrees_anywhere(rows: Any, resumed_ago: float | None) -> None:
    CameraVitals.objects.all().delete()
    Camera.objects.all().delete()
    cameras = [make_camera(str(number)) for number in range(len(rows))]
    for camera, row in zip(cameras, rows, strict=True):
        place(camera, *row)
    resumed_at = None if resumed_ago is None else NOW - seconds(resumed_ago)

    in_sql = derived_in_sql(resumed_at)

    for camera in Camera.objects.select_related("vitals"):
        verdict = derive_status(
            desired_state=camera.desired_state,
            desired_state_at=camera.desired_state_at,
            last_contact=camera.vitals.last_contact,
            expected_interval_seconds=camera.expected_interval_seconds,
            now=NOW,
            resumed_at=resumed_at,
        )
        assert in_sql[camera.pk] == verdict.status
