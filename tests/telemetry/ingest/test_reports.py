"""What workers say of themselves: the contract of reports, by every endpoint, on either database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from cameras import actions
from cameras.models import Camera, CameraVitals, DesiredState, Report, StatusDirty
from cameras.reasons import WORKER_REASONS
from telemetry.models import Sample
from tests.factories import AUTHOR, SECRET, ApiClient, make_camera, make_site, make_token

RUNNING = {"phase": "running"}
FAILED = {"phase": "failed", "reason": "stream_unauthorized"}


def started(name: str = "Gate", **values: Any) -> Camera:
    return make_camera(name, desired_state="running", now=datetime.now(UTC) - timedelta(seconds=1), **values)


def detail(camera: Camera) -> Any:
    return ApiClient(make_token("viewer")).get(f"/cameras/{camera.pk}").json()


def vitals_of(camera: Camera) -> CameraVitals:
    return CameraVitals.objects.get(pk=camera.pk)


def sample(ago: float = 0, **values: Any) -> dict[str, Any]:
    timestamp = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    return {"timestamp": timestamp, "occupancy": 1, "confidence": 0.5, **values}


def set_epoch(camera: Camera, epoch: int) -> None:
    CameraVitals.objects.filter(pk=camera.pk).update(epoch=epoch, claimed_epoch=epoch)


# --- One report ---------------------------------------------------------------------------------------------


def test_a_report_is_answered_with_the_receipt_of_a_sample(worker_endpoint: Any) -> None:
    camera = started()

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}/report", RUNNING)

    receipt = answer.json()
    receipt.pop("server_time")
    assert answer.status_code == 200
    assert receipt == {"accepted": 1, "duplicates": 0, "desired_state": "running", "generation": 1}
    shown = detail(camera)
    assert (shown["status"], shown["report"]["phase"]) == ("pending", "running")


def test_a_worker_that_failed_shows_with_its_reason_and_message_and_a_sample_clears_it(
    worker_endpoint: Any,
) -> None:
    camera = started()

    worker_endpoint.post(f"/telemetry/{camera.pk}/report", {**FAILED, "message": "401 from the camera"})

    shown = detail(camera)
    assert (shown["status"], shown["status_reason"].partition(":")[0]) == ("failing", "stream_unauthorized")
    (condition,) = shown["conditions"]
    assert (condition["type"], condition["message"]) == ("WorkerFailed", "401 from the camera")
    assert StatusDirty.objects.filter(pk=camera.pk).exists()
    StatusDirty.objects.all().delete()
    worker_endpoint.post(f"/telemetry/{camera.pk}", sample())
    shown = detail(camera)
    assert (shown["status"], shown["conditions"]) == ("healthy", [])
    assert StatusDirty.objects.filter(pk=camera.pk).exists()


def test_contact_that_is_no_sample_is_no_health(worker_endpoint: Any) -> None:
    camera = started()
    worker_endpoint.post(f"/telemetry/{camera.pk}", {"timestamp": sample(-90)["timestamp"], **sample(-90)})

    shown = detail(camera)

    assert (shown["status"], [each["type"] for each in shown["conditions"]]) == ("pending", ["ClockWrong"])


def test_a_sample_before_the_failure_clears_nothing(worker_endpoint: Any) -> None:
    camera = started()
    failed = {**FAILED, "timestamp": sample(5)["timestamp"]}
    worker_endpoint.post(f"/telemetry/{camera.pk}/report", failed)

    worker_endpoint.post(f"/telemetry/{camera.pk}", sample(6))
    assert detail(camera)["status"] == "failing"
    worker_endpoint.post(f"/telemetry/{camera.pk}", sample(4, zone="a"))
    assert detail(camera)["status"] == "healthy"


def test_a_report_that_is_not_newer_is_contact_only(worker_endpoint: Any) -> None:
    camera = started()
    newer, older = sample(1)["timestamp"], sample(2)["timestamp"]
    worker_endpoint.post(f"/telemetry/{camera.pk}/report", {**RUNNING, "timestamp": newer})

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}/report", {**FAILED, "timestamp": older})

    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (0, 1)
    assert detail(camera)["report"]["phase"] == "running"
    assert vitals_of(camera).failed_at is None


def test_a_failure_goes_on_until_a_stop_or_a_new_generation(worker_endpoint: Any) -> None:
    camera = started()
    worker_endpoint.post(f"/telemetry/{camera.pk}/report", FAILED)
    worker_endpoint.post(f"/telemetry/{camera.pk}/report", RUNNING)
    assert detail(camera)["status"] == "failing"

    actions.update_camera(camera_id=camera.pk, values={"model_config": {"a": 1}}, by=AUTHOR, now=datetime.now(UTC))

    assert detail(camera)["status"] == "pending"


def test_a_report_of_stopping_is_contact_for_nothing_else(worker_endpoint: Any) -> None:
    camera = started()
    now = datetime.now(UTC)
    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=now)

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}/report", {"phase": "stopping"})

    assert (answer.json()["desired_state"], detail(camera)["status"]) == ("stopped", "stopping")
    assert vitals_of(camera).last_contact is None


def test_null_is_as_good_as_absent_and_what_is_not_known_is_named(worker_endpoint: Any) -> None:
    camera = started()
    nulls = dict.fromkeys(("reason", "message", "timestamp", "generation", "worker", "host", "epoch", "metrics"))

    answer = worker_endpoint.post(
        f"/telemetry/{camera.pk}/report", {**RUNNING, **nulls, "gpu": {"reason": 3}, "pa ss": 1}
    )

    assert (answer.status_code, answer.json()["ignored"]) == (200, ["gpu", "(unknown)"])


def test_everything_that_is_said_is_shown(worker_endpoint: Any) -> None:
    camera = started()
    said = {
        "phase": "running",
        "message": "Zwölf Bilder\nje Sekunde",
        "timestamp": "2026-01-01T12:00:00.5+01:00",
        "generation": 1,
        "worker": "worker-1.north",
        "version": "1.2.3",
        "host": "node-7",
        "metrics": {"fps": 12, "gpu.memory_used": 0.5},
    }

    worker_endpoint.post(f"/telemetry/{camera.pk}/report", said)

    shown = detail(camera)["report"]
    assert datetime.fromisoformat(shown.pop("received_at")) <= datetime.now(UTC)
    assert shown.pop("timestamp") == "2026-01-01T11:00:00.500000Z"
    said.pop("timestamp")
    assert shown == {**said, "reason": "", "epoch": None}


@pytest.mark.parametrize("field", ["message", "host", "version"])
def test_a_password_in_a_text_is_masked_wherever_it_is_shown(worker_endpoint: Any, field: str) -> None:
    camera = started()
    text = f"could not open rtsp://user:{SECRET}@10.0.0.5/a"

    worker_endpoint.post(f"/telemetry/{camera.pk}/report", {**FAILED, field: text})

    assert SECRET not in json.dumps(detail(camera))
    stored = getattr(Report.objects.get(pk=camera.pk), field)
    assert stored == text.replace(SECRET, "***")


#: A body, and the field that the 400 names.
BAD = [
    ({}, "phase"),
    ({"phase": None}, "phase"),
    ({"phase": "failed"}, "reason"),
    ({"phase": "failed", "reason": None}, "reason"),
    ({"phase": "failed", "reason": "meteor"}, "reason"),
    ({"phase": "dancing"}, "phase"),
    ({"phase": 1}, "phase"),
    ({**RUNNING, "message": "x" * 501}, "message"),
    ({**RUNNING, "message": "nul\0"}, "message"),
    ({**RUNNING, "worker": "two words"}, "worker"),
    ({**RUNNING, "worker": "x" * 65}, "worker"),
    ({**RUNNING, "host": "x" * 201}, "host"),
    ({**RUNNING, "timestamp": "yesterday"}, "timestamp"),
    ({**RUNNING, "generation": -1}, "generation"),
    ({**RUNNING, "generation": 1.5}, "generation"),
    ({**RUNNING, "epoch": -1}, "epoch"),
    ({**RUNNING, "epoch": 10**11}, "epoch"),
    ({**RUNNING, "metrics": {"fps": "fast"}}, "metrics"),
    ({**RUNNING, "metrics": {"fps": True}}, "metrics"),
    ({**RUNNING, "metrics": {f"m{number}": number for number in range(17)}}, "metrics"),
    ({**RUNNING, "metrics": {"two words": 1}}, "metrics"),
    ({**RUNNING, "metrics": []}, "metrics"),
    (b'{"phase": "running", "metrics": {"fps": NaN}}', ""),
    (b'{"phase": "running", "metrics": {"fps": 1e999}}', "metrics"),
    (b'{"phase": "running", "phase": "failed"}', "phase"),
    (b"[]", ""),
    (b"", ""),
]


@pytest.mark.parametrize(("body", "field"), BAD)
def test_a_bad_report_is_400_that_names_the_field(worker_endpoint: Any, body: Any, field: str) -> None:
    camera = started()

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}/report", body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.json()
    assert not Report.objects.exists()
    assert vitals_of(camera).last_contact is None


def test_a_report_of_a_megabyte_is_413(worker_endpoint: Any) -> None:
    answer = worker_endpoint.post(f"/telemetry/{started().pk}/report", {**RUNNING, "message": "x" * 2**20})

    assert answer.status_code == 413


def test_unknown_cameras_are_404_and_those_of_others_403(endpoints: Any) -> None:
    north, south = make_site("North"), make_site("South")
    camera = started(site=south)
    bound = endpoints.as_role("worker", north)

    assert bound.post(f"/telemetry/{camera.pk}/report", RUNNING).status_code == 403
    assert bound.post(f"/telemetry/{uuid4()}/report", RUNNING).status_code == 404
    assert bound.post("/telemetry/nonsense/report", RUNNING).status_code == 404
    assert endpoints.as_role("viewer").post(f"/telemetry/{camera.pk}/report", RUNNING).status_code == 403
    assert not Report.objects.exists()


# --- Several ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_a_batch_is_judged_item_by_item_in_its_order(worker_endpoint: Any, content_type: str) -> None:
    first, second = started("first"), started("second")
    items = [
        {"camera_id": str(first.pk), "phase": "starting", "generation": 0},
        {"camera_id": str(second.pk), "phase": "dancing"},
        {"camera_id": str(uuid4()), **RUNNING},
        {"camera_id": str(first.pk), **FAILED, "temperature": 3},
        {"camera_id": "nonsense", **RUNNING},
    ]
    body = json.dumps(items) if content_type == "application/json" else "\n".join(map(json.dumps, items))

    answer = worker_endpoint.post("/telemetry/reports", body.encode(), content_type=content_type)

    receipt = answer.json()
    receipt.pop("server_time")
    assert answer.status_code == 200
    assert [(error["index"], error["code"], error["field"]) for error in receipt.pop("errors")] == [
        (1, "invalid", "phase"),
        (2, "unknown_camera", "camera_id"),
        (4, "invalid", "camera_id"),
    ]
    assert receipt == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": 3,
        "stop": [],
        "outdated": {str(first.pk): 1},
        "ignored": ["temperature"],
    }
    assert detail(first)["status_reason"].startswith("stream_unauthorized")


def test_a_batch_of_five_thousand_reports_is_taken(worker_endpoint: Any) -> None:
    cameras = [started(str(number)) for number in range(3)]
    items = [{"camera_id": str(cameras[n % 3].pk), **RUNNING, "metrics": {"n": n}} for n in range(5_000)]

    answer = worker_endpoint.post("/telemetry/reports", items)

    assert answer.json()["accepted"] == 5_000
    assert detail(cameras[0])["report"]["metrics"] == {"n": 4_998}
    assert worker_endpoint.post("/telemetry/reports", [*items, items[0]]).status_code == 413


# --- Epochs -------------------------------------------------------------------------------------------------


def test_a_report_with_an_older_epoch_is_fenced_and_moves_nothing_else(worker_endpoint: Any) -> None:
    camera = started()
    set_epoch(camera, 100)

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}/report", {**FAILED, "epoch": 99})

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["desired_state"]) == (409, "fenced", "stopped")
    assert problem["epoch"] == 100
    vitals = vitals_of(camera)
    assert (vitals.last_contact, vitals.failed_at, vitals.fenced_count) == (None, None, 1)
    batch = worker_endpoint.post("/telemetry/reports", [{"camera_id": str(camera.pk), **FAILED, "epoch": 99}])
    assert (batch.status_code, batch.json()["fenced"], batch.json()["stop"]) == (400, {str(camera.pk): 100}, [])


def test_an_epoch_that_nobody_claimed_here_is_taken_over_and_shown(worker_endpoint: Any) -> None:
    camera = started()
    worker_endpoint.post(f"/telemetry/{camera.pk}", sample())
    epoch = int(datetime.now(UTC).timestamp())

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}/report", {**RUNNING, "epoch": epoch})

    assert answer.status_code == 200
    assert vitals_of(camera).epoch == epoch
    assert [each["type"] for each in detail(camera)["conditions"]] == ["PlacementUnknown"]


def test_the_generation_is_that_of_the_highest_epoch_and_does_not_go_back_within_it(worker_endpoint: Any) -> None:
    camera = started()
    set_epoch(camera, 10)
    path = f"/telemetry/{camera.pk}/report"

    for epoch, generation, observed in [(10, 3, 3), (10, 2, 3), (11, 1, 1), (None, 2, 2), (11, 1, 2), (12, 0, 0)]:
        worker_endpoint.post(path, {**RUNNING, "epoch": epoch, "generation": generation})
        assert vitals_of(camera).observed_generation == observed, (epoch, generation)


def test_two_workers_that_send_in_turn_contend(worker_endpoint: Any) -> None:
    camera = started()
    path = f"/telemetry/{camera.pk}/report"
    worker_endpoint.post(f"/telemetry/{camera.pk}", sample())

    for worker, contended in [("a", False), ("a", False), ("b", False), ("b", False), ("a", True)]:
        worker_endpoint.post(path, {**RUNNING, "worker": worker})
        types = [each["type"] for each in detail(camera)["conditions"]]
        assert types == (["Contended"] if contended else []), worker


def test_each_reason_is_shown(worker_endpoint: Any) -> None:
    camera = started()
    for reason in WORKER_REASONS:
        worker_endpoint.post(f"/telemetry/{camera.pk}/report", {"phase": "failed", "reason": reason})
        assert detail(camera)["status_reason"].partition(":")[0] == reason


# --- Samples with an epoch ----------------------------------------------------------------------------------


def test_a_sample_with_an_older_epoch_is_fenced_and_its_receipt_stops_the_worker(worker_endpoint: Any) -> None:
    camera = started()
    set_epoch(camera, 100)

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", sample(epoch=99, worker="a"))

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["desired_state"]) == (409, "fenced", "stopped")
    assert (problem["epoch"], problem["type"]) == (100, "urn:problem-type:controlplane:worker-fenced")
    vitals = vitals_of(camera)
    assert (vitals.last_contact, vitals.accepted_count, vitals.fenced_count) == (None, 0, 1)
    assert not Sample.objects.exists()
    assert worker_endpoint.post(f"/telemetry/{camera.pk}", sample(epoch=100)).status_code == 201
    assert [each["reason"] for each in detail(camera)["conditions"]] == ["fenced"]


def test_a_batch_names_who_is_fenced_while_stop_says_what_the_cameras_should_do(worker_endpoint: Any) -> None:
    fenced, stopped, quiet = started("fenced"), make_camera("stopped"), started("quiet")
    set_epoch(fenced, 100)
    items = [
        {"camera_id": str(fenced.pk), **sample(3, epoch=99)},
        {"camera_id": str(fenced.pk), **sample(2, epoch=100, generation=0)},
        {"camera_id": str(stopped.pk), **sample(2, epoch=1)},
        {"camera_id": str(quiet.pk), **sample(2)},
        {"camera_id": str(uuid4()), **sample(2, epoch=1)},
    ]

    receipt = worker_endpoint.post("/telemetry", items).json()

    receipt.pop("server_time")
    assert [(error["index"], error["code"]) for error in receipt.pop("errors")] == [
        (0, "fenced"),
        (4, "unknown_camera"),
    ]
    assert receipt == {
        "accepted": 3,
        "duplicates": 0,
        "rejected": 2,
        "stop": [str(stopped.pk)],
        "fenced": {str(fenced.pk): 100},
        "outdated": {str(fenced.pk): 1},
    }


def test_a_large_batch_with_epochs_is_fenced_too(worker_endpoint: Any) -> None:
    camera = started()
    set_epoch(camera, 100)
    items = [{"camera_id": str(camera.pk), **sample(n + 1, epoch=99 + n % 2)} for n in range(400)]

    receipt = worker_endpoint.post("/telemetry", items).json()

    assert (receipt["accepted"], receipt["rejected"]) == (200, 200)
    assert Sample.objects.count() == vitals_of(camera).accepted_count == 200


def test_samples_show_contention_and_an_epoch_that_nobody_claimed(worker_endpoint: Any) -> None:
    camera = started()
    path, epoch = f"/telemetry/{camera.pk}", int(datetime.now(UTC).timestamp())
    for number, worker in enumerate(["a", "b", "a"]):
        assert worker_endpoint.post(path, sample(3 - number, worker=worker, epoch=epoch)).status_code == 201

    assert [each["type"] for each in detail(camera)["conditions"]] == ["PlacementUnknown", "Contended"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"epoch": 10**11}, "epoch"),
        ({"epoch": -1}, "epoch"),
        ({"epoch": 1.5}, "epoch"),
        ({"worker": "a b"}, "worker"),
    ],
)
def test_a_bad_sender_is_400(worker_endpoint: Any, values: dict[str, Any], field: str) -> None:
    answer = worker_endpoint.post(f"/telemetry/{started().pk}", sample(**values))

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not Sample.objects.exists()
