"""More than half of the fleet falling silent at once: one alert, and no camera is called offline for it."""

from datetime import datetime, timedelta

import pytest

from cameras.interruptions import read_interruptions
from cameras.models import FleetVitals
from telemetry.alerts.mass_silence import ReportingCamera, fell_silent_at_once, watch_fleet
from telemetry.alerts.models import Alert, Delivery, Transition
from telemetry.alerts.steps import record_status
from telemetry.maintenance.steps import Turn
from tests.factories import NOW
from tests.telemetry.alerts.conftest import fleet, report_contact, subscribe


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def reporting_cameras(contacts: list[float], reporting: int, interval: int = 10) -> list[ReportingCamera]:
    """Silent cameras by their last contact, and others that report."""

    def camera(contact: float, is_silent: bool) -> ReportingCamera:
        return ReportingCamera(later(contact), interval, is_silent, later(contact + 6 * interval))

    return [camera(contact, True) for contact in contacts] + [camera(100, False)] * reporting


@pytest.mark.parametrize(
    ("contacts", "reporting", "at"),
    [
        ([0, 1, 2, 3], 3, 3),
        ([0, 1, 2, 3], 4, None),  # half is not more than half
        ([0, 1, 2], 1, None),  # a fleet of four
        ([0, 0, 0], 2, 0),
        ([0, 5, 10, 14.9], 3, 14.9),  # one and a half intervals
        ([0, 5, 10, 15.1], 3, None),
        ([0, 20, 40, 60], 3, None),  # one after another
        ([0, 1, 2, 3, -70, -80, -90], 3, 3),  # what was offline before then is not of the fleet
    ],
)
def test_at_once_is_a_moment_soon_after_the_last_contact_of_each(
    contacts: list[float], reporting: int, at: float | None
) -> None:
    silence = fell_silent_at_once(reporting_cameras(contacts, reporting), None)

    assert (silence and silence.at) == (None if at is None else later(at))


def test_a_silence_that_is_over_is_not_found_again() -> None:
    assert fell_silent_at_once(reporting_cameras([0, 1, 2, 3], 3), after=later(3)) is None


@pytest.mark.django_db
def test_most_of_a_fleet_is_one_alert_and_nobody_is_offline_until_it_is_over() -> None:
    cameras = fleet(10, contact=0)
    cut, rest = cameras[:6], cameras[6:]
    subscribe()
    record_status(Turn(NOW))
    Transition.objects.all().delete()

    for seconds in (29, 31, 61, 300):  # the first round after the deadlines of all is late
        report_contact(rest, later(seconds))
        record_status(Turn(later(seconds)))
    assert set(Transition.objects.values_list("to_status", flat=True)) == {"stale"}
    assert Transition.objects.count() == 6
    alert = Alert.objects.get()
    data = {"silent": 6, "reporting": 10, "incident_id": str(alert.incident_id)}
    assert (alert.kind, alert.at, alert.data) == ("fleet.silent", NOW, data)
    assert Delivery.objects.count() == 1
    assert read_interruptions(later(300)).mass_silence_began_at == NOW

    report_contact([*cut[:4], *rest], later(310))  # four of six come back
    record_status(Turn(later(311)))
    assert Alert.objects.latest("created_at").kind == "fleet.heard"
    report_contact([*cut[:4], *rest], later(370))
    record_status(Turn(later(371)))

    offline = Transition.objects.filter(to_status="offline")
    assert {row.camera_id for row in offline} == {camera.pk for camera in cut[4:]}
    assert {row.at for row in offline} == {later(311 + 60)}
    record_status(Turn(later(372)))
    assert FleetVitals.objects.get().mass_silence_ended_at == later(311)


@pytest.mark.django_db
def test_a_camera_that_falls_silent_during_a_mass_silence_is_judged_by_itself() -> None:
    cameras = fleet(10, contact=0)
    record_status(Turn(NOW))
    report_contact(cameras[6:], later(31))
    record_status(Turn(later(31)))
    report_contact(cameras[7:], later(100))

    record_status(Turn(later(100)))

    offline = Transition.objects.filter(to_status="offline")
    assert [(row.camera_id, row.at) for row in offline] == [(cameras[6].pk, later(91))]


@pytest.mark.django_db
def test_cameras_that_fall_silent_one_after_another_are_no_mass_silence() -> None:
    cameras = fleet(10, contact=0)
    record_status(Turn(NOW))
    for n in range(10):
        report_contact(cameras[n:], later(20 * n))
        record_status(Turn(later(20 * n)))
    record_status(Turn(later(400)))

    assert Transition.objects.filter(to_status="offline").count() == 10
    assert not Alert.objects.filter(kind="fleet.silent").exists()


@pytest.mark.django_db
def test_of_two_processes_that_notice_it_one_notifies() -> None:
    fleet(6, contact=60)
    interruptions = read_interruptions(NOW)

    assert watch_fleet(NOW) is not None
    FleetVitals.objects.update(
        mass_silence_began_at=interruptions.mass_silence_began_at
    )  # as the other has read it
    FleetVitals.objects.update(mass_silence_began_at=later(-60))

    assert watch_fleet(NOW) is None
    assert Alert.objects.count() == 1
