"""Windows begin and end: what stops, what runs again, and what somebody decided in between."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from cameras import actions
from cameras.models import Camera, Change, DesiredState, Hold, Site
from cameras.windows import muting, upkeep, window_actions
from cameras.windows.intent import clean_window
from cameras.windows.models import Occurrence, Window
from controlplane.access.models import AuditEntry
from telemetry.alerts import incidents
from telemetry.alerts.models import Alert, Channel, Delivery, DeliveryState, Kind, Subscription, Topic
from tests.factories import AUTHOR, NOW, make_camera, make_site

pytestmark = pytest.mark.django_db

RUNNING, STOPPED = DesiredState.RUNNING, DesiredState.STOPPED
HOUR = timedelta(hours=1)


def make_window(starts: int, ends: int, now: datetime = NOW, **values: Any) -> Window:
    """A stop from so many hours after NOW to so many; over everything, unless it is said otherwise."""
    given = {
        "action": "stop",
        "starts": f"{NOW + starts * HOUR:%Y-%m-%dT%H:%M}",
        "ends": f"{NOW + ends * HOUR:%Y-%m-%dT%H:%M}",
        **(values if {"site", "cameras"} & values.keys() else {"everything": True, **values}),
    }
    return window_actions.schedule_window(values=clean_window(given, now=now), by=AUTHOR, now=now)


def make_running(name: str = "Gate", site: Site | None = None) -> Camera:
    return make_camera(name, site=site, desired_state="running")


def state_of(camera: Camera) -> str:
    return Camera.objects.get(pk=camera.pk).desired_state


def decide(camera: Camera, wanted: DesiredState, hours: float) -> None:
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=wanted, by=AUTHOR, now=NOW + hours * HOUR)


def maintain(*hours: float) -> None:
    for each in hours:
        upkeep.begin_and_end(NOW + each * HOUR)


def test_a_stop_restores_what_it_found() -> None:
    running, stopped = make_running(), make_camera("Dock")
    make_window(1, 2, reason="Paint")
    maintain(0.5)
    assert state_of(running) == RUNNING
    maintain(1, 1.5)
    assert (state_of(running), state_of(stopped)) == (STOPPED, STOPPED)
    assert list(Hold.objects.values_list("pk", flat=True)) == [running.pk]
    maintain(2)
    assert (state_of(running), state_of(stopped)) == (RUNNING, STOPPED)
    assert not Hold.objects.exists()
    notes = Change.objects.filter(camera_id=running.pk).order_by("revision").values_list("note", "generation")
    assert list(notes)[1:] == [
        ("A window stops it: Paint", 2),
        ("Started again: no window stops it any more.", 3),
    ]
    revision = Change.objects.latest("revision").revision
    maintain(2, 3)
    assert Change.objects.latest("revision").revision == revision


def test_a_stop_that_lasts_when_it_is_made_acts_at_once_and_in_the_name_of_who_made_it() -> None:
    camera = make_running()
    make_window(0, 1)
    assert state_of(camera) == STOPPED
    assert Change.objects.latest("revision").by == AUTHOR.label


@pytest.mark.parametrize("decided", [RUNNING, STOPPED])
def test_who_decides_in_between_ends_the_hold_also_where_nothing_changes(decided: DesiredState) -> None:
    camera = make_running()
    make_window(1, 3)
    maintain(1)
    decide(camera, decided, 2)
    assert not Hold.objects.exists()
    assert AuditEntry.objects.get(action="hold.ended").object_id == str(camera.pk)
    maintain(2, 2.5, 3)
    assert state_of(camera) == decided


def test_an_edit_of_something_else_keeps_the_hold() -> None:
    camera = make_running()
    make_window(1, 3)
    maintain(1)
    actions.update_camera(camera_id=camera.pk, values={"notes": "Wet"}, by=AUTHOR, now=NOW + 2 * HOUR)
    maintain(3)
    assert state_of(camera) == RUNNING


@pytest.mark.parametrize(
    ("second", "states"),
    [
        pytest.param((2, 4), [STOPPED, STOPPED, STOPPED, RUNNING], id="one reaches into the other"),
        pytest.param((3, 4), [STOPPED, STOPPED, STOPPED, RUNNING], id="one follows the other"),
        pytest.param((1, 2), [STOPPED, STOPPED, RUNNING, RUNNING], id="one within the other"),
    ],
)
def test_windows_that_overlap_hold_a_camera_once(second: tuple[int, int], states: list[str]) -> None:
    camera = make_running()
    make_window(1, 3)
    make_window(*second)
    found = []
    for hours in (1, 2, 3, 4):
        maintain(hours)
        found.append(state_of(camera))
    assert found == states
    assert Change.objects.filter(camera_id=camera.pk).count() == 3


def test_what_somebody_starts_in_one_window_is_taken_by_the_next_that_begins_and_restored_after_it() -> None:
    camera = make_running()
    make_window(1, 4)
    make_window(3, 5)
    maintain(1)
    decide(camera, RUNNING, 2)
    maintain(2.5)
    assert state_of(camera) == RUNNING
    maintain(3)
    assert state_of(camera) == STOPPED
    maintain(4)
    assert state_of(camera) == STOPPED
    maintain(5)
    assert state_of(camera) == RUNNING


def test_a_camera_that_is_moved_out_of_a_window_runs_again() -> None:
    site = make_site()
    camera = make_running(site=site)
    make_window(1, 3, site=str(site.pk))
    maintain(1)
    actions.move_cameras(camera_ids=[camera.pk], site_id=None, by=AUTHOR, now=NOW + 2 * HOUR)
    maintain(2)
    assert state_of(camera) == RUNNING


def test_a_camera_that_is_deleted_in_a_window_leaves_no_hold() -> None:
    camera = make_running()
    make_window(1, 3)
    maintain(1)
    actions.retire_cameras(camera_ids=[camera.pk], by=AUTHOR, now=NOW + 2 * HOUR)
    maintain(2, 3)
    assert not Hold.objects.exists()


@pytest.mark.parametrize("how", ["end", "delete", "edit"])
def test_a_window_that_ends_early_restores_at_once(how: str) -> None:
    camera = make_running()
    window = make_window(1, 3)
    maintain(1)
    given: dict[str, Any] = {"window_id": window.pk, "by": AUTHOR, "now": NOW + 2 * HOUR}
    if how == "end":
        window_actions.end_window(**given)
    elif how == "delete":
        window_actions.delete_window(**given)
    else:
        values = clean_window({"action": "mute"}, now=given["now"], stored=window)
        window_actions.edit_window(values=values, **given)
    assert state_of(camera) == RUNNING
    maintain(2.5, 3, 4)
    assert state_of(camera) == RUNNING
    stop = Occurrence.objects.get(action="stop")
    assert (stop.starts_at, stop.ends_at, stop.is_missed) == (NOW + HOUR, NOW + 2 * HOUR, False)


@pytest.mark.parametrize("how", ["extend", "edit"])
def test_a_window_that_is_extended_takes_nothing_that_somebody_started(how: str) -> None:
    camera, other = make_running(), make_running("Dock")
    window = make_window(1, 3)
    maintain(1)
    decide(other, RUNNING, 2)
    given: dict[str, Any] = {"window_id": window.pk, "by": AUTHOR, "now": NOW + 2 * HOUR}
    if how == "extend":
        window_actions.extend_window(until=NOW + 5 * HOUR, **given)
    else:
        values = clean_window({"ends": f"{NOW + 5 * HOUR:%Y-%m-%dT%H:%M}"}, now=given["now"], stored=window)
        window_actions.edit_window(values=values, **given)
    maintain(3, 4)
    assert (state_of(camera), state_of(other)) == (STOPPED, RUNNING)
    maintain(5)
    assert state_of(camera) == RUNNING
    assert Occurrence.objects.get().ends_at == NOW + 5 * HOUR


def test_a_stop_that_is_over_when_it_is_found_is_recorded_as_missed() -> None:
    camera = make_running()
    make_window(1, 2, rule="FREQ=DAILY;COUNT=4")
    revision = Change.objects.latest("revision").revision
    maintain(24 + 1.5)
    assert state_of(camera) == STOPPED
    maintain(100)
    missed = Occurrence.objects.order_by("starts_at").values_list("is_missed", flat=True)
    assert list(missed) == [True, False, True, True]
    assert state_of(camera) == RUNNING
    assert Change.objects.latest("revision").revision == revision + 2


def test_editing_a_window_changes_no_past() -> None:
    window = make_window(1, 2, rule="FREQ=DAILY;COUNT=4")
    maintain(1, 2)
    before = list(Occurrence.objects.filter(ends_at__lte=NOW + 3 * HOUR).values())
    values = clean_window({"starts": "2026-03-04T20:00", "ends": "2026-03-04T21:00"}, now=NOW, stored=window)
    window_actions.edit_window(window_id=window.pk, values=values, by=AUTHOR, now=NOW + 3 * HOUR)
    maintain(8, 9)
    window_actions.delete_window(window_id=window.pk, by=AUTHOR, now=NOW + 10 * HOUR)
    after = Occurrence.objects.order_by("starts_at")
    assert [row | {"window_id": None} for row in before] == list(after.values())[:1]
    assert [f"{each.starts_at:%H}" for each in after] == ["13", "20"]


class Killed(BaseException):
    """As a process that is killed: no `except Exception` sees it."""


def steps() -> list[tuple[Any, str]]:
    return [
        (upkeep, "write_due"),
        (upkeep, "_settle_missed"),
        (upkeep, "begin"),
        (upkeep, "_take"),
        (upkeep, "release"),
        (upkeep, "_start_again"),
        (Occurrence, "save"),
        (Hold.objects, "bulk_create"),
    ]


@pytest.mark.parametrize(("place", "name"), steps(), ids=[name for _place, name in steps()])
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_killed_at_every_step_the_next_round_does_the_rest(
    place: Any, name: str, is_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHUNK", 2)
    cameras = [make_running(f"Gate {number}") for number in range(5)]
    make_window(1, 3, rule="FREQ=DAILY;COUNT=2")
    make_window(2, 4)
    original: Callable[..., Any] = getattr(place, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if not is_before:
            original(*args, **kwargs)
        raise Killed

    for hours in (1, 2, 3, 4):
        with mock.patch.object(place, name, killed):
            try:
                upkeep.begin_and_end(NOW + hours * HOUR)
            except Killed:
                pass
        maintain(hours)
        expected = STOPPED if hours < 4 else RUNNING
        assert {state_of(camera) for camera in cameras} == {expected}
    assert Change.objects.count() == 15
    assert not Hold.objects.exists()
    assert Occurrence.objects.filter(is_missed=True).count() == 0


@pytest.mark.parametrize("count", [1, 50])
def test_a_round_with_nothing_to_do_takes_the_same_queries(count: int, django_assert_num_queries: Any) -> None:
    for number in range(count):
        make_running(f"Gate {number}")
        make_window(1, 30, reason=str(number))
    maintain(1)
    with django_assert_num_queries(7):
        maintain(2)


# --- Mutes ----------------------------------------------------------------------------------------------------


def tell(kind: Kind, camera: Camera, hours: float) -> None:
    at = NOW + hours * HOUR
    incidents.follow(
        [Alert(kind=kind, at=at, created_at=at, camera_id=camera.pk, site_id=camera.site_id, text="x")], at
    )


def told(hours: float) -> list[str]:
    due = Delivery.objects.due(NOW + hours * HOUR).select_related("alert")
    return [delivery.alert.kind for delivery in due]


@pytest.fixture
def subscription(db: None) -> Subscription:
    return Subscription.objects.create(
        name="x", channel=Channel.EMAIL, topics=[Topic.SILENCE], grace_seconds=0, is_active=True, created_at=NOW
    )


@pytest.mark.usefixtures("subscription")
def test_what_begins_in_a_mute_is_told_once_at_its_end_if_it_still_holds() -> None:
    camera, other = make_running(site=make_site()), make_running("Dock")
    make_window(1, 3, action="mute", site=str(camera.site_id))
    maintain(1)
    tell(Kind.OFFLINE, camera, 2)
    tell(Kind.OFFLINE, other, 2)
    assert told(2) == [Kind.OFFLINE]  # of the other one
    assert len(told(3)) == 2


@pytest.mark.usefixtures("subscription")
def test_what_begins_and_ends_in_a_mute_is_not_told() -> None:
    camera = make_running()
    make_window(1, 3, action="mute")
    maintain(1)
    tell(Kind.OFFLINE, camera, 1)
    tell(Kind.RECOVERED, camera, 2)
    assert told(10) == []
    assert Delivery.objects.get().state == DeliveryState.WITHDRAWN


@pytest.mark.usefixtures("subscription")
def test_the_end_of_what_was_told_before_is_told_in_a_mute() -> None:
    camera = make_running()
    make_window(1, 3, action="mute")
    maintain(1)
    tell(Kind.OFFLINE, camera, 0.5)
    Delivery.objects.update(state=DeliveryState.DELIVERED, next_attempt_at=None)
    tell(Kind.RECOVERED, camera, 2)
    assert told(2) == [Kind.RECOVERED]


def test_it_is_known_who_is_muted_at_a_moment() -> None:
    site = make_site()
    there, named, other = make_running(site=site), make_running("Dock"), make_running("Yard")
    make_window(1, 3, action="mute", site=str(site.pk))
    make_window(2, 4, action="mute", cameras=[str(named.pk)])
    asked = [(camera.pk, camera.site_id) for camera in (there, named, other)]
    maintain(1, 2)
    found = [muting.muted_at(asked, NOW + hours * HOUR) for hours in (0.9, 1, 2, 3, 4)]
    assert found == [set(), {there.pk}, {there.pk, named.pk}, {named.pk}, set()]
