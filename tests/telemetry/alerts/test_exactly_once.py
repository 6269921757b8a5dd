"""Several processes that notice and notify at the same time, and are killed at it: nothing twice, nothing lost.

`--long` does it with 200 cameras for a minute; else with fewer.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cameras.models import Camera, CameraVitals, KnownStatus
from telemetry.alerts import outbox
from telemetry.alerts.mass_silence import watch_fleet
from telemetry.alerts.models import Alert, Delivery, DeliveryState, Transition
from telemetry.alerts.sending import send_due
from telemetry.alerts.transitions import record_transitions
from tests.at_once import at_once
from tests.factories import make_camera
from tests.manage_process import database_url
from tests.processes import ROOT
from tests.telemetry.alerts.conftest import Receiver, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

INTERVAL = 120
STALE, OFFLINE = timedelta(seconds=3 * INTERVAL), timedelta(seconds=6 * INTERVAL)


def healthy_fleet(count: int) -> list[Camera]:
    """Cameras that are known to be healthy for long, and will be for minutes without another contact."""
    now = datetime.now(UTC)
    cameras = [
        make_camera(
            f"Gate {n}", now=now - timedelta(days=1), desired_state="running", expected_interval_seconds=INTERVAL
        )
        for n in range(count)
    ]
    CameraVitals.objects.update(last_contact=now, last_sample_at=now)
    KnownStatus.objects.bulk_create(
        [KnownStatus(camera=camera, status="healthy", since_at=now - timedelta(hours=5)) for camera in cameras]
    )
    return cameras


class Fleet:
    """Cameras that are silenced and report again, and what must have been stored of it.

    Half as many keep reporting: when nearly all are silent, the last few would be most of the fleet.
    """

    def __init__(self, count: int) -> None:
        self.cameras = healthy_fleet(count + count // 2)[:count]
        self.expected: set[tuple[Any, datetime, str]] = set()

    def _contact(self, camera: Camera, at: datetime) -> None:
        CameraVitals.objects.filter(pk=camera.pk).update(last_contact=at, last_sample_at=at)

    def silence(self, camera: Camera) -> None:
        """Its last contact turns out to be a while ago, up to an hour."""
        contact = datetime.now(UTC) - OFFLINE - timedelta(seconds=random.uniform(1, 2_880))
        self._contact(camera, contact)
        self.expected |= {
            (camera.pk, contact + STALE, "stale"),
            (camera.pk, contact + OFFLINE, "offline"),
        }

    def report_contact(self, camera: Camera) -> None:
        contact = datetime.now(UTC)
        self._contact(camera, contact)
        self.expected.add((camera.pk, contact, "healthy"))

    def stored(self) -> Counter[tuple[Any, datetime, str]]:
        return Counter(Transition.objects.values_list("camera_id", "at", "to_status"))


@pytest.fixture
def processes() -> Iterator[Callable[[int], list["subprocess.Popen[bytes]"]]]:
    """Maintenance loops on the database of this test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(count: int) -> list["subprocess.Popen[bytes]"]:
        new = [
            subprocess.Popen(
                [sys.executable, "manage.py", "maintain", "--interval", "0.1"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "DATABASE_URL": database_url(),
                    "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1",
                    "LOG_LEVEL": "ERROR",
                },
                stderr=subprocess.DEVNULL,
            )
            for _ in range(count)
        ]
        started.extend(new)
        return new

    yield start
    for process in started:
        process.kill()
        process.wait()


def everything_is_delivered() -> bool:
    """Time runs quicker here: pauses after a failure, and claims of those that were killed, are over at once."""
    time.sleep(1)
    return not Delivery.objects.waiting().update(next_attempt_at=datetime.now(UTC))


def test_three_loops_that_are_killed_store_each_transition_once_and_lose_no_webhook(
    processes: Any, receiver: Receiver, request: pytest.FixtureRequest, capsys: Any
) -> None:
    long = request.config.getoption("--long")
    count, kills, pause = (200, 25, 2.0) if long else (40, 2, 1.0)
    fleet = Fleet(count)
    subscribe(receiver.url)

    def slow(handler: Any) -> None:
        time.sleep(0.02)
        handler.send_response(500 if random.random() < 0.05 else 204)
        handler.end_headers()

    receiver.answer = slow
    running = processes(3)
    work: list[Callable[[], None]] = [lambda camera=camera: fleet.silence(camera) for camera in fleet.cameras]  # type: ignore[misc]
    random.shuffle(work)
    camera_ids = {camera.pk for camera in fleet.cameras}
    killed = 0
    share = -(-len(work) // (kills + 1))
    while work:
        for act in work[:share]:
            act()
            time.sleep(pause / share)
        del work[:share]
        if killed < kills:
            victim = running.pop(random.randrange(len(running)))
            victim.send_signal(signal.SIGKILL)
            running += processes(1)
            killed += 1
    offline = Transition.objects.filter(to_status="offline")
    wait_until(lambda: offline.count() >= count, 60)
    for camera in fleet.cameras:
        fleet.report_contact(camera)
    wait_until(lambda: Transition.objects.count() >= 3 * count, 60)
    wait_until(everything_is_delivered, 120)

    stored = fleet.stored()
    assert set(stored) == fleet.expected
    assert set(stored.values()) == {1}
    assert {camera_id for camera_id, *_ in stored} == camera_ids
    alerts = Counter(Alert.objects.values_list("camera_id", "kind"))
    assert alerts == {(pk, kind): 1 for pk in camera_ids for kind in ("camera.offline", "camera.recovered")}
    deliveries = set(map(str, Delivery.objects.values_list("pk", flat=True)))
    assert set(receiver.ids()) == deliveries
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}
    bodies: dict[str, set[bytes]] = {}
    for headers, body in receiver.received:
        bodies.setdefault(headers["webhook-id"], set()).add(body)
    assert {len(same) for same in bodies.values()} == {1}
    with capsys.disabled():
        if long:
            print(  # noqa: T201
                f"\n{count} cameras, 3 loops, {killed} killed: {len(stored)} transitions stored once,"
                f" {len(deliveries)} webhooks delivered in {len(receiver.received)} attempts"
            )


def test_without_the_lock_of_maintenance_three_at_once_store_each_transition_once(receiver: Receiver) -> None:
    fleet = Fleet(30)
    subscribe(receiver.url)
    for camera in fleet.cameras:
        fleet.silence(camera)
    now = datetime.now(UTC)

    def look() -> None:
        watch_fleet(now)
        record_transitions(now)
        send_due(now)

    at_once(*[look] * 3)

    assert set(fleet.stored()) == fleet.expected
    assert Alert.objects.count() == Delivery.objects.count() == 30
    assert Counter(receiver.ids()) == Counter(map(str, Delivery.objects.values_list("pk", flat=True)))


def test_two_that_claim_at_once_never_take_the_same(receiver: Receiver) -> None:
    subscribe(receiver.url)
    now = datetime.now(UTC)
    outbox.notify([Alert(kind="camera.offline", at=now, created_at=now, text=str(n)) for n in range(40)], now)

    claims = at_once(*[lambda: outbox.claim(now, 10, 10, ())] * 4)
    taken = [delivery.pk for claimed in claims for delivery in claimed]

    assert len(taken) == len(set(taken)) >= 10
