"""A camera that fails: told of at once, exactly once, whatever comes in between."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

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


def started(name: str = "Gate") -> Camera:
    return make_camera(name, desired_state="running", now=datetime.now(UTC) - timedelta(seconds=5))


def sample() -> dict[str, Any]:
    return {"timestamp": datetime.now(UTC).isoformat(), "occupancy": 1, "confidence": 0.5}


def detect() -> None:
    now = datetime.now(UTC)
    tick(now)
    record_transitions(now)


def kinds() -> list[str]:
    return list(Alert.objects.order_by("at", "created_at", "kind").values_list("kind", flat=True))


@pytest.mark.django_db
def test_a_failure_and_its_end_are_told_once_however_often_they_are_reported(worker: ApiClient) -> None:
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


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_faults_in_any_order_lost_and_doubled_leave_the_right_status_and_are_told_once(
    worker: ApiClient, seed: int
) -> None:
    chance = random.Random(seed)
    cameras = [started(str(number)) for number in range(5)]
    failing: dict[Any, str | None] = dict.fromkeys(camera.pk for camera in cameras)
    told = 0
    viewer = ApiClient(make_token("viewer"))
    for _ in range(40):
        camera = chance.choice(cameras)
        if chance.random() < 0.6:
            reason = chance.choice(list(WORKER_REASONS))
            for _ in range(chance.randrange(3)):  # lost, once, twice
                worker.post(f"/telemetry/{camera.pk}/report", {"phase": "failed", "reason": reason})
                told += failing[camera.pk] is None
                failing[camera.pk] = reason
        else:
            worker.post(f"/telemetry/{camera.pk}", sample())
            told += failing[camera.pk] is not None
            failing[camera.pk] = None
        detect()
        shown = {item["id"]: item for item in viewer.get("/cameras").json()}
        for pk, expected in failing.items():
            item = shown[str(pk)]
            assert (item["status"] == "failing") == (expected is not None), item
            assert expected is None or item["status_reason"].startswith(f"{expected}:")

    assert Alert.objects.filter(kind__in=("camera.failing", "camera.working")).count() == told


@pytest.mark.django_db(transaction=True)
def test_who_subscribes_to_failing_hears_of_it_long_before_the_next_round(
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
