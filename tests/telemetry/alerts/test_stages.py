"""When a subscription is notified: quiet hours, a second stage, reminders, and what was given up once more."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.models import Camera
from telemetry.alerts import outbox, subscriptions
from telemetry.alerts.channel_faults import notify_others
from telemetry.alerts.incident_actions import acknowledge_incident
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.models import Delivery, Subscription
from telemetry.alerts.quiet_hours import quiet_until
from telemetry.alerts.results import AddressResult, AddressState, Result
from telemetry.alerts.steps import record_status
from telemetry.maintenance.steps import Turn
from tests.factories import AUTHOR, NOW, make_site
from tests.telemetry.alerts.conftest import fleet, report_contact, subscribe

BERLIN = "Europe/Berlin"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def to_the_second(moment: time) -> time:
    return moment.replace(microsecond=0)


# --- Quiet hours --------------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-03-28 21:59:59", None),
        ("2026-03-28 22:00:00", "2026-03-29 06:00:00"),
        ("2026-03-29 03:30:00", "2026-03-29 06:00:00"),  # the night in which the clock is set forward
        ("2026-03-29 05:59:59", "2026-03-29 06:00:00"),
        ("2026-03-29 06:00:00", None),
        ("2026-10-25 05:59:59", "2026-10-25 06:00:00"),
    ],
)
def test_quiet_hours_are_those_of_the_clocks_of_their_zone(at: str, until: str | None) -> None:
    zone = ZoneInfo(BERLIN)
    moment = datetime.fromisoformat(at).replace(tzinfo=zone).astimezone(UTC)

    found = quiet_until(moment, time(22), time(6), BERLIN)

    assert found == (datetime.fromisoformat(until).replace(tzinfo=zone).astimezone(UTC) if until else None)


@pytest.mark.once
@given(st.integers(0, 10**9), st.times().map(to_the_second), st.times().map(to_the_second))
def test_without_a_change_of_the_clock_quiet_hours_are_what_their_times_say(
    seconds: int, start: time, end: time
) -> None:
    at = later(seconds)
    clock = at.time()
    within = start <= clock < end if start < end else start != end and (clock >= start or clock < end)

    found = quiet_until(at, start, end, "UTC")

    assert (found is not None) == within
    assert found is None or (at < found <= at + timedelta(days=1) and found.time() == end)


# --- What is sent when --------------------------------------------------------------------------------------


def falls(cameras: list[Camera], *seconds: float) -> None:
    """Rounds of the detector in which the first camera is away since NOW."""
    for each in seconds:
        report_contact(cameras[1:], later(each))
        record_status(Turn(later(each)))


def sent_at(name: str, seconds: float) -> list[tuple[str, float]]:
    """What is due to a subscription by then, each with its seconds after NOW."""
    rows = Delivery.objects.due(later(seconds)).filter(subscription__name=name).select_related("alert")
    return [(each.alert.kind, (each.next_attempt_at - NOW).total_seconds()) for each in rows]


@pytest.fixture
def cameras(db: None) -> list[Camera]:
    cameras = fleet(3, contact=0)
    record_status(Turn(NOW))
    return cameras


def test_what_begins_in_quiet_hours_is_sent_afterwards_unless_it_is_over(cameras: list[Camera]) -> None:
    noon = NOW.time()
    later_on = (NOW + timedelta(hours=1)).time()
    subscribe(name="quiet", quiet_from=noon, quiet_until=later_on)
    subscribe(name="quieter", quiet_from=noon, quiet_until=(NOW + timedelta(hours=9)).time())
    falls(cameras, 61)
    assert [sent_at(name, 3_599) for name in ("quiet", "quieter")] == [[], []]
    assert sent_at("quiet", 3_600) == [("camera.offline", 3_600)]
    (first,) = outbox.claim(later(3_600), 64, 4, [])
    outbox.settle(first, Result(), later(3_601))

    report_contact(cameras, later(4_000))
    record_status(Turn(later(4_001)))

    assert [kind for kind, _ in sent_at("quiet", 4_001)] == ["camera.recovered"]
    assert sent_at("quieter", 90_000) == []


def test_the_second_stage_hears_of_what_nobody_has_acknowledged(cameras: list[Camera]) -> None:
    subscribe(name="first")
    subscribe(name="second", escalation_seconds=900)
    falls(cameras, 61)
    assert (sent_at("first", 61), sent_at("second", 959)) == ([("camera.offline", 60)], [])
    assert sent_at("second", 960) == [("camera.offline", 960)]

    acknowledge_incident(incident_id=Incident.objects.get().pk, by=AUTHOR, now=later(300))

    assert sent_at("second", 90_000) == []
    report_contact(cameras, later(400))
    record_status(Turn(later(401)))
    falls(cameras, 401, 470)  # it comes back so soon that it is still acknowledged
    assert Incident.objects.get().reopened == 1
    assert sent_at("second", 90_000) == []


def test_reminders_come_until_somebody_acknowledges_and_not_beside_one_that_waits(cameras: list[Camera]) -> None:
    subscribe(name="reminded", repeat_seconds=900)
    subscribe(name="once")

    def settle(seconds: float) -> list[str]:
        taken = outbox.claim(later(seconds), 64, 4, [])
        for delivery in taken:
            outbox.settle(delivery, Result(), later(seconds))
        return sorted(f"{delivery.subscription.name}: {delivery.alert.kind}" for delivery in taken)

    falls(cameras, 61)
    assert settle(61) == ["once: camera.offline", "reminded: camera.offline"]
    falls(cameras, 900, 960)
    assert settle(960) == []
    falls(cameras, 961, 963, 2_000)
    assert settle(2_000) == ["reminded: incident.reminder"]
    text = Delivery.objects.get(alert__kind="incident.reminder").alert.text
    assert text == "Gate 000: Camera offline since 2026-03-04 12:01:00 UTC. Nobody has acknowledged it."

    falls(cameras, 2_900)
    acknowledge_incident(incident_id=Incident.objects.get().pk, by=AUTHOR, now=later(2_901))
    falls(cameras, 9_000)
    assert settle(9_000) == []
    report_contact(cameras, later(9_001))
    record_status(Turn(later(9_002)))
    assert settle(9_002) == ["once: camera.recovered", "reminded: camera.recovered"]


def test_a_reminder_that_waits_is_not_sent_once_it_is_over(cameras: list[Camera]) -> None:
    subscribe(name="reminded", repeat_seconds=900)
    falls(cameras, 61)
    (first,) = outbox.claim(later(61), 64, 4, [])
    outbox.settle(first, Result(), later(61))
    falls(cameras, 1_000)
    report_contact(cameras, later(1_001))
    record_status(Turn(later(1_002)))

    assert [kind for kind, _ in sent_at("reminded", 2_000)] == ["camera.recovered"]


# --- Once more ----------------------------------------------------------------------------------------------


def test_what_was_given_up_is_sent_again_under_its_id_to_whom_it_was_not_told(cameras: list[Camera]) -> None:
    subscription, _ = subscribe()
    falls(cameras, 61)
    (delivery,) = outbox.claim(later(61), 64, 4, [])
    addresses = {
        "a@example.org": AddressResult(AddressState.TOLD),
        "b@example.org": AddressResult(AddressState.REFUSED, "550"),
    }
    again: dict[str, Any] = {"delivery_id": delivery.pk, "by": AUTHOR, "now": later(70)}
    assert not subscriptions.send_again(**again)
    outbox.settle(delivery, Result("Refused.", is_final=True, addresses=addresses), later(62))

    assert subscriptions.send_again(**again)

    (repeated,) = outbox.claim(later(71), 64, 4, [])
    assert (repeated.pk, repeated.attempts, list(repeated.addresses or {})) == (delivery.pk, 1, ["a@example.org"])
    assert Subscription.objects.get() == subscription


# --- A channel that fails -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_that_nothing_arrives_is_sent_once_by_the_others_of_the_site_and_again_when_it_fails_anew() -> None:
    north, south = make_site("North", now=NOW), make_site("South", now=NOW)
    failing, _ = subscribe(name="Gate", site=north)
    for name, site in (("Porter", north), ("Harbour", south), ("Control room", None)):
        subscribe(name=name, site=site)

    def fail_since(began_at: datetime | None) -> None:
        Subscription.objects.filter(pk=failing.pk).update(failing_since=began_at, last_error="Answered 500.")

    def told(seconds: float) -> list[str]:
        notify_others(later(seconds))
        rows = Delivery.objects.filter(alert__kind="channel.failing", alert__created_at=later(seconds))
        return sorted(rows.values_list("subscription__name", flat=True))

    fail_since(NOW)
    assert [told(59), told(60), told(61)] == [[], ["Control room", "Porter"], []]
    assert Delivery.objects.first().alert.text == (
        "Alerts do not arrive by the subscription “Gate” since 2026-03-04 12:00:00 UTC. Answered 500."
    )
    outbox.settle(
        Delivery.objects.create(
            alert=Delivery.objects.first().alert, subscription=failing, created_at=NOW, attempts=1
        ),
        Result(),
        later(70),
    )
    fail_since(later(100))
    assert told(160) == ["Control room", "Porter"]
