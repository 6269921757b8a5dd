"""Races between workers, orchestrators and the storing of a group: who was replaced is refused, from the answer on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import serializers
from django.db import connection

from cameras import actions, restores
from cameras.models import Camera, CameraVitals, Placement, Report
from telemetry.models import Sample
from tests.at_once import at_once
from tests.factories import AUTHOR, ApiClient, make_camera, make_token
from tests.slow_statements import slow, waits_for_a_lock
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="on SQLite one transaction is at work"
)

A = {"node": "north-1", "container": "a", "phase": "running"}
B = {"node": "north-2", "container": "b", "phase": "running"}


@pytest.fixture
def orchestrator(transactional_db: None) -> ApiClient:
    return ApiClient(make_token("orchestrator"))


@pytest.fixture
def worker(transactional_db: None) -> ApiClient:
    return ApiClient(make_token("worker"))


def started(name: str = "Gate") -> Camera:
    return make_camera(name, desired_state="running", now=datetime.now(UTC) - timedelta(seconds=1))


def claim(client: ApiClient, camera: Camera, place: dict[str, Any], **said: Any) -> Any:
    return client.request("PUT", f"/cameras/{camera.pk}/placement", {**place, **said})


def samples(epoch: int, count: int = 1) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "timestamp": (now - timedelta(milliseconds=number)).isoformat(),
            "occupancy": 1,
            "confidence": 0.5,
            "epoch": epoch,
        }
        for number in range(count)
    ]


# --- A claim while a group is being stored --------------------------------------------------------------------


def send_sample(worker: ApiClient, camera: Camera, epoch: int) -> str:
    answer = worker.post(f"/telemetry/{camera.pk}", samples(epoch)[0])
    return "stored" if answer.status_code == 201 else str(answer.json()["code"])


def send_large_batch(worker: ApiClient, camera: Camera, epoch: int) -> str:
    """Large enough to be written by COPY."""
    items = [{"camera_id": str(camera.pk), **sample} for sample in samples(epoch, 400)]
    receipt = worker.post("/telemetry", items).json()
    (outcome,) = {error["code"] for error in receipt["errors"]} or {"stored"}
    assert (receipt["accepted"], receipt["rejected"]) in ((400, 0), (0, 400))
    return str(outcome)


def send_report(worker: ApiClient, camera: Camera, epoch: int) -> str:
    report = {"phase": "failed", "reason": "decode_error", "epoch": epoch}
    answer = worker.post(f"/telemetry/{camera.pk}/report", report)
    return "stored" if answer.status_code == 200 else str(answer.json()["code"])


Send = Callable[[ApiClient, Camera, int], str]
SENDERS = [
    pytest.param(send_sample, "telemetry_sample", id="sample"),
    pytest.param(send_large_batch, "telemetry_sample", id="large batch"),
    pytest.param(send_report, "cameras_report", id="report"),
]


def in_thread(threads: ThreadPoolExecutor, work: Callable[[], Any]) -> "Future[Any]":
    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    return threads.submit(run)


def is_stored(camera: Camera) -> bool:
    return Sample.objects.filter(camera_id=camera.pk).exists() or Report.objects.filter(pk=camera.pk).exists()


@on_postgresql
@pytest.mark.parametrize(("send", "table"), SENDERS)
def test_a_claim_waits_for_the_group_that_is_being_stored_and_then_fences_the_next(
    orchestrator: ApiClient, worker: ApiClient, send: Send, table: str
) -> None:
    camera = started()
    first = claim(orchestrator, camera, A).json()["epoch"]
    with ThreadPoolExecutor(2) as threads:
        with slow(table, "INSERT") as is_under_way:
            sent = in_thread(threads, lambda: send(worker, camera, first))
            wait_until(is_under_way)  # the epoch was judged, and nothing is written yet
            claimed = in_thread(threads, lambda: claim(orchestrator, camera, B))
            wait_until(waits_for_a_lock)
            assert [claimed.done(), sent.done()] == [False, False]
        second = claimed.result(10).json()["epoch"]

        assert sent.result(10) == "stored", "its answer came before the claim's"
    assert second > first
    assert send(worker, camera, first) == "fenced"


@on_postgresql
@pytest.mark.parametrize(("send", "table"), SENDERS)
def test_a_group_that_began_before_the_claim_was_answered_stores_nothing_after_it(
    orchestrator: ApiClient, worker: ApiClient, send: Send, table: str
) -> None:
    camera = started()
    first = claim(orchestrator, camera, A).json()["epoch"]
    with ThreadPoolExecutor(2) as threads:
        with slow("cameras_placement", "INSERT") as is_under_way:
            claimed = in_thread(threads, lambda: claim(orchestrator, camera, B))
            wait_until(is_under_way)  # the vitals are locked; nobody else sees the new epoch yet
            sent = in_thread(threads, lambda: send(worker, camera, first))
            wait_until(waits_for_a_lock)
            assert [claimed.done(), sent.done()] == [False, False]
        second = claimed.result(10).json()["epoch"]

        assert sent.result(10) == "fenced"
    assert not is_stored(camera)
    assert send(worker, camera, second) == "stored"


def test_of_a_group_that_holds_both_workers_only_the_newer_one_counts_from_where_it_first_stands(
    orchestrator: ApiClient, worker: ApiClient
) -> None:
    """The newer epoch may be known by its worker alone, as after a restore of the database."""
    camera, other = started(), started("Yard")
    first = claim(orchestrator, camera, A).json()["epoch"]
    newer = first + 5
    order = [(camera, first), (other, first), (camera, newer), (camera, first), (other, first), (camera, newer)]
    items = [
        {"camera_id": str(each.pk), **sample, "epoch": epoch}
        for (each, epoch), sample in zip(order, samples(0, len(order)), strict=True)
    ]

    receipt = worker.post("/telemetry", items).json()

    assert [(error["index"], error["code"]) for error in receipt["errors"]] == [(3, "fenced")]
    assert (receipt["accepted"], receipt["fenced"]) == (5, {str(camera.pk): newer})
    assert Sample.objects.filter(camera_id=camera.pk).count() == 3


# --- Orchestrators ----------------------------------------------------------------------------------------------


def test_of_many_orchestrators_that_replace_the_same_claim_at_once_one_wins(orchestrator: ApiClient) -> None:
    camera = started()
    after = claim(orchestrator, camera, A).json()["epoch"]
    clients = [ApiClient(make_token("orchestrator", name=f"number {number}")) for number in range(6)]

    def take(client: ApiClient, container: str) -> Callable[[], Any]:
        return lambda: claim(client, camera, {**B, "container": container}, after=after)

    answers = at_once(*[take(client, str(number)) for number, client in enumerate(clients)])

    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert {(answer.status_code, answer.json()["code"]) for answer in lost} == {(409, "claimed")}
    assert {answer.json()["present"]["epoch"] for answer in lost} == {won["epoch"]}
    assert Placement.objects.get(pk=camera.pk).epoch == won["epoch"] > after


def test_a_claim_sent_twice_at_once_is_one_claim(orchestrator: ApiClient) -> None:
    camera = started()
    after = claim(orchestrator, camera, A).json()["epoch"]

    answers = at_once(*[lambda: claim(orchestrator, camera, B, after=after)] * 5)

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.json()["epoch"] for answer in answers}) == 1


def test_claims_without_a_condition_that_come_at_once_each_have_an_epoch_of_their_own(
    orchestrator: ApiClient,
) -> None:
    camera = started()

    answers = at_once(
        *[
            lambda number=number: claim(orchestrator, camera, {**A, "container": str(number)})
            for number in range(6)
        ]  # type: ignore[misc]
    )

    epochs = sorted(answer.json()["epoch"] for answer in answers)
    assert len(set(epochs)) == 6
    assert CameraVitals.objects.get(pk=camera.pk).epoch == epochs[-1]


def test_that_the_one_before_has_exited_is_no_news_of_the_one_that_runs(
    orchestrator: ApiClient, worker: ApiClient
) -> None:
    """The orchestrator says late, again and at once with the next report, that a has exited."""
    camera = started()
    first = claim(orchestrator, camera, A).json()["epoch"]
    second = claim(orchestrator, camera, B).json()["epoch"]
    assert send_sample(worker, camera, second) == "stored"

    def report(place: dict[str, Any], epoch: int, **said: Any) -> Callable[[], Any]:
        return lambda: claim(orchestrator, camera, {**place, **said}, epoch=epoch)

    exited = report(A, first, phase="failed", reason="crash_loop")
    answers = at_once(exited, exited, report(B, second), lambda: send_report(worker, camera, first))

    assert [answer.json().get("code") for answer in answers[:3]] == ["superseded", "superseded", None]
    assert answers[3] == "fenced"
    shown = orchestrator.get(f"/cameras/{camera.pk}").json()
    assert (shown["placement"]["phase"], shown["placement"]["container"]) == ("running", "b")
    assert [each["type"] for each in shown["conditions"]] == ["Contended"]


# --- A restore in between ---------------------------------------------------------------------------------------


def test_a_database_restored_to_before_a_claim_lets_the_newer_worker_go_on_and_fences_the_older(
    orchestrator: ApiClient, worker: ApiClient
) -> None:
    camera = started()
    first = claim(orchestrator, camera, A).json()["epoch"]
    backup = serializers.serialize("json", [CameraVitals.objects.get(), Placement.objects.get()])
    second = claim(orchestrator, camera, B).json()["epoch"]
    for row in serializers.deserialize("json", backup):
        row.save()

    assert send_sample(worker, camera, second) == "stored"

    assert send_sample(worker, camera, first) == "fenced"
    shown = orchestrator.get(f"/cameras/{camera.pk}").json()
    assert [each["type"] for each in shown["conditions"]] == ["PlacementUnknown", "Contended"]
    third = claim(orchestrator, camera, B, after=second).json()["epoch"]
    assert third >= second
    assert send_sample(worker, camera, third) == "stored"


def test_a_camera_that_is_deleted_and_restored_at_once_gives_no_epoch_twice(
    orchestrator: ApiClient, worker: ApiClient
) -> None:
    camera = started()
    for number in range(5):  # in one second, so that the last of them is ahead of the clock
        before = claim(orchestrator, camera, {**A, "container": str(number)}).json()["epoch"]
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=datetime.now(UTC))
    restores.restore_camera(camera_id=camera.pk, by=AUTHOR, now=datetime.now(UTC))

    after = claim(orchestrator, camera, B).json()["epoch"]

    assert after > before
    assert send_sample(worker, camera, before) == "fenced"
    assert send_sample(worker, camera, after) == "stored"


# --- Epochs that nobody has claimed -----------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead_seconds", "is_taken"), [(50, True), (75, False)])
def test_an_epoch_more_than_a_minute_ahead_is_refused_by_name_everywhere_and_stores_nothing(
    orchestrator: ApiClient, worker: ApiClient, ahead_seconds: int, is_taken: bool
) -> None:
    epoch = int(datetime.now(UTC).timestamp()) + ahead_seconds
    sampled, reported, placed = started("Sampled"), started("Reported"), started("Placed")

    answers = [
        worker.post(f"/telemetry/{sampled.pk}", samples(epoch)[0]),
        worker.post(f"/telemetry/{reported.pk}/report", {"phase": "running", "epoch": epoch}),
        claim(orchestrator, placed, A, epoch=epoch),
    ]

    assert [answer.status_code for answer in answers] == ([201, 200, 200] if is_taken else [400] * 3)
    if not is_taken:
        assert [answer.json()["errors"][0]["field"] for answer in answers] == ["epoch"] * 3
    epochs = set(CameraVitals.objects.values_list("epoch", flat=True))
    assert epochs == ({epoch} if is_taken else {0})
    assert [is_stored(sampled), is_stored(reported), Placement.objects.exists()] == [is_taken] * 3
    contacts = CameraVitals.objects.filter(last_contact__isnull=False)
    assert contacts.count() == (2 if is_taken else 0)
