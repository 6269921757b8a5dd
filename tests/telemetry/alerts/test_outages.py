"""Generated outages of five shapes, with noise beside them: each is told by its cause, once, and what is alone too."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from cameras.models import Camera, CameraVitals, Site
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.models import Delivery
from telemetry.alerts.steps import record_status
from telemetry.maintenance.steps import Turn
from tests.factories import NOW, make_site
from tests.telemetry.alerts.conftest import STARTED, fleet, report_contact, subscribe

pytestmark = pytest.mark.django_db

INTERVAL = 10
SITES, AT_A_SITE, ALONE = 4, 8, 8
SHAPES = ("a camera", "a whole site", "most of a site", "a site, one after the other", "most of the fleet")
FELL, BACK = 300, 700
NOISE = 0.05


@dataclass
class Outage:
    """Which cameras are away when, in seconds from a beginning, and what is to be told: `(type, of what)`."""

    away: dict[Camera, tuple[float, float]] = field(default_factory=dict)
    told: Counter[tuple[str, object]] = field(default_factory=Counter)

    def alone(self, camera: Camera, fell: float, back: float) -> None:
        self.away[camera] = (fell, back)
        self.told += Counter([("camera.offline", camera.pk), ("camera.recovered", camera.pk)])

    def together(self, cameras: Iterable[Camera], fell: list[float], kinds: tuple[str, str], of: object) -> None:
        self.away |= {camera: (at, BACK) for camera, at in zip(cameras, fell, strict=True)}
        self.told += Counter([(kind, of) for kind in kinds])


def generate(shape: str, seed: int, sites: list[list[Camera]], others: list[Camera]) -> Outage:
    """One outage of a shape; of the cameras that it leaves alone one in twenty fails for itself, whenever."""
    dice, outage = random.Random(f"{shape} {seed}"), Outage()
    everybody = [*(camera for site in sites for camera in site), *others]
    of_site = dice.choice(sites)
    if shape == "a camera":
        outage.alone(dice.choice(everybody), FELL, BACK)
    elif shape == "most of the fleet":
        hit = dice.sample(everybody, dice.randint(len(everybody) * 6 // 10, len(everybody)))
        fell = [FELL + dice.uniform(0, INTERVAL) for _ in hit]
        outage.together(hit, fell, ("fleet.silent", "fleet.heard"), None)
    else:
        hit = (
            of_site
            if shape == "a whole site"
            else dice.sample(of_site, dice.randint(AT_A_SITE // 2 + 1, AT_A_SITE))
        )
        spread = 1.4 * INTERVAL if "one after" in shape else INTERVAL
        fell = sorted(FELL + spread * dice.random() for _ in hit)
        outage.together(hit, fell, ("site.silent", "site.heard"), of_site[0].site_id)
    for camera in everybody:
        if camera not in outage.away and dice.random() < NOISE:
            # Before it or after it, but not with it: those nobody could tell apart.
            fell = dice.choice([dice.uniform(20, FELL - 7 * INTERVAL), dice.uniform(BACK + 20, BACK + 200)])
            outage.alone(camera, fell, fell + dice.uniform(7 * INTERVAL, 20 * INTERVAL))
    return outage


def live_through(outage: Outage, everybody: list[Camera], began_at: datetime) -> None:
    """Rounds of the detector, while cameras report or are away."""

    def later(seconds: float) -> datetime:
        return began_at + timedelta(seconds=seconds)

    away: set[Camera] = set()
    moments = [at for span in outage.away.values() for at in span]
    rounds = sorted({*range(0, 1_200, 30), *(int(at) + after for at in moments for after in (1, 32, 62))})
    for seconds in rounds:
        for camera, (fell, back) in outage.away.items():
            if fell <= seconds < back and camera not in away:
                away.add(camera)
                report_contact([camera], later(fell))
            elif seconds >= back:
                away.discard(camera)
        report_contact([camera for camera in everybody if camera not in away], later(seconds))
        record_status(Turn(later(seconds)))


def told() -> Counter[tuple[str, object]]:
    rows = Delivery.objects.exclude(state="withdrawn").values_list(
        "alert__kind", "alert__camera_id", "alert__site_id"
    )
    return Counter((kind, camera_id or site_id) for kind, camera_id, site_id in rows)


def test_one_of_fifty_dark_sites_is_one_message_that_begins_and_one_that_ends_for_each_who_subscribes(
    request: pytest.FixtureRequest,
) -> None:
    of_each = 200 if request.config.getoption("--long") else 4
    names = ("Control room", "Night shift", "Caretaker")
    for name in names:
        subscribe(name=name, grace_seconds=60)
    sites = [make_site(f"Site {number}", now=NOW) for number in range(50)]
    everybody = [register(site, number) for site in sites for number in range(of_each)]
    report_contact(everybody, NOW)
    record_status(Turn(NOW))
    dark = [camera for camera in everybody if camera.site_id == sites[7].pk]
    lit = [camera for camera in everybody if camera.site_id != sites[7].pk]
    alone = dark[0]

    for moments, reporting in (
        ((40, 70), [*dark[1:], *lit]),
        ((200, 3_600), everybody),
        ((3_640, 3_665, 3_700, 3_900), lit),
        ((4_000, 7_600), everybody),
        ((7_640, 7_700), [*dark[1:], *lit]),
    ):
        for seconds in moments:
            report_contact(reporting, NOW + timedelta(seconds=seconds))
            record_status(Turn(NOW + timedelta(seconds=seconds)))

    of_camera = [("camera.offline", alone.pk), ("camera.recovered", alone.pk), ("camera.offline", alone.pk)]
    of_site = [("site.silent", sites[7].pk), ("site.heard", sites[7].pk)]
    assert told() == Counter(len(names) * [*of_camera, *of_site])


def register(site: Site, number: int) -> Camera:
    times = dict.fromkeys(("created_at", "updated_at", "desired_state_at"), STARTED)
    camera: Camera = Camera.objects.create(
        name=f"{site.name}, {number}",
        site=site,
        desired_state="running",
        expected_interval_seconds=INTERVAL,
        **times,
    )
    CameraVitals.objects.create(camera=camera)
    return camera


@pytest.mark.parametrize("shape", SHAPES)
def test_an_outage_is_told_by_its_cause_once_and_what_was_alone_for_itself(
    shape: str, request: pytest.FixtureRequest
) -> None:
    subscribe()
    sites = [
        fleet(AT_A_SITE, site=make_site(f"Site {number}", now=NOW), interval=INTERVAL) for number in range(SITES)
    ]
    others = fleet(ALONE, interval=INTERVAL)
    everybody = [*(camera for site in sites for camera in site), *others]
    record_status(Turn(NOW - timedelta(seconds=5)))

    for seed in range(100 if request.config.getoption("--long") else 2):
        Delivery.objects.all().delete()
        Incident.objects.all().delete()
        outage = generate(shape, seed, sites, others)
        # Hours apart: nothing is taken for the same again, or for a camera that goes on and off.
        live_through(outage, everybody, NOW + timedelta(hours=2 * seed))

        assert told() == outage.told, (shape, seed)
        assert not Incident.objects.holding().exists(), (shape, seed)
