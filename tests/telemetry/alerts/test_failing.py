"""A camera that fails: noticed at once, and notified of exactly once, whatever comes in between."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from cameras import actions
from cameras.models import Camera, DesiredState, StatusDirty
from cameras.reasons import WORKER_REASONS
from telemetry.alerts.models import Alert, Transition
from telemetry.alerts.transitions import record_transitions
from telemetry.ingest.ticks import tick
from telemetry.models import StepRun
from tests.factories import AUTHOR, ApiClient, make_camera, make_token
from tests.manage_process import begin_command, wait_for_line
from tests.telemetry.alerts.conftest import Receiver, subscribe
from tests.waiting import wait_until


@pytest.fixture
def worker() -> ApiClient:
    return ApiClient(make_token("worker"))


def started(name: str = "Gate", **values: Any) -> Camera:
    return make_camera(name, desired_state="running", now=datetime.now(UTC) - timedelta(seconds=5), **values)


def sample() -> dict[str, Any]:
    return {"timestamp": datetime.now(UTC).isoformat(), "occupancy": 1, "confidence": 0.5}


def detect() -> None:
    now = datetime.now(UTC)
    tick(now)
    record_transitions(now)


def kinds() -> list[str]:
    return list(Alert.objects.order_by("at", "created_at", "kind").values_list("kind", flat=True))


@pytest.mark.django_db
def test_a_failure_and_its_end_are_notified_of_once_however_often_they_are_reported(worker: ApiClient) -> None:
    camera = started()
    for _ in range(3):
        worker.post(f"/telemetry/{camera.pk}/report", {"phase": "failed", "reason": "decode_error"})
        detect()
    assert kinds() == ["camera.failing"]
    assert (Alert.objects.get().data["reason"], StatusDirty.objects.count()) == ("decode_error", 0)

    for _ in range(2):
        worker.post(f"/telemetry/{camera.pk}", sample())
        detect()

    assert kinds() == ["camera.failing", "camera.working"]
    assert list(Transition.objects.order_by("at").values_list("to_status", flat=True)) == ["failing", "healthy"]


@pytest.mark.django_db
def test_a_new_configuration_ends_no_failure_until_it_works_and_a_stop_does(worker: ApiClient) -> None:
    mended, stopped = started("mended"), started("stopped")
    for camera in (mended, stopped):
        worker.post(f"/telemetry/{camera.pk}/report", {"phase": "failed", "reason": "model_error"})
    detect()
    actions.update_camera(camera_id=mended.pk, values={"model_config": {"a": 1}}, by=AUTHOR, now=datetime.now(UTC))
    detect()
    assert kinds() == ["camera.failing"] * 2

    worker.post(f"/telemetry/{mended.pk}", sample())
    actions.set_desired_state(
        camera_ids=[stopped.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=datetime.now(UTC)
    )
    detect()

    assert kinds() == ["camera.failing"] * 2 + ["camera.working"] * 2


class Fault(NamedTuple):
    """A report that a worker has sent, which may arrive once, twice, late or never."""

    camera_id: Any
    reason: str
    timestamp: datetime

    def deliver(self, worker: ApiClient) -> None:
        body = {"phase": "failed", "reason": self.reason, "timestamp": self.timestamp.isoformat()}
        assert worker.post(f"/telemetry/{self.camera_id}/report", body).status_code == 200


class Expected:
    """What a camera has to be shown as, and whom that is notified of."""

    def __init__(self) -> None:
        self.status = "pending"
        self.reason: str | None = None
        self.newest_report = datetime.min.replace(tzinfo=UTC)
        self.kinds: list[str] = []

    def arrives(self, fault: Fault) -> None:
        """One that is not newer than another is contact only."""
        if fault.timestamp > self.newest_report:
            self.newest_report = fault.timestamp
            if self.reason is None:
                self.kinds.append("camera.failing")
            self.status, self.reason = "failing", fault.reason

    def has_sample(self) -> None:
        if self.reason is not None:
            self.kinds.append("camera.working")
        self.status, self.reason = "healthy", None


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_faults_in_any_order_lost_doubled_and_late_leave_the_right_status_and_are_notified_of_once(
    worker: ApiClient, viewer: ApiClient, settings: Any, request: pytest.FixtureRequest, seed: int
) -> None:
    """With --long 501 faults by all seeds together."""
    faults = 167 if request.config.getoption("--long") else 25
    settings.ALERT_FLAP_CHANGES = 10_000
    chance = random.Random(seed)
    reasons = list(WORKER_REASONS)
    fleet = [started(str(number), expected_interval_seconds=3600) for number in range(5)]  # none is late
    cameras = {camera.pk: Expected() for camera in fleet}
    under_way: list[Fault] = []
    sent = 0
    while sent < faults or under_way:
        action = chance.random()
        if action < 0.5 and sent < faults:
            fault = Fault(chance.choice(list(cameras)), reasons[sent % len(reasons)], datetime.now(UTC))
            under_way += [fault] * chance.choice((0, 1, 1, 2, 3))
            sent += 1
        elif action < 0.8 and under_way:
            fault = under_way.pop(chance.randrange(len(under_way)))
            fault.deliver(worker)
            cameras[fault.camera_id].arrives(fault)
        else:
            pk = chance.choice(list(cameras))
            assert worker.post(f"/telemetry/{pk}", sample()).status_code == 201
            cameras[pk].has_sample()
        detect()
        for item in viewer.get("/cameras").json():
            expected = cameras[UUID(item["id"])]
            assert item["status"] == expected.status, item
            assert expected.reason is None or item["status_reason"].startswith(f"{expected.reason}:")

    for pk, expected in cameras.items():
        about = Alert.objects.filter(camera_id=pk, kind__in=("camera.failing", "camera.working"))
        assert list(about.order_by("at", "created_at").values_list("kind", flat=True)) == expected.kinds
    assert StatusDirty.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_who_subscribes_to_failing_is_notified_long_before_the_next_round(
    receiver: Receiver, worker: ApiClient
) -> None:
    subscribe(receiver.url, topics=["failing"])
    camera = started()
    tick(datetime.now(UTC))
    loop = begin_command("maintain", "--interval", "3600", WEBHOOK_ALLOWED_NETWORKS="127.0.0.1")
    try:
        wait_for_line(loop, "maintenance started")
        wait_until(lambda: StepRun.objects.filter(name="retention").exists())
        tick(datetime.now(UTC) + timedelta(seconds=2))
        worker.post(f"/telemetry/{camera.pk}/report", {"phase": "failed", "reason": "stream_unauthorized"})
        wait_until(lambda: len(receiver.received) == 1)
    finally:
        loop.terminate()
        loop.communicate(timeout=30)
    assert b"stream_unauthorized" in receiver.received[0][1]
