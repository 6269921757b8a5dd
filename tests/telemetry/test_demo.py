"""The history of a demo: what a new installation shows before any worker has reported."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from cameras.facts import OFFLINE_AFTER_INTERVALS, Interruptions
from cameras.models import Camera, Change
from cameras.status import Status
from telemetry.alerts.models import Alert, Subscription, Topic, Transition
from telemetry.alerts.transitions import record_transitions
from telemetry.history.gaps import gaps_of
from telemetry.history.series import SeriesQuery, points_of
from telemetry.history.summaries import validity_of

DAYS = 2
NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(time_machine: object, capsys: pytest.CaptureFixture[str]) -> str:
    """A demo with a history of two days, made at NOW beside a subscription to everything; what the command said."""
    time_machine.move_to(NOW, tick=False)  # type: ignore[attr-defined]
    Subscription.objects.create(
        name="All", channel="email", addresses="a@example.org", topics=[*Topic], created_at=NOW, grace_seconds=0
    )
    call_command("demo", "--days", str(DAYS))
    return capsys.readouterr().out


# What does not work as it should, and stands in words of its own in the model configuration or among the edits.
PLAYED = {
    "Exit": (Status.STALE, []),
    "Upper deck": (Status.OFFLINE, []),
    "Pay station": (Status.ORPHANED, []),
    "Charging bays": (Status.STOPPING, []),
    "Bicycle shed": (Status.STOPPED, []),
    "Tills": (Status.DEGRADED, ["ConfigurationOutdated"]),
    "Self-checkout": (Status.DEGRADED, ["Contended"]),
    "Aisle 2": (Status.FAILING, ["WorkerFailed"]),
    "Platform 1": (Status.FAILING, ["WorkerFailed"]),
    "Stock room": (Status.FAILING, ["PlacementFailed"]),
    "Taxi rank": (Status.PENDING, []),
}
NEVER_RAN = ("Bicycle shed", "Stock room", "Taxi rank")


def test_it_shows_each_status_and_a_chart_of_every_camera_that_ran(demo: str) -> None:
    cameras = {camera.name: camera for camera in Camera.objects.select_related("vitals")}
    ran = [camera for name, camera in cameras.items() if name not in NEVER_RAN]
    stored = int(re.search(r"([\d,]+) samples", demo)[1].replace(",", ""))  # type: ignore[index]

    verdicts = {name: camera.verdict(NOW, Interruptions()) for name, camera in cameras.items()}
    shown = {
        name: (verdict.status, [one.type.value for one in verdict.conditions])
        for name, verdict in verdicts.items()
    }
    assert shown == dict.fromkeys(cameras, (Status.HEALTHY, [])) | PLAYED
    assert {status for status, _ in shown.values()} == set(Status)
    assert len(cameras) == 24
    assert stored == sum(camera.vitals.accepted_count for camera in ran) > len(ran) * DAYS * 24 * 12
    for camera in ran:
        validity = validity_of(camera.expected_interval_seconds)
        query = SeriesQuery("1h", NOW - timedelta(days=DAYS), NOW, "", UTC, NOW)
        assert len(points_of(camera.pk, validity, query)) >= DAYS * 24 - 6, camera.name
        first = Transition.objects.of_camera(camera.pk).oldest_first()[0]
        assert (first.from_status, first.to_status) == ("pending", "healthy")
        assert first.at - (NOW - timedelta(days=DAYS)) < timedelta(minutes=1)
        assert Transition.objects.of_camera(camera.pk).newest_first()[0].to_status == shown[camera.name][0]


def test_its_workers_are_placed_and_report_with_the_epochs_of_their_claims(demo: str) -> None:
    for camera in Camera.objects.filter(desired_state="running").select_related("vitals", "placement"):
        assert camera.placement.epoch == camera.vitals.epoch == camera.vitals.claimed_epoch, camera.name
        assert camera.vitals.report_epoch in (camera.placement.epoch, None), camera.name


def test_its_outages_and_edits_are_dated_and_nobody_is_notified_of_them(demo: str) -> None:
    camera = Camera.objects.get(name="Hall")
    validity = validity_of(camera.expected_interval_seconds)
    silence = max(
        gaps_of(camera.pk, validity, NOW - timedelta(hours=20), NOW, now=NOW),
        key=lambda gap: (gap.end or NOW) - gap.start,
    )
    changes = Transition.objects.of_camera(camera.pk).between(NOW - timedelta(hours=20), NOW).oldest_first()

    offline_at = NOW - timedelta(hours=11) + OFFLINE_AFTER_INTERVALS * timedelta(seconds=10)
    assert [change.to_status for change in changes] == ["stale", "offline", "healthy"]
    assert changes[1].at == offline_at
    assert silence.end
    assert silence.start < changes[1].at < silence.end
    assert abs(changes[2].at - silence.end) < timedelta(minutes=6)
    edits = Change.objects.filter(kind="updated")
    assert edits.count() >= 3
    assert set(edits.values_list("by", flat=True)) == {"command:demo"}
    assert all(NOW - timedelta(days=DAYS) < edit.at < NOW for edit in edits)
    recorded = Transition.objects.count()
    record_transitions(NOW + timedelta(seconds=5))
    assert Transition.objects.count() == recorded
    assert not Alert.objects.exists()


@pytest.mark.parametrize("days", ["-1", "61", "x", "1.5"])
def test_days_are_a_whole_number_up_to_sixty(days: str) -> None:
    with pytest.raises(CommandError, match="whole number from 0 to 60"):
        call_command("demo", f"--days={days}")
