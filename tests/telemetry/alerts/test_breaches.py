"""Zones with more people than their capacity, for longer than the hold time."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cameras import actions
from cameras.geometry import canonical_zones
from cameras.models import Camera, DesiredState
from telemetry.alerts.breaches import watch_capacity
from telemetry.alerts.models import Alert, Breach, WatchedZone
from telemetry.models import Sample
from tests.at_once import at_once
from tests.factories import AUTHOR, NOW
from tests.telemetry.alerts.conftest import fleet, report_contact, subscribe

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


def see(camera: Camera, occupancies: dict[float, int], zone: str = "hall", behind: float = 0) -> None:
    """Samples by the time at which they are received, and the contact of the last; the worker's clock is behind."""
    Sample.objects.bulk_create(
        Sample(
            camera_id=camera.pk,
            timestamp=later(seconds - behind),
            zone=zone,
            occupancy=occupancy,
            confidence=0.9,
            received_at=later(seconds),
        )
        for seconds, occupancy in occupancies.items()
    )
    report_contact([camera], later(max(occupancies)))


def spans() -> list[tuple[float, float | None]]:
    """When the breaches began and ended, in seconds after NOW."""
    return [
        ((breach.began_at - NOW).total_seconds(), breach.ended_at and (breach.ended_at - NOW).total_seconds())
        for breach in Breach.objects.order_by("began_at")
    ]


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


def test_a_moment_within_the_capacity_begins_the_hold_time_anew(camera: Camera) -> None:
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


def test_a_silence_in_between_begins_the_hold_time_anew(camera: Camera) -> None:
    see(camera, {0: 9, 100: 9})
    assert watch_capacity(later(101)) == 0

    see(camera, {120: 9, 140: 9, 160: 9})
    assert watch_capacity(later(160)) == 1
    assert Breach.objects.get().began_at == later(100)


def test_a_breach_has_its_own_times_however_late_the_round_is(camera: Camera) -> None:
    see(camera, {0: 5} | dict.fromkeys(range(10, 1000, 10), 9))
    assert watch_capacity(later(995)) == 1
    see(camera, dict.fromkeys(range(1000, 2000, 10), 5))
    assert watch_capacity(later(1995)) == 1

    breach = Breach.objects.get()
    assert (breach.began_at, breach.ended_at) == (later(10), later(1000))


def test_what_began_and_ended_between_two_rounds_is_reported_with_its_own_times(camera: Camera) -> None:
    subscribe()
    see(camera, {0: 2})
    assert watch_capacity(later(5)) == 0

    see(camera, {k: 9 if 100 <= k < 300 or 400 <= k < 470 else 2 for k in range(10, 500, 10)})
    assert watch_capacity(later(500)) == 4
    assert watch_capacity(later(510)) == 0
    assert spans() == [(100, 300), (400, 470)]
    assert sorted(kinds()) == ["zone.over_capacity"] * 2 + ["zone.within_capacity"] * 2
    begun = Alert.objects.filter(kind="zone.over_capacity").earliest("at")
    assert begun.text == "Gate 000, Hall: 9 people, 5 is the capacity, since 2026-03-04 12:01:40 UTC."


@pytest.mark.parametrize(("above", "expected"), [(range(101, 160), []), (range(101, 167), [(101, 167)])])
def test_a_breach_a_little_longer_than_the_hold_time_is_reported_whenever_the_rounds_are(
    camera: Camera, above: range, expected: list[Any]
) -> None:
    for k in range(90, 200):
        see(camera, {k: 9 if k in above else 2})
        if k % 10 == 0:
            watch_capacity(later(k))

    assert spans() == expected


@pytest.mark.parametrize("behind", [-45, 25, 31, 3_000])
def test_a_worker_whose_clock_is_off_is_watched_like_any_other(camera: Camera, behind: float) -> None:
    notified_at = None
    for k in range(0, 200, 5):
        see(camera, {k: 9 if 50 <= k < 150 else 2}, behind=behind)
        if watch_capacity(later(k)):
            notified_at = notified_at or k

    assert notified_at == 110
    assert spans() == [(50 - behind, 150 - behind)]


def test_a_worker_that_sends_what_it_had_kept_is_reported_with_its_own_times(camera: Camera) -> None:
    see(camera, {0: 2, 10: 2})
    watch_capacity(later(11))
    kept = {k: 9 if 100 <= k < 300 else 2 for k in range(20, 600, 10)}
    see(camera, dict(reversed(kept.items())))
    Sample.objects.filter(timestamp__gt=later(15)).update(received_at=later(600))

    assert watch_capacity(later(601)) == 2
    assert spans() == [(100, 300)]


@pytest.mark.parametrize("others", [[], [("hall", 240), ("hall", 250)], [("door", 240)]])
def test_samples_that_come_after_newer_ones_are_read_too(camera: Camera, others: list[Any]) -> None:
    see(camera, {k: 9 if 100 <= k < 170 else 2 for k in [*range(0, 80, 10), *range(200, 240, 10)]})
    for k in (0, 60, 238):
        assert watch_capacity(later(k)) == 0
    for zone, k in others:
        see(camera, {k: 2}, zone=zone)
    see(camera, {k: 9 if 100 <= k < 170 else 2 for k in range(80, 200, 10)})
    Sample.objects.filter(timestamp__gte=later(80), timestamp__lt=later(200)).update(received_at=later(250))

    assert watch_capacity(later(251)) == 2
    assert watch_capacity(later(252)) == 0
    assert spans() == [(100, 170)]


def test_a_zone_without_samples_has_nobody_read_back_for_another(camera: Camera, monkeypatch: Any) -> None:
    balcony = {**HALL, "properties": {"name": "Balcony", "capacity": 1}}
    zones = {"type": "FeatureCollection", "features": [HALL, balcony]}
    actions.update_camera(camera_id=camera.pk, values={"zone_config": canonical_zones(zones)}, by=AUTHOR, now=NOW)
    for k in range(0, 60, 5):
        see(camera, {k: 2})
        watch_capacity(later(k))
        monkeypatch.setattr("telemetry.alerts.breaches._starting_point", None)

    looks = WatchedZone.objects.order_by("zone").values_list("zone", "seen_at", "received_at")
    assert list(looks)[1] == ("hall", later(55), later(55))
    assert looks[0][2] is None


def test_late_samples_do_not_change_an_alert_that_was_stored(camera: Camera) -> None:
    see(camera, {k: 9 if 100 <= k < 170 or k >= 200 else 2 for k in range(0, 290, 10)})
    WatchedZone.objects.create(camera_id=camera.pk, zone="hall", seen_at=NOW)
    assert watch_capacity(later(285)) == 3
    see(camera, {95: 9, 135: 2, 165: 9})
    Sample.objects.filter(timestamp__in=[later(95), later(135), later(165)]).update(received_at=later(286))

    assert watch_capacity(later(287)) == 0
    assert spans() == [(100, 170), (200, None)]


def test_a_late_sample_within_the_capacity_ends_a_breach_that_lasted(camera: Camera) -> None:
    see(camera, {0: 2} | dict.fromkeys(range(10, 100, 10), 9))
    assert watch_capacity(later(95)) == 1
    see(camera, {85: 2})
    Sample.objects.filter(timestamp=later(85)).update(received_at=later(96))

    assert watch_capacity(later(97)) == 1
    assert watch_capacity(later(98)) == 0
    assert spans() == [(10, 85)]


def test_a_silence_after_a_breach_that_nobody_saw_leaves_it_open(camera: Camera) -> None:
    see(camera, {0: 2})
    watch_capacity(later(1))
    see(camera, dict.fromkeys(range(10, 100, 10), 9))

    assert watch_capacity(later(5_000)) == 1
    see(camera, {5_010: 2})
    assert watch_capacity(later(5_010)) == 1
    assert spans() == [(10, 5_010)]


def test_what_is_read_in_one_round_is_bounded_and_the_next_continues(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.alerts.breaches.SAMPLES_AT_ONCE", 7)
    see(camera, {0: 2})
    watch_capacity(later(5))
    see(camera, {k: 9 if 100 <= k < 300 or 350 <= k < 400 else 2 for k in range(10, 500, 10)})

    looks = [watch_capacity(later(500)) for _ in range(10)]
    assert spans() == [(100, 300)]
    assert sum(looks) == 2
    assert looks[0] == 0


def test_of_a_zone_that_is_new_only_what_lasts_is_reported(camera: Camera) -> None:
    see(camera, {k: 9 if 100 <= k < 300 or k >= 400 else 2 for k in range(0, 500, 10)})

    assert watch_capacity(later(495)) == 1
    assert spans() == [(400, None)]


def test_an_open_breach_from_before_zones_were_remembered_lasts(camera: Camera) -> None:
    see(camera, {k: 9 if k < 300 else 2 for k in range(0, 500, 10)})
    watch_capacity(later(200))
    Breach.objects.all().delete()
    WatchedZone.objects.all().delete()
    Breach.objects.create(camera_id=camera.pk, zone="hall", camera_name="Gate", zone_name="Hall", began_at=NOW)

    assert watch_capacity(later(495)) == 1
    assert spans() == [(0, 300)]


def test_a_camera_that_is_started_again_repeats_no_alert(camera: Camera) -> None:
    see(camera, {0: 9, 20: 9, 40: 9, 60: 9})
    watch_capacity(later(61))
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=later(65))
    watch_capacity(later(66))
    assert not WatchedZone.objects.exists()
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.RUNNING, by=AUTHOR, now=later(70))
    see(camera, {80: 9, 100: 9, 120: 9})

    assert watch_capacity(later(120)) == 0
    assert watch_capacity(later(140)) == 1
    assert spans() == [(0, 66), (80, None)]


def test_a_position_by_a_clock_that_was_far_ahead_is_made_anew(camera: Camera) -> None:
    see(camera, {0: 2})
    watch_capacity(later(1))
    WatchedZone.objects.update(seen_at=later(100_000))
    see(camera, dict.fromkeys(range(10, 100, 10), 9))

    assert watch_capacity(later(91)) == 1
    assert spans() == [(10, None)]


@pytest.mark.django_db(transaction=True)
def test_three_rounds_at_once_report_each_breach_once(camera: Camera) -> None:
    see(camera, {0: 2})
    watch_capacity(later(1))
    see(camera, {k: 9 if 100 <= k < 170 or k > 300 else 2 for k in range(10, 400, 10)})

    at_once(*[lambda: watch_capacity(later(395))] * 3)

    assert spans() == [(100, 170), (310, None)]
    assert sorted(kinds()) == ["zone.over_capacity"] * 2 + ["zone.within_capacity"]


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

    with django_assert_num_queries(3):
        watch_capacity(NOW)


@pytest.mark.parametrize("zones", [1, 20])
def test_a_round_costs_a_query_a_camera_and_one_a_zone(zones: int, django_assert_max_num_queries: Any) -> None:
    cameras = fleet(zones, contact=0, zone_config=HALL)
    watch_capacity(NOW)
    for camera in cameras:
        see(camera, {1: 2})

    with django_assert_max_num_queries(2 * zones + 11):
        watch_capacity(later(1))
