"""Changes of status, stored once at their own deadlines, and the alerts that they make."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cameras import actions
from cameras.models import Camera, CameraVitals, DesiredState, FleetVitals, KnownStatus
from telemetry.alerts import outbox, transitions
from telemetry.alerts.models import Alert, Delivery, Flapping, Transition
from telemetry.alerts.results import Result
from telemetry.alerts.transitions import record_transitions
from tests.factories import AUTHOR, NOW, make_camera, make_site
from tests.telemetry.alerts.conftest import fleet, report_contact, subscribe

pytestmark = pytest.mark.django_db


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def kinds_of_alerts() -> list[str]:
    return list(Alert.objects.order_by("at", "pk").values_list("kind", flat=True))


def path_of(camera: Camera) -> list[tuple[datetime, str]]:
    return list(Transition.objects.of_camera(camera.pk).oldest_first().values_list("at", "to_status"))


def test_a_silence_is_stored_at_its_deadlines_and_once(django_assert_max_num_queries: Any) -> None:
    cameras = fleet(3, contact=0)
    record_transitions(NOW)
    Transition.objects.all().delete()

    assert record_transitions(later(29.9)) == 0
    with django_assert_max_num_queries(22):
        assert record_transitions(later(200)) == 6
    assert record_transitions(later(200)) == record_transitions(later(230)) == 0

    assert path_of(cameras[0]) == [(later(30), "stale"), (later(60), "offline")]
    assert kinds_of_alerts() == ["camera.offline"] * 3
    row = Transition.objects.of_camera(cameras[1].pk).newest_first().first()
    assert (row.from_status, row.reason, row.detected_at) == ("stale", "silent", later(200))


def test_a_transition_to_degraded_says_which_condition_made_it_so() -> None:
    (camera,) = fleet(1, contact=0)
    record_transitions(NOW)
    CameraVitals.objects.filter(pk=camera.pk).update(contended_at=later(1), contended_since=later(1))

    record_transitions(later(2))

    row = Transition.objects.of_camera(camera.pk).newest_first().first()
    assert (row.from_status, row.to_status, row.reason) == ("healthy", "degraded", "contended")


def test_a_healthy_camera_says_since_when(viewer: Any) -> None:
    camera = make_camera(desired_state="running", now=datetime.now(NOW.tzinfo) - timedelta(minutes=5))
    contact = datetime.now(NOW.tzinfo) - timedelta(seconds=2)
    report_contact([camera], contact)
    assert viewer.get(f"/cameras/{camera.pk}").json()["status_since"] is None

    record_transitions(datetime.now(NOW.tzinfo))

    assert datetime.fromisoformat(viewer.get(f"/cameras/{camera.pk}").json()["status_since"]) == contact


@pytest.mark.parametrize("count", [1, 50])
def test_the_same_few_queries_for_one_camera_and_for_fifty(count: int, django_assert_num_queries: Any) -> None:
    fleet(count, contact=0)
    record_transitions(NOW)

    with django_assert_num_queries(7):
        record_transitions(later(1))
    with django_assert_num_queries(22):
        record_transitions(later(61))


def test_an_ingest_outage_changes_nothing_and_after_it_ages_count_anew() -> None:
    cameras = fleet(3, contact=0)
    record_transitions(NOW)
    Transition.objects.all().delete()
    FleetVitals.objects.update_or_create(pk=1, defaults={"ticked_at": later(1)})

    for seconds in (5, 40, 100, 3600):  # nothing is reported anywhere for an hour
        assert record_transitions(later(seconds)) == 0
    FleetVitals.objects.update(ticked_at=later(3600), outage_began_at=later(1), outage_ended_at=later(3600))
    assert record_transitions(later(3601)) == 0
    FleetVitals.objects.update(ticked_at=later(3620))
    report_contact(cameras[:2], later(3615))
    assert record_transitions(later(3620)) == 0

    FleetVitals.objects.update(ticked_at=later(3665))
    report_contact(cameras[:2], later(3664))
    record_transitions(later(3665))

    assert path_of(cameras[0]) == path_of(cameras[1]) == []
    assert path_of(cameras[2]) == [(later(3630), "stale"), (later(3660), "offline")]


def test_a_restart_makes_no_dead_camera_look_alive() -> None:
    camera = fleet(1, contact=600)[0]
    record_transitions(NOW)
    before = path_of(camera)

    FleetVitals.objects.update_or_create(
        pk=1, defaults={"ticked_at": later(20), "outage_began_at": NOW, "outage_ended_at": later(20)}
    )
    assert record_transitions(later(20)) == record_transitions(later(100)) == 0

    assert path_of(camera) == before


def test_what_somebody_starts_and_stops_is_notified_of_too() -> None:
    camera = make_camera(now=NOW)
    record_transitions(NOW)
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.RUNNING, by=AUTHOR, now=later(10))
    record_transitions(later(80))
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=later(90))
    record_transitions(later(91))
    report_contact([camera], later(130))
    record_transitions(later(131))

    assert path_of(camera) == [
        (later(10), "pending"),
        (later(70), "offline"),
        (later(90), "stopped"),
        (later(130), "orphaned"),
    ]
    assert kinds_of_alerts() == ["camera.offline", "camera.recovered", "camera.orphaned"]


def test_of_a_deleted_camera_its_transitions_stay_and_nothing_else() -> None:
    camera = fleet(1)[0]
    record_transitions(later(100))
    Flapping.objects.create(camera_id=camera.pk, since_at=NOW)
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=later(101))

    assert record_transitions(later(102)) == 0

    assert not KnownStatus.objects.exists()
    assert not Flapping.objects.exists()
    assert path_of(camera) != []


def test_an_outage_without_a_round_in_between_is_stored_all_the_same() -> None:
    camera = fleet(1, contact=0)[0]
    record_transitions(NOW)
    record_transitions(later(61))
    report_contact([camera], later(70))

    record_transitions(later(140))

    assert path_of(camera)[1:] == [
        (later(30), "stale"),
        (later(60), "offline"),
        (later(70), "healthy"),
        (later(100), "stale"),
        (later(130), "offline"),
    ]


# --- Who is notified of what ----------------------------------------------------------------------------------


def test_only_subscriptions_that_want_it_are_notified() -> None:
    north, south = make_site("North"), make_site("South")
    camera = fleet(1, contact=0, site=north)[0]
    for name, values in {
        "all": {},
        "north": {"site": north},
        "south": {"site": south},
        "capacity": {"topics": ["capacity"]},
        "resting": {"is_active": False},
    }.items():
        subscribe(name=name, **values)
    record_transitions(NOW)

    record_transitions(later(60))

    deliveries = Delivery.objects.select_related("alert", "subscription").order_by("subscription__name")
    assert [delivery.subscription.name for delivery in deliveries] == ["all", "north"]
    alert = deliveries[0].alert
    assert alert.data == {
        "camera_id": str(camera.pk),
        "camera": "Gate 000",
        "site_id": str(north.pk),
        "from": "stale",
        "reason": "silent",
        "status": "offline",
        "incident_id": str(alert.incident_id),
    }
    assert alert.text == (
        "Gate 000 is offline since 2026-03-04 12:01:00 UTC. Nothing was heard for six expected intervals."
    )


def test_what_is_over_within_the_grace_is_sent_to_nobody_who_asked_for_that() -> None:
    camera = fleet(1, contact=0)[0]
    subscribe(name="patient", grace_seconds=60)
    subscribe(name="quick", grace_seconds=0)
    record_transitions(NOW)

    record_transitions(later(61))
    report_contact([camera], later(119))
    record_transitions(later(125))

    deliveries = Delivery.objects.order_by("alert__at").values_list("subscription__name", "alert__kind", "state")
    assert sorted(deliveries) == [
        ("patient", "camera.offline", "withdrawn"),
        ("quick", "camera.offline", "waiting"),
        ("quick", "camera.recovered", "waiting"),
    ]


def test_of_a_camera_that_is_moved_who_was_notified_of_the_beginning_is_notified_of_the_end() -> None:
    north, south = make_site("North"), make_site("South")
    camera = fleet(1, contact=0, site=north)[0]
    subscribe(name="north", site=north)
    subscribe(name="south", site=south)
    record_transitions(NOW)
    record_transitions(later(61))
    actions.move_cameras(camera_ids=[camera.pk], site_id=south.pk, by=AUTHOR, now=later(65))
    report_contact([camera], later(70))

    record_transitions(later(75))

    deliveries = Delivery.objects.order_by("alert__at").values_list("subscription__name", "alert__kind")
    assert list(deliveries) == [("north", "camera.offline"), ("north", "camera.recovered")]


def test_a_camera_that_is_deleted_is_offline_no_more() -> None:
    camera = fleet(1, contact=0)[0]
    subscribe(name="patient", grace_seconds=60)
    subscribe(name="quick")
    record_transitions(NOW)
    record_transitions(later(61))
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=later(65))

    record_transitions(later(70))
    record_transitions(later(80))

    deliveries = Delivery.objects.order_by("alert__at").values_list("subscription__name", "alert__kind", "state")
    assert sorted(deliveries) == [
        ("patient", "camera.offline", "withdrawn"),
        ("quick", "camera.offline", "waiting"),
        ("quick", "camera.recovered", "waiting"),
    ]
    assert Alert.objects.get(kind="camera.recovered").text == (
        "Gate 000 is no longer offline since 2026-03-04 12:01:10 UTC; it is deleted now."
    )


def test_what_lasts_longer_than_the_grace_is_sent_from_beginning_to_end() -> None:
    camera = fleet(1, contact=0)[0]
    subscribe(grace_seconds=60)
    record_transitions(NOW)

    record_transitions(later(61))
    assert Delivery.objects.due(later(119)).count() == 0
    assert Delivery.objects.due(later(120)).count() == 1
    report_contact([camera], later(120))
    record_transitions(later(121))

    (beginning,) = Delivery.objects.due(later(121))
    assert beginning.alert.kind == "camera.offline"  # the end waits until that is settled
    outbox.settle(beginning, Result(), later(121))
    assert [each.alert.kind for each in Delivery.objects.due(later(121))] == ["camera.recovered"]


def test_a_camera_that_flaps_sends_one_alert_until_it_is_steady(settings: Any) -> None:
    settings.ALERT_FLAP_CHANGES, settings.ALERT_FLAP_WINDOW_SECONDS = 4, 600
    camera, calm = fleet(2, contact=0)
    subscribe()
    record_transitions(NOW)

    for start in (0, 70, 140, 210, 280):  # offline for ten seconds, five times
        record_transitions(later(start + 61))
        report_contact([camera, calm], later(start + 70))
        report_contact([calm], later(start + 60))
        record_transitions(later(start + 71))
    silent_since = later(350)
    record_transitions(later(420))

    mine = Alert.objects.filter(camera_id=camera.pk).order_by("created_at", "pk")
    kinds = list(mine.values_list("kind", flat=True))
    assert kinds == [*["camera.offline", "camera.recovered"] * 2, "camera.flapping"]
    assert "No further alert" in mine.last().text

    record_transitions(later(340 + 600))
    assert mine.last().kind == "camera.flapping"
    record_transitions(silent_since + timedelta(seconds=30 + 601))
    assert mine.last().kind == "camera.steady"
    assert "it is offline since" in mine.last().text
    report_contact([camera], later(1000))
    record_transitions(later(1001))
    assert mine.last().kind == "camera.recovered"


def test_flapping_is_sent_in_the_place_of_what_waits_for_its_grace(settings: Any) -> None:
    settings.ALERT_FLAP_CHANGES, settings.ALERT_FLAP_WINDOW_SECONDS = 3, 600
    camera = fleet(1, contact=0)[0]
    subscribe(grace_seconds=60)
    record_transitions(NOW)

    for start in (0, 70):  # back again within the grace, twice
        record_transitions(later(start + 61))
        report_contact([camera], later(start + 70))
        record_transitions(later(start + 71))

    assert list(Delivery.objects.order_by("alert__at").values_list("alert__kind", "state")) == [
        ("camera.offline", "withdrawn"),
        ("camera.offline", "withdrawn"),
        ("camera.flapping", "waiting"),
    ]


def test_what_began_and_ended_between_two_rounds_is_within_the_grace_too() -> None:
    camera = fleet(1, contact=0)[0]
    subscribe(grace_seconds=120)
    record_transitions(NOW)
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=later(5))
    report_contact([camera], later(50))

    record_transitions(later(300))

    assert path_of(camera)[-2:] == [(later(35), "orphaned"), (later(110), "stopped")]
    assert list(Delivery.objects.values_list("alert__kind", "state")) == [("camera.orphaned", "withdrawn")]


def test_transitions_are_stored_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "CHUNK", 2)
    fleet(5, contact=0)
    record_transitions(NOW)
    Transition.objects.all().delete()
    asked: list[int] = []

    def stopping() -> bool:
        asked.append(1)
        return len(asked) > 2

    assert record_transitions(later(200), stopping=stopping) == 2 * 2 * 2
    assert record_transitions(later(200)) == 2


# --- Over REST --------------------------------------------------------------------------------------------


def test_transitions_are_read_in_pages(viewer: Any, operator_elsewhere: Any) -> None:
    camera = fleet(1, contact=0)[0]
    record_transitions(later(200))
    path = f"/telemetry/{camera.pk}/transitions"

    whole = viewer.get(path).json()
    first = viewer.get(f"{path}?limit=2").json()
    rest = viewer.get(f"{path}?limit=2&cursor={first['next']}").json()

    assert [row["to_status"] for row in whole["transitions"]] == ["healthy", "stale", "offline"]
    assert (whole["next"], rest["next"]) == (None, None)
    assert first["transitions"] + rest["transitions"] == whole["transitions"]
    assert whole["transitions"][1] == {
        "at": "2026-03-04T12:00:30.000000Z",
        "from_status": "healthy",
        "to_status": "stale",
        "reason": "late",
        "detected_at": "2026-03-04T12:03:20.000000Z",
    }
    within = viewer.get(f"{path}?from=2026-03-04T12:00:30Z&to=2026-03-04T12:01:00Z").json()
    assert [row["to_status"] for row in within["transitions"]] == ["stale"]
    assert operator_elsewhere.get(path).status_code == 404


@pytest.mark.parametrize(
    "query", ["from=2026-03-04", "from=2026-03-04T12:00:00Z&to=2026-03-04T12:00:00Z", "limit=0", "limit=1001", "cursor=x", "zone=a"]
)  # fmt: skip
def test_a_bad_query_is_refused(viewer: Any, query: str) -> None:
    camera = make_camera()

    assert viewer.get(f"/telemetry/{camera.pk}/transitions?{query}").status_code == 400
