"""Availability equals a model that asks of each moment what is to be said of it."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cameras import actions
from cameras.models import Camera, FleetVitals, KnownStatus, Site
from cameras.status import Status
from cameras.windows.models import Occurrence
from telemetry.alerts.models import Incident, Transition
from telemetry.availability import reports
from telemetry.availability.reports import Report, TooManyTransitions, report_of, report_with_downtimes
from telemetry.availability.rule import Verdict
from telemetry.availability.stays import of_camera, of_fleet, of_site
from telemetry.availability.sums import Totals
from telemetry.history.spans import Span
from telemetry.models import IngestOutage
from tests.factories import AUTHOR, make_camera, make_site, scope_of

pytestmark = pytest.mark.django_db

STEP = timedelta(minutes=10)
LENGTH = 400  # steps: more than two days and a half
MADE = datetime(2025, 1, 1, tzinfo=UTC)
#: days of 23 and of 25 hours, at midnight too, and by half an hour
PLACES = [
    ("Europe/Berlin", datetime(2026, 3, 28, 10, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 10, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 2, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 10, 31, 20, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 2, tzinfo=UTC)),
    ("UTC", datetime(2026, 12, 30, 20, tzinfo=UTC)),
]
moments = st.integers(-40, LENGTH + 40)
lengths = st.integers(1, 90)
places = st.sampled_from([None, 0, 1])
cameras = st.integers(0, 3)


class World(NamedTuple):
    """What happened, by the number of the step, the camera and the site."""

    zone: str
    start: datetime
    transitions: list[tuple[int, int, Status]]
    moves: list[tuple[int, int, int | None]]
    deleted: list[tuple[int, int]]
    windows: list[tuple[int, int, str, int]]
    outages: list[tuple[int, int]]
    silences: list[tuple[int, int, int | None]]
    known_until: int

    def at(self, step: int) -> datetime:
        return self.start + step * STEP


worlds = st.builds(
    lambda place, **what: World(*place, **what),
    st.sampled_from(PLACES),
    transitions=st.lists(st.tuples(moments, cameras, st.sampled_from([*Status])), max_size=40),
    moves=st.lists(st.tuples(moments, cameras, places), max_size=6),
    deleted=st.lists(st.tuples(moments, cameras), max_size=2),
    windows=st.lists(st.tuples(moments, lengths, st.sampled_from(["all", "site", "camera", "missed"]), st.integers(0, 1)), max_size=4),
    outages=st.lists(st.tuples(moments, lengths), max_size=2, unique_by=lambda outage: outage[0]),
    silences=st.lists(st.tuples(moments, lengths, places), max_size=3),
    known_until=st.sampled_from([LENGTH - 30, LENGTH, LENGTH + 5]),
)  # fmt: skip


class Stored(NamedTuple):
    """The rows of a world: ids of its sites and cameras, and where each camera stood by what was done."""

    sites: list[Site]
    cameras: list[UUID]
    stood: list[list[tuple[datetime, Any]]]


def store(world: World) -> Stored:
    sites = [make_site(name, timezone=world.zone, now=MADE) for name in ("North", "South")]
    made = [make_camera(f"Camera {number}", now=MADE, site=sites[0]) for number in range(3)]
    late = world.at(LENGTH // 2)
    stood: list[list[tuple[datetime, Any]]] = [[(MADE, sites[0].pk)] for _ in made] + [[(late, None)]]
    done = [(at, camera, "move", place) for at, camera, place in world.moves]
    done += [(at, camera, "delete", None) for at, camera in world.deleted]
    ids = [camera.pk for camera in made]
    for step, number, what, place in sorted([*done, (LENGTH // 2, 3, "make", None)], key=lambda act: act[0]):
        now = world.at(step)
        if what == "make":
            ids.append(make_camera("Camera 3", now=now).pk)
        elif number < len(ids) and Camera.objects.filter(pk=ids[number]).exists():
            site_id = None if place is None else sites[place].pk
            if what == "delete":
                actions.retire_cameras(camera_ids=[ids[number]], by=AUTHOR, now=now)
            else:
                actions.update_camera(camera_id=ids[number], values={"site": site_id}, by=AUTHOR, now=now)
            stood[number].append((now, "gone" if what == "delete" else site_id))
    store_what_was_observed(world, sites, ids)
    return Stored(sites, ids, stood)


def store_what_was_observed(world: World, sites: list[Site], ids: list[UUID]) -> None:
    before: dict[int, str] = {}
    for step, number, status in in_order(world):
        Transition.objects.create(
            camera_id=ids[number], at=world.at(step), detected_at=world.at(step), reason="x",
            from_status=before.get(number, "pending"), to_status=status,
        )  # fmt: skip
        before[number] = status
    for step, length, kind, number in world.windows:
        Occurrence.objects.create(
            action="mute", starts_at=world.at(step), ends_at=world.at(step + length),
            is_everything=kind == "all", is_missed=kind == "missed",
            site_id=sites[number].pk if kind in ("site", "missed") else None,
            camera_ids=[str(ids[number])] if kind == "camera" else [],
        )  # fmt: skip
    for step, length in world.outages:
        IngestOutage.objects.create(began_at=world.at(step), ended_at=world.at(step + length))
    for step, length, place in world.silences:
        key, site_id = ("fleet", None) if place is None else (f"site:{sites[place].pk}", sites[place].pk)
        Incident.objects.create(
            key=key, site_id=site_id, title="x", began_at=world.at(step), ended_at=world.at(step + length)
        )
    FleetVitals.objects.update_or_create(pk=1, defaults={"statuses_at": world.at(world.known_until)})


def in_order(world: World) -> list[tuple[int, int, Status]]:
    """At most one change of a camera at a moment, none after what is known, and each of another status."""
    last: dict[int, tuple[int, Status]] = {}
    kept = []
    for step, number, status in sorted(world.transitions):
        at, known = last.get(number, (-1_000, None))
        if step > at and status != known and step <= world.known_until:
            last[number] = step, status
            kept.append((step, number, status))
    return kept


class Model:
    """What each step of a camera counts as, asked step by step of all that happened."""

    def __init__(self, world: World, stored: Stored) -> None:
        self.world, self.stored = world, stored
        self.changes = in_order(world)

    def place(self, number: int, step: int) -> Any:
        """A site's id or None; "gone" where the camera was not there."""
        here: Any = "gone"
        for since, place in self.stored.stood[number]:
            if since <= self.world.at(step):
                here = place
        return here

    def verdict(self, number: int, step: int) -> Verdict:
        world, site = self.world, self.place(number, step)
        for start, length, kind, which in world.windows:
            covers = {
                "all": True, "missed": False,
                "camera": which == number, "site": site == self.stored.sites[which].pk,
            }[kind]  # fmt: skip
            if covers and start <= step < start + length:
                return Verdict.LEFT_OUT
        if any(start <= step < start + length for start, length in world.outages):
            return Verdict.LEFT_OUT
        of_camera = [(at, status) for at, which, status in self.changes if which == number]
        before = [status for at, status in of_camera if at <= step]
        after = [status for at, status in of_camera if at > step]
        if not before or step >= world.known_until:
            return Verdict.UNKNOWN
        match before[-1]:
            case Status.HEALTHY | Status.DEGRADED:
                return Verdict.UP
            case Status.OFFLINE | Status.FAILING:
                return Verdict.DOWN
            case Status.STALE:
                dark = any(
                    start <= step < start + length and (which is None or self.stored.sites[which].pk == site)
                    for start, length, which in world.silences
                )
                ended_down = after and after[0] in (Status.OFFLINE, Status.FAILING)
                return Verdict.DOWN if dark or ended_down else Verdict.UNKNOWN
        return Verdict.LEFT_OUT

    def days(self, numbers: Iterable[int], first: int, last: int, site: Any = "any") -> dict[date, Totals]:
        counts: dict[date, Counter[Verdict]] = {}
        for step in range(first, last):
            day = counts.setdefault(self.world.at(step).astimezone(ZoneInfo(self.world.zone)).date(), Counter())
            for number in numbers:
                here = self.place(number, step)
                if here != "gone" and site in ("any", here):
                    day[self.verdict(number, step)] += 1
        return {day: Totals(*(STEP * count[verdict] for verdict in Verdict)) for day, count in counts.items()}


def days_of(report: Report) -> dict[date, Totals]:
    return {day.day: day.totals for day in report.days}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds)
def test_every_report_equals_the_model_whatever_happened(world: World) -> None:
    with transaction.atomic():
        check(world)
        transaction.set_rollback(True)


def check(world: World) -> None:
    stored = store(world)
    model, zone = Model(world, stored), ZoneInfo(world.zone)
    now = world.at(LENGTH + 5)
    for first, last in ((0, LENGTH), (37, LENGTH // 3)):
        span = Span(world.at(first), world.at(last))
        everybody = range(4)
        fleet = report_of(of_fleet(scope_of()), span, zone, now)
        assert days_of(fleet) == model.days(everybody, first, last)
        for site in stored.sites:
            there = report_of(of_site(site.pk, scope_of()), span, zone, now)
            assert days_of(there) == model.days(everybody, first, last, site.pk)
            bound = report_of(of_fleet(scope_of(site)), span, zone, now)
            assert days_of(bound) == days_of(there)
        for camera in Camera.objects.filter(pk__in=stored.cameras):
            number = stored.cameras.index(camera.pk)
            report, downtimes = report_with_downtimes(of_camera(camera), span, zone, now)
            assert days_of(report) == model.days([number], first, last)
            assert sum((each.end - each.start for each in downtimes), timedelta()) == report.totals.down
            assert all(one.end < other.start for one, other in pairwise(downtimes))


NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LAST_DAY = Span(NOW - DAY, NOW)


def transition(camera: Camera, at: datetime, before: str, status: str) -> None:
    Transition.objects.create(
        camera_id=camera.pk, at=at, detected_at=at, reason="x", from_status=before, to_status=status
    )


def totals(span: Span = LAST_DAY) -> Totals:
    return report_of(of_fleet(scope_of()), span, UTC, NOW).totals


def test_a_camera_that_has_not_changed_for_as_long_as_changes_are_kept_is_known_all_the_same() -> None:
    camera = make_camera(now=NOW - 600 * DAY)
    assert totals() == Totals(unknown=DAY)
    KnownStatus.objects.update_or_create(pk=camera.pk, defaults={"status": "healthy", "since_at": NOW - 599 * DAY})
    assert totals() == Totals(up=DAY)

    transition(camera, NOW - DAY / 2, "healthy", "offline")

    assert totals() == Totals(up=DAY / 2, down=DAY / 2)


def test_what_was_before_the_first_change_of_a_camera_is_unknown() -> None:
    transition(make_camera(now=NOW - 30 * DAY), NOW - DAY / 2, "healthy", "offline")

    assert totals() == Totals(down=DAY / 2, unknown=DAY / 2)


def test_outages_of_ingest_are_left_out_also_the_last_one_and_one_that_lasts() -> None:
    camera = make_camera(now=NOW - 30 * DAY)
    transition(camera, NOW - 20 * DAY, "pending", "healthy")
    hour = timedelta(hours=1)
    IngestOutage.objects.create(began_at=NOW - 5 * hour, ended_at=NOW - 4 * hour)
    FleetVitals.objects.create(
        outage_began_at=NOW - 3 * hour, outage_ended_at=NOW - 2 * hour,
        ticked_at=NOW - hour, statuses_at=NOW - hour,
    )  # fmt: skip

    assert totals() == Totals(up=21 * hour, left_out=3 * hour)


@pytest.mark.parametrize("count", [1, 50])
def test_a_report_takes_as_many_queries_for_one_camera_as_for_many(
    count: int, django_assert_num_queries: Any
) -> None:
    site = make_site(now=NOW - 30 * DAY)
    for number in range(count):
        camera = make_camera(f"Camera {number}", now=NOW - 20 * DAY, site=site)
        transition(camera, NOW - 10 * DAY, "pending", "healthy")
        transition(camera, NOW - DAY / 2, "healthy", "offline")

    with django_assert_num_queries(9):
        assert totals() == Totals(up=count * DAY / 2, down=count * DAY / 2)


def test_more_changes_than_are_read_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = make_camera(now=NOW - 30 * DAY)
    for number in range(4):
        transition(camera, NOW - (number + 1) * timedelta(hours=1), "healthy", "offline")
    monkeypatch.setattr(reports, "MAX_TRANSITIONS", 4)
    assert totals().down == 4 * timedelta(hours=1)
    monkeypatch.setattr(reports, "MAX_TRANSITIONS", 3)
    with pytest.raises(TooManyTransitions):
        totals()


def test_no_time_has_no_days() -> None:
    make_camera(now=NOW - DAY)

    assert report_of(of_fleet(scope_of()), Span(NOW, NOW), UTC, NOW).days == []
