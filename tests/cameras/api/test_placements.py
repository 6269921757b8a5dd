"""Placements: claims, reports on them, and their end, as an orchestrator meets them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from cameras import actions
from cameras.models import Camera, CameraVitals, DesiredState, Placement, StatusDirty
from tests.factories import AUTHOR, SECRET, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db

A = {"node": "north-1", "container": "a", "image": "vision:1", "phase": "pulling"}
B = {**A, "node": "north-2", "container": "b"}


@pytest.fixture
def orchestrator() -> ApiClient:
    return ApiClient(make_token("orchestrator"))


@pytest.fixture
def worker() -> ApiClient:
    return ApiClient(make_token("worker"))


def started(name: str = "Gate", **values: Any) -> Camera:
    return make_camera(name, desired_state="running", now=datetime.now(UTC) - timedelta(seconds=1), **values)


def put(client: ApiClient, camera: Camera, **said: Any) -> Any:
    return client.request("PUT", f"/cameras/{camera.pk}/placement", said)


def detail(client: ApiClient, camera: Camera) -> Any:
    return client.get(f"/cameras/{camera.pk}").json()


def test_a_claim_gives_an_epoch_and_what_the_worker_should_do(orchestrator: ApiClient) -> None:
    camera, before = started(), int(datetime.now(UTC).timestamp())

    answer = put(orchestrator, camera, **A)

    assert answer.status_code == 200, answer.content
    epoch = answer.json()["epoch"]
    assert before <= epoch <= before + 60
    assert answer.json() == {
        "camera_id": str(camera.pk),
        "epoch": epoch,
        "desired_state": "running",
        "generation": 1,
    }
    shown = detail(orchestrator, camera)
    placement = shown["placement"]
    assert datetime.fromisoformat(placement.pop("reported_at")) <= datetime.now(UTC)
    assert placement == {**A, "epoch": epoch, "reason": "", "message": "", "observed_generation": None}
    assert (shown["status"], shown["conditions"], shown["generation"]) == ("pending", [], 1)


def test_a_claim_raises_the_epoch_where_the_place_differs_and_a_repetition_does_not(
    orchestrator: ApiClient,
) -> None:
    camera = started()
    first = put(orchestrator, camera, **A).json()["epoch"]

    assert put(orchestrator, camera, **A).json()["epoch"] == first
    second = put(orchestrator, camera, **B).json()["epoch"]
    assert second > first
    assert put(orchestrator, camera, **B, after=first).json()["epoch"] == second  # its answer was lost
    assert put(orchestrator, camera, **A).json()["epoch"] > second


def test_of_two_orchestrators_that_replace_the_same_claim_one_loses(orchestrator: ApiClient) -> None:
    camera = started()
    first = put(orchestrator, camera, **A, after=0).json()["epoch"]
    won = put(orchestrator, camera, **B, after=first)

    lost = put(orchestrator, camera, **{**B, "container": "c"}, after=first)

    assert won.status_code == 200
    assert (lost.status_code, lost.json()["code"]) == (409, "claimed")
    assert lost.json()["present"]["container"] == "b"
    assert put(orchestrator, camera, **{**B, "container": "c"}, after=0).status_code == 409


def test_a_late_report_of_the_one_before_is_superseded_and_changes_nothing(orchestrator: ApiClient) -> None:
    camera = started()
    first = put(orchestrator, camera, **A).json()["epoch"]
    second = put(orchestrator, camera, **B).json()["epoch"]

    late = put(orchestrator, camera, epoch=first, phase="failed", reason="crash_loop")

    assert (late.status_code, late.json()["code"]) == (409, "superseded")
    assert late.json()["present"]["epoch"] == second
    assert detail(orchestrator, camera)["placement"]["phase"] == "pulling"


def test_a_report_never_raises_and_belongs_to_its_claim(orchestrator: ApiClient) -> None:
    camera = started()
    epoch = put(orchestrator, camera, **A).json()["epoch"]

    assert put(orchestrator, camera, epoch=epoch, phase="running").json()["epoch"] == epoch
    assert put(orchestrator, camera, **{**A, "phase": "running"}, epoch=epoch).status_code == 200
    other = put(orchestrator, camera, **B, epoch=epoch)
    assert (other.status_code, other.json()["code"]) == (409, "not_yours")
    shown = detail(orchestrator, camera)["placement"]
    assert (shown["phase"], shown["node"], shown["image"]) == ("running", "north-1", "vision:1")


def test_a_failed_placement_of_a_camera_that_was_never_heard_is_failing(orchestrator: ApiClient) -> None:
    camera = started()
    epoch = put(orchestrator, camera, **A).json()["epoch"]
    StatusDirty.objects.all().delete()

    put(orchestrator, camera, epoch=epoch, phase="failed", reason="no_capacity", message="No GPU is left.")

    shown = detail(orchestrator, camera)
    assert (shown["status"], shown["status_reason"].partition(":")[0]) == ("failing", "no_capacity")
    assert [(each["type"], each["message"]) for each in shown["conditions"]] == [
        ("PlacementFailed", "No GPU is left.")
    ]
    assert StatusDirty.objects.filter(pk=camera.pk).exists()


def test_an_end_keeps_the_epoch_so_that_late_senders_are_refused(
    orchestrator: ApiClient, worker: ApiClient
) -> None:
    camera = started()
    epoch = put(orchestrator, camera, **A).json()["epoch"]
    path = f"/cameras/{camera.pk}/placement"

    assert orchestrator.delete(path).status_code == 400
    assert orchestrator.delete(f"{path}?epoch={epoch - 1}").status_code == 409
    assert orchestrator.delete(f"{path}?epoch={epoch}").status_code == 204
    assert orchestrator.delete(f"{path}?epoch={epoch}").status_code == 204  # the answer was lost
    assert detail(orchestrator, camera)["placement"] is None
    assert put(orchestrator, camera, epoch=epoch, phase="running").json()["code"] == "superseded"
    assert put(orchestrator, camera, **A, after=0).json()["epoch"] > epoch
    assert worker.post(f"/telemetry/{camera.pk}/report", {"phase": "running", "epoch": epoch}).status_code == 409


def test_the_epoch_rises_with_the_clock_of_the_database_however_old_the_row_is(orchestrator: ApiClient) -> None:
    camera = started()
    far = int(datetime.now(UTC).timestamp()) + 1_000
    CameraVitals.objects.update(epoch=far, claimed_epoch=far)

    assert put(orchestrator, camera, **A).json()["epoch"] == far + 1
    camera = started("restored from an old backup")
    CameraVitals.objects.filter(pk=camera.pk).update(epoch=5, claimed_epoch=5)
    assert put(orchestrator, camera, **A).json()["epoch"] > far - 1_100


def test_a_claim_settles_an_epoch_that_was_taken_over(orchestrator: ApiClient, worker: ApiClient) -> None:
    camera = started()
    put(orchestrator, camera, **A)
    ahead = int(datetime.now(UTC).timestamp()) + 30
    worker.post(f"/telemetry/{camera.pk}/report", {"phase": "running", "epoch": ahead})
    assert [each["type"] for each in detail(orchestrator, camera)["conditions"]] == ["PlacementUnknown"]

    assert put(orchestrator, camera, **B, epoch=ahead).status_code == 200
    assert put(orchestrator, camera, **B).json()["epoch"] == ahead

    assert detail(orchestrator, camera)["conditions"] == []


def test_another_node_with_a_failed_worker_before_goes_on_failing(
    orchestrator: ApiClient, worker: ApiClient
) -> None:
    camera = started()
    worker.post(f"/telemetry/{camera.pk}/report", {"phase": "failed", "reason": "stream_unreachable"})

    put(orchestrator, camera, **B)

    assert detail(orchestrator, camera)["status"] == "failing"


BAD = [
    ({**A, "phase": "dancing"}, 400, "phase"),
    ({**A, "phase": "failed"}, 400, "reason"),
    ({**A, "phase": "failed", "reason": "meteor"}, 400, "reason"),
    ({**A, "node": 5}, 400, "node"),
    ({**A, "node": "x" * 201}, 400, "node"),
    ({**A, "message": "x" * 501}, 400, "message"),
    ({**A, "message": "nul\0"}, 400, "message"),
    ({**A, "node": "two\nlines"}, 400, "node"),
    ({**A, "observed_generation": "1"}, 400, "observed_generation"),
    ({**A, "observed_generation": True}, 400, "observed_generation"),
    ({**A, "colour": "red"}, 400, "colour"),
    ({**A, "epoch": 1.0}, 400, "epoch"),
    ({**A, "epoch": -1}, 400, "epoch"),
    ({**A, "epoch": 10**12}, 400, "epoch"),
    ({**A, "epoch": 5, "after": 4}, 400, "after"),
    ({"epoch": 5}, 400, "phase"),
    ({**A, "observed_generation": 2}, 409, "observed_generation"),
    ([], 400, ""),
]


@pytest.mark.parametrize(("body", "status", "field"), BAD)
def test_a_bad_placement_names_its_field_and_leaves_nothing(
    orchestrator: ApiClient, body: Any, status: int, field: str
) -> None:
    camera = started()

    answer = orchestrator.request("PUT", f"/cameras/{camera.pk}/placement", body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field), answer.json()
    assert not Placement.objects.exists()
    assert CameraVitals.objects.get().epoch == 0


def test_a_placement_with_a_message_of_a_megabyte_is_413_and_leaves_nothing(orchestrator: ApiClient) -> None:
    camera = started()

    alone = put(orchestrator, camera, **A, message="x" * 2**20)
    among = orchestrator.request(
        "PUT", "/placements", [{"camera_id": str(camera.pk), **A, "message": "x" * 2**20}, {"phase": "running"}]
    )

    assert (alone.status_code, among.status_code) == (413, 413)
    assert max(len(alone.content), len(among.content)) < 2_000, "it is not repeated"
    assert not Placement.objects.exists()


def test_cameras_that_are_gone_or_outside_the_scope_are_404(orchestrator: ApiClient) -> None:
    north = make_site("North")
    bound, camera = ApiClient(make_token("orchestrator", north)), started()
    gone = started("gone")
    actions.retire_camera(camera_id=gone.pk, by=AUTHOR, now=datetime.now(UTC))

    assert put(bound, camera, **A).status_code == 404
    assert put(orchestrator, gone, **A).status_code == 404
    assert bound.request("PUT", f"/cameras/{uuid4()}/placement", A).status_code == 404
    for role in ("viewer", "operator", "administrator", "worker"):
        assert put(ApiClient(make_token(role)), camera, **A).status_code == 403, role
    assert not Placement.objects.exists()


def test_a_password_in_a_text_is_masked(orchestrator: ApiClient) -> None:
    camera, text = started(), f"rtsp://user:{SECRET}@10.0.0.5/a"

    put(orchestrator, camera, node=text, container=text, image=text, message=text, phase="running")

    assert SECRET not in json.dumps(detail(orchestrator, camera))
    assert not Placement.objects.filter(message__contains=SECRET).exists()


# --- Several ------------------------------------------------------------------------------------------------


def test_several_are_answered_one_by_one_in_their_order(orchestrator: ApiClient) -> None:
    first, second = started("first"), started("second")
    epoch = put(orchestrator, first, **A).json()["epoch"]
    said = [
        {"camera_id": str(second.pk), **A},
        {"camera_id": str(uuid4()), **A},
        {"camera_id": str(first.pk), **A, "phase": "dancing"},
        {"camera_id": str(first.pk), "epoch": epoch, "phase": "running"},
        {"camera_id": str(first.pk), **B},
        {"camera_id": str(first.pk), "epoch": epoch, "phase": "failed", "reason": "evicted"},
        {"phase": "running"},
        7,
    ]

    answer = orchestrator.request("PUT", "/placements", said)

    codes = [each.get("code", "placed") for each in answer.json()]
    assert answer.status_code == 200
    assert codes == ["placed", "unknown_camera", "invalid", "placed", "placed", "superseded", "invalid", "invalid"]
    assert Placement.objects.get(pk=first.pk).container == "b"


def test_a_thousand_are_taken_and_more_are_413(orchestrator: ApiClient) -> None:
    camera = started()
    said = [{"camera_id": str(camera.pk), **A}] * 1_001

    assert orchestrator.request("PUT", "/placements", said).status_code == 413
    assert orchestrator.request("PUT", "/placements", []).status_code == 400
    assert len(orchestrator.request("PUT", "/placements", said[:1_000]).json()) == 1_000


@pytest.mark.parametrize("count", [1, 50])
def test_several_take_a_constant_number_of_queries(
    orchestrator: ApiClient, count: int, django_assert_max_num_queries: Any
) -> None:
    said = [{"camera_id": str(started(str(number)).pk), **A} for number in range(count)]
    orchestrator.get("/cameras")

    with django_assert_max_num_queries(12):
        orchestrator.request("PUT", "/placements", said)


# --- In the list --------------------------------------------------------------------------------------------


def test_the_list_shows_and_filters_conditions(orchestrator: ApiClient, worker: ApiClient) -> None:
    failing, _quiet, other = started("failing"), started("quiet"), started("other", site=make_site())
    worker.post(f"/telemetry/{failing.pk}/report", {"phase": "failed", "reason": "no_frames", "message": "Black."})
    worker.post(
        f"/telemetry/{other.pk}",
        {"timestamp": datetime.now(UTC).isoformat(), "occupancy": 1, "confidence": 1, "generation": 7},
    )

    def names(query: str) -> list[str]:
        answer = orchestrator.get(f"/cameras?{query}")
        assert answer.status_code == 200, answer.content
        return [item["name"] for item in answer.json()]

    items = {item["name"]: item for item in orchestrator.get("/cameras").json()}
    assert [(each["type"], each["message"]) for each in items["failing"]["conditions"]] == [
        ("WorkerFailed", "Black.")
    ]
    assert (items["quiet"]["conditions"], items["other"]["observed_generation"]) == ([], 7)
    assert names("condition=WorkerFailed") == ["failing"]
    assert names("status=failing,degraded") == ["failing", "other"]
    assert names("outdated=true") == ["other"]
    assert names("outdated=false") == ["failing", "quiet"]
    assert names("site=null") == ["failing", "quiet"]
    for query in ("condition=Bored", "status=failing,bored", "outdated=maybe", "status=failing,"):
        assert orchestrator.get(f"/cameras?{query}").status_code == 400, query


def test_fields_takes_every_field_of_the_detail(orchestrator: ApiClient, worker: ApiClient) -> None:
    camera = started()
    put(orchestrator, camera, **A)
    worker.post(f"/telemetry/{camera.pk}/report", {"phase": "running", "metrics": {"fps": 3}})
    whole = detail(orchestrator, camera)

    (item,) = orchestrator.get(f"/cameras?fields={','.join(whole)}").json()

    assert list(item) == list(whole)
    assert item == whole
    for name in whole:
        assert orchestrator.get(f"/cameras?fields={name}").json() == [{"id": whole["id"], name: whole[name]}]


@pytest.mark.parametrize("count", [1, 50])
def test_the_list_with_conditions_takes_one_query_more(
    orchestrator: ApiClient, worker: ApiClient, count: int, django_assert_num_queries: Any
) -> None:
    cameras = [started(str(number)) for number in range(count)]
    failed = [{"camera_id": str(camera.pk), "phase": "failed", "reason": "other"} for camera in cameras]
    worker.post("/telemetry/reports", failed)
    orchestrator.get("/cameras")

    with django_assert_num_queries(3):
        items = orchestrator.get("/cameras").json()

    assert all(item["status"] == "failing" for item in items)


def test_a_stop_ends_what_was_said_of_the_run_before(orchestrator: ApiClient, worker: ApiClient) -> None:
    camera = started()
    put(orchestrator, camera, **A, reason=None)
    worker.post(f"/telemetry/{camera.pk}/report", {"phase": "failed", "reason": "other"})
    for state in (DesiredState.STOPPED, DesiredState.RUNNING):
        actions.set_desired_state(camera_ids=[camera.pk], desired_state=state, by=AUTHOR, now=datetime.now(UTC))

    assert (detail(orchestrator, camera)["status"], detail(orchestrator, camera)["conditions"]) == ("pending", [])
