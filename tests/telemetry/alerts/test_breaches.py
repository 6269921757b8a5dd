"""Zones with more people than their capacity, for longer than the hold time."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cameras import actions
from cameras.geometry import canonical_zones
from cameras.models import Camera, DesiredState
from telemetry.alerts.breaches import watch_capacity
from telemetry.alerts.models import Alert, Breach
from telemetry.models import Sample
from tests.factories import AUTHOR, NOW
from tests.telemetry.alerts.conftest import fleet, hear, subscribe

pytestmark = pytest.mark.django_db

HALL = {
    "type": "Feature",
    "properties": {"name": "Hall", "capacity": 5},
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
}


@pytest.fixture
def camera(settings: Any) -> Camera:
    settings.ALERT_CAPACITY_HOLD_SECONDS = 60
    return fleet(1, contact=0, zone_config=HALL)[0]


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def see(camera: Camera, occupancies: dict[float, int], zone: str = "hall") -> None:
    """Samples by their time, and the contact of the last."""
    for seconds, occupancy in occupancies.items():
        Sample.objects.create(
            camera_id=camera.pk,
            timestamp=later(seconds),
            zone=zone,
            occupancy=occupancy,
            confidence=0.9,
            received_at=later(seconds),
        )
    hear([camera], later(max(occupancies)))


def kinds() -> list[str]:
    return list(Alert.objects.order_by("created_at").values_list("kind", flat=True))


def test_a_breach_begins_after_the_hold_time_and_ends_within_the_capacity(camera: Camera) -> None:
    subscribe()
    see(camera, {0: 5, 10: 6, 20: 9, 30: 7, 40: 6, 50: 6, 60: 6})
    assert watch_capacity(later(69)) == 0
    assert watch_capacity(later(70)) == 1
    assert watch_capacity(later(71)) == 0
    see(camera, {70: 8, 80: 5, 90: 4})
    assert watch_capacity(later(91)) == 1
    assert watch_capacity(later(92)) == 0

    breach = Breach.objects.get()
    assert (breach.zone, breach.began_at, breach.ended_at) == ("hall", later(10), later(80))
    assert kinds() == ["zone.over_capacity", "zone.within_capacity"]
    begun = Alert.objects.get(kind="zone.over_capacity")
    assert begun.text == "Gate 000, Hall: 6 people, 5 is the capacity, since 2026-03-04 12:00:10 UTC."
    assert begun.data["zone"] == "hall"


def test_a_moment_within_the_capacity_begins_the_hold_anew(camera: Camera) -> None:
    see(camera, {0: 9, 20: 9, 40: 5, 50: 9, 70: 9, 90: 9})

    assert watch_capacity(later(109)) == 0
    assert watch_capacity(later(110)) == 1


def test_what_a_silent_camera_saw_last_is_unknown_and_neither_begins_nor_ends_a_breach(camera: Camera) -> None:
    see(camera, {0: 9, 20: 9})
    assert watch_capacity(later(80)) == 0
    see(camera, {90: 9, 95: 9, 110: 9, 130: 9, 150: 9})
    assert watch_capacity(later(155)) == 1

    assert watch_capacity(later(500)) == 0
    assert Breach.objects.get().ended_at is None


def test_a_silence_in_between_begins_the_hold_anew(camera: Camera) -> None:
    see(camera, {0: 9, 100: 9})
    assert watch_capacity(later(101)) == 0

    see(camera, {120: 9, 140: 9, 160: 9})
    assert watch_capacity(later(160)) == 1
    assert Breach.objects.get().began_at == later(100)


def test_a_breach_has_its_own_times_however_late_somebody_looks(camera: Camera) -> None:
    see(camera, {0: 5} | dict.fromkeys(range(10, 1000, 10), 9))
    assert watch_capacity(later(995)) == 1
    see(camera, dict.fromkeys(range(1000, 2000, 10), 5))
    assert watch_capacity(later(1995)) == 1

    breach = Breach.objects.get()
    assert (breach.began_at, breach.ended_at) == (later(10), later(1000))


def test_the_whole_frame_and_zones_without_a_capacity_are_not_watched(camera: Camera) -> None:
    see(camera, {0: 99, 30: 99, 55: 99}, zone="")
    see(camera, {0: 99, 30: 99, 55: 99}, zone="door")

    assert watch_capacity(later(61)) == 0


def test_a_breach_of_a_camera_that_is_stopped_is_over(camera: Camera) -> None:
    see(camera, {0: 9, 20: 9, 40: 9, 60: 9})
    assert watch_capacity(later(61)) == 1
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=later(65))

    assert watch_capacity(later(66)) == 1
    assert Breach.objects.get().ended_at == later(66)
    assert kinds() == ["zone.over_capacity", "zone.within_capacity"]


def test_a_capacity_that_somebody_raises_ends_the_breach(camera: Camera) -> None:
    see(camera, {0: 9, 20: 9, 40: 9, 60: 9})
    assert watch_capacity(later(61)) == 1
    raised = {**HALL, "properties": {**HALL["properties"], "capacity": 50}}  # type: ignore[dict-item]
    actions.update_camera(
        camera_id=camera.pk, values={"zone_config": actions_zone(raised)}, by=AUTHOR, now=later(62)
    )

    assert watch_capacity(later(63)) == 1
    assert Breach.objects.get().ended_at == later(63)


def actions_zone(feature: Any) -> Any:
    return canonical_zones(feature)


def test_cameras_without_a_capacity_cost_nothing(django_assert_num_queries: Any) -> None:
    fleet(20)
    watch_capacity(NOW)

    with django_assert_num_queries(2):
        watch_capacity(NOW)
