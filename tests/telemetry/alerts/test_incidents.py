"""One cause is one incident: told once, with a beginning and an end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.models import Camera, KnownStatus
from telemetry.alerts import outbox
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.incident_rule import Life, Move, Silence, began_within, beginning, ending, is_site_silence
from telemetry.alerts.models import Alert, Delivery, Subscription
from telemetry.alerts.results import Result
from telemetry.alerts.steps import record_status
from telemetry.maintenance.steps import Turn
from tests.factories import NOW, make_site
from tests.telemetry.alerts.conftest import fleet, report_contact, subscribe


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def life(began: float, ended: float | None = None, *causes: str) -> Life:
    return Life(frozenset(causes or {"camera.offline"}), later(began), None if ended is None else later(ended))


@pytest.mark.once
@pytest.mark.parametrize(
    ("own", "greater", "silent_since", "move"),
    [
        (None, [], 0, Move.BEGIN),
        (life(-50), [], 0, Move.GO_ON),
        (life(-500, -240), [], 0, Move.REOPEN),  # at 60: 300 s later it is another
        (life(-500, -239), [], 0, Move.REOPEN),
        (life(-500, -241), [], 0, Move.BEGIN),
        (life(-500, -10, "camera.failing"), [], 0, Move.BEGIN),
        (None, [life(0)], 0, Move.FOLD),
        (None, [life(0)], 15, Move.FOLD),  # one and a half intervals later
        (None, [life(0)], 15.1, Move.BEGIN),
        (None, [life(0)], -60, Move.FOLD),  # six intervals before
        (None, [life(0)], -60.1, Move.BEGIN),
        (life(-500, -10), [life(0)], 0, Move.FOLD),
    ],
)
def test_what_a_silence_does_to_incidents(
    own: Life | None, greater: list[Life], silent_since: float, move: Move
) -> None:
    at = later(59.9) if own and own.ended_at == later(-240) else later(60)

    assert beginning("camera.offline", at, own, greater, Silence(later(silent_since), 10)) == move


@pytest.mark.once
@pytest.mark.parametrize(
    ("own", "move"),
    [
        (None, Move.NOTHING),
        (life(0, 10), Move.NOTHING),
        (life(0), Move.END),
        (life(0, None, "camera.offline", "camera.failing"), Move.EASE),
    ],
)
def test_an_incident_ends_with_the_last_of_its_causes(own: Life | None, move: Move) -> None:
    assert ending(frozenset({"camera.offline"}), own) == move


@pytest.mark.once
@pytest.mark.parametrize(
    ("silent", "reporting", "dark"), [(2, 2, False), (3, 3, True), (3, 5, True), (3, 6, False), (4, 7, True)]
)
def test_a_site_is_dark_from_three_cameras_and_more_than_half(silent: int, reporting: int, dark: bool) -> None:
    assert is_site_silence(silent, reporting, 50) is dark


@pytest.mark.once
@given(st.integers(1, 600), st.floats(-7_200, 7_200))
def test_a_silence_lies_within_a_greater_one_or_is_of_its_own(interval: int, since: float) -> None:
    inside = began_within(Silence(later(since), interval), NOW)

    assert inside == (later(-6 * interval) <= later(since) <= later(1.5 * interval))


def site_and_others() -> tuple[list[Camera], list[Camera]]:
    """Ten cameras at a site, and twenty elsewhere."""
    dark = fleet(10, contact=0, site=make_site("Depot North", now=NOW))
    others = fleet(20, contact=0)
    record_status(Turn(NOW))
    return dark, others


def told(subscription: Subscription | None = None) -> list[str]:
    rows = Delivery.objects.exclude(state="withdrawn").order_by("alert__created_at", "pk")
    if subscription:
        rows = rows.filter(subscription=subscription)
    return list(rows.values_list("alert__kind", flat=True))


@pytest.mark.django_db
def test_a_site_that_goes_dark_is_one_message_that_begins_and_one_that_ends() -> None:
    subscribe(grace_seconds=60)
    dark, others = site_and_others()

    for seconds in (31, 61, 62, 120, 600):
        report_contact(others, later(seconds))
        record_status(Turn(later(seconds)))
    assert told() == ["site.silent"]
    assert set(KnownStatus.objects.filter(camera__in=dark).values_list("status", flat=True)) == {"offline"}
    site = Incident.objects.get(key__startswith="site:")
    assert (site.title, site.began_at, site.state) == ("Depot North", NOW, "open")
    assert set(Incident.objects.filter(camera_id__isnull=False).values_list("state", "merged_into")) == {
        ("merged", site.pk)
    }

    report_contact([*dark, *others], later(610))
    record_status(Turn(later(611)))
    assert told() == ["site.silent", "site.heard"]
    assert not Incident.objects.holding().exists()


@pytest.mark.django_db
def test_a_camera_that_fails_for_itself_is_told_for_itself() -> None:
    subscribe()
    dark, others = site_and_others()
    report_contact(dark[1:] + others, later(3_600))
    record_status(Turn(later(3_600)))
    assert told() == ["camera.offline"]

    for seconds in (3_631, 3_661):
        report_contact([dark[1], *others], later(seconds))
        record_status(Turn(later(seconds)))
    assert told() == ["camera.offline", "site.silent"]

    report_contact(others, later(7_300))
    record_status(Turn(later(7_300)))
    assert told() == ["camera.offline", "site.silent", "camera.offline"]


@pytest.mark.django_db
def test_what_still_holds_at_the_end_of_a_dark_site_is_told_then_and_its_end_too() -> None:
    subscribe()
    dark, others = site_and_others()
    for seconds in (31, 61):
        report_contact(others, later(seconds))
        record_status(Turn(later(seconds)))

    report_contact(dark[1:] + others, later(100))
    record_status(Turn(later(101)))
    assert sorted(told()) == ["camera.offline", "site.heard", "site.silent"]
    assert Alert.objects.get(kind="camera.offline").camera_id == dark[0].pk

    report_contact(dark + others, later(110))
    record_status(Turn(later(111)))
    assert sorted(told()) == ["camera.offline", "camera.recovered", "site.heard", "site.silent"]


@pytest.mark.django_db
def test_what_was_begun_singly_before_is_part_of_it_and_is_not_told_within_its_grace() -> None:
    subscribe(grace_seconds=60)
    dark, others = site_and_others()
    report_contact(dark[1:] + others, later(20))
    record_status(Turn(later(45)))
    report_contact(others, later(61))
    record_status(Turn(later(61)))

    assert told() == ["site.silent"]
    assert Incident.objects.get(camera_id=dark[0].pk).state == "merged"


@pytest.mark.django_db
def test_a_new_subscription_hears_only_of_what_begins_and_an_inactive_one_waits_for_the_end() -> None:
    first, _ = subscribe(name="first")
    cameras = fleet(2, contact=0)
    record_status(Turn(NOW))
    report_contact(cameras[1:], later(61))
    record_status(Turn(later(61)))
    second, _ = subscribe(name="second")
    outbox.settle(Delivery.objects.get(), Result(), later(62))
    Subscription.objects.filter(pk=first.pk).update(is_active=False, topics=["fleet"])

    report_contact(cameras, later(70))
    record_status(Turn(later(71)))

    assert told(second) == []
    assert told(first) == ["camera.offline", "camera.recovered"]
    assert not Delivery.objects.due(later(100)).exists()
    Subscription.objects.filter(pk=first.pk).update(is_active=True)
    assert Delivery.objects.due(later(100)).get().alert.kind == "camera.recovered"


@pytest.mark.django_db
def test_the_end_waits_for_the_beginning_that_has_not_arrived() -> None:
    subscribe()
    cameras = fleet(2, contact=0)
    record_status(Turn(NOW))
    report_contact(cameras[1:], later(61))
    record_status(Turn(later(61)))
    (beginning_,) = outbox.claim(later(61), 64, 4, [])
    outbox.settle(beginning_, Result("The mail server is away."), later(61))
    report_contact(cameras, later(62))
    record_status(Turn(later(63)))

    (again,) = outbox.claim(later(80), 64, 4, [])
    assert again.alert.kind == "camera.offline"
    assert outbox.claim(later(80), 64, 4, []) == []
    outbox.settle(again, Result(), later(81))
    assert [each.alert.kind for each in outbox.claim(later(81), 64, 4, [])] == ["camera.recovered"]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [4, 50])
def test_the_same_few_queries_for_a_small_dark_site_and_a_large_one(
    count: int, django_assert_max_num_queries: Any
) -> None:
    subscribe()
    fleet(count, contact=0, site=make_site("Depot North", now=NOW))
    others = fleet(2 * count, contact=0)
    record_status(Turn(NOW))
    for seconds in (31, 61):
        report_contact(others, later(seconds))
        with django_assert_max_num_queries(45):
            record_status(Turn(later(seconds)))
    assert told() == ["site.silent"]
