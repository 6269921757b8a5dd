"""One camera over the API: the scenarios of the brief, changes, conditions, concurrency."""

import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from cameras import credentials
from cameras.models import Camera, CameraVitals, Change, DeletedCamera, Purge
from controlplane.access.models import ApiToken
from tests.at_once import at_once
from tests.factories import BRIEF, URL, ApiClient, make_camera, make_token

pytestmark = pytest.mark.django_db

DETAIL_FIELDS = [
    "id",
    "name",
    "site",
    "location",
    "connection_string",
    "address",
    "model_config",
    "zone_config",
    "desired_state",
    "status",
    "status_reason",
    "status_since",
    "conditions",
    "last_contact",
    "latest",
    "generation",
    "observed_generation",
    "report",
    "placement",
    "expected_interval_seconds",
    "notes",
    "created_at",
    "updated_at",
]


def test_scenario_a_a_new_camera_is_registered_stopped(administrator: ApiClient) -> None:
    answer = administrator.post("/cameras", BRIEF)

    body = answer.json()
    assert answer.status_code == 201
    assert list(body) == DETAIL_FIELDS
    assert answer["Location"] == f"/cameras/{body['id']}"
    assert (body["desired_state"], body["status"], body["generation"]) == ("stopped", "stopped", 1)
    assert (body["connection_string"], body["address"]) == ("rtsp://user:***@10.0.0.5:554/stream", "10.0.0.5:554")
    assert body["zone_config"]["features"][0]["geometry"]["type"] == "Polygon"
    assert administrator.get("/cameras").json()[0]["id"] == body["id"]


def test_scenario_b_an_operator_pauses_a_camera_and_it_stays_paused(operator: ApiClient) -> None:
    camera = make_camera(desired_state="running")

    answer = operator.patch(f"/cameras/{camera.pk}", {"desired_state": "stopped"})

    assert (answer.status_code, answer.json()["desired_state"]) == (200, "stopped")
    camera.refresh_from_db()
    assert (camera.desired_state, camera.generation) == ("stopped", 2)


def test_an_operator_changes_nothing_else(operator: ApiClient) -> None:
    camera = make_camera()

    for values in (
        {"name": "Other"},
        {"desired_state": "running", "notes": "x"},
        {"connection_string": "rtsp://h/"},
    ):
        assert operator.patch(f"/cameras/{camera.pk}", values).status_code == 403, values
    assert operator.post("/cameras", BRIEF).status_code == 403
    assert operator.delete(f"/cameras/{camera.pk}").status_code == 403
    assert Change.objects.count() == 1


def test_the_detail_shows_what_was_observed(viewer: ApiClient) -> None:
    camera = make_camera(desired_state="running", now=datetime.now(UTC) - timedelta(minutes=5))
    contact = datetime.now(UTC)
    CameraVitals.objects.update(
        last_contact=contact,
        last_sample_at=contact,
        latest_timestamp=contact,
        latest_occupancy=7,
        latest_confidence=0.5,
        observed_generation=1,
    )

    body = viewer.get(f"/cameras/{camera.pk}").json()

    assert (body["status"], body["status_since"], body["observed_generation"]) == ("healthy", None, 1)
    assert body["status_reason"].startswith("reporting")
    assert (body["latest"]["occupancy"], body["latest"]["confidence"]) == (7, 0.5)
    assert datetime.fromisoformat(body["last_contact"]) == contact


@pytest.mark.parametrize("id", ["nonsense", "0" * 36, "%7B%7D", "..%2f"])
def test_a_bad_id_is_404_for_every_method(administrator: ApiClient, id: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = administrator.request(method, f"/cameras/{id}", {"notes": "x"} if method == "PATCH" else None)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json"), method


def test_put_is_405_and_says_what_is_allowed(administrator: ApiClient) -> None:
    answer = administrator.request("PUT", f"/cameras/{make_camera().pk}", BRIEF)

    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert "PATCH" in answer["Allow"]


def test_a_patch_writes_just_the_fields_sent_and_one_change(administrator: ApiClient) -> None:
    camera = make_camera(notes="old")

    body = administrator.patch(f"/cameras/{camera.pk}", {"name": "New", "notes": "new"}).json()

    assert (body["name"], body["notes"], body["generation"]) == ("New", "new", 1)
    change = Change.objects.order_by("-revision")[0]
    assert change.diff == {"name": {"before": "Gate", "after": "New"}, "notes": {"before": "old", "after": "new"}}


@pytest.mark.parametrize(
    ("values", "rises"),
    [
        ({"desired_state": "running"}, True),
        ({"expected_interval_seconds": 5}, True),
        ({"model_config": {"fps": 5}}, True),
        ({"zone_config": BRIEF["zone_config"]}, True),
        ({"connection_string": "rtsp://user:other@10.0.0.5:554/stream"}, True),
        ({"connection_string": URL}, False),
        ({"name": "Renamed"}, False),
        ({"location": "Roof"}, False),
        ({"notes": "x"}, False),
        ({"desired_state": "stopped"}, False),
        ({"zone_config": {}}, False),
    ],
)
def test_generation_rises_only_when_what_a_worker_runs_on_changes(
    administrator: ApiClient, values: dict[str, Any], rises: bool
) -> None:
    camera = make_camera()

    body = administrator.patch(f"/cameras/{camera.pk}", values).json()

    assert body["generation"] == (2 if rises else 1)


@pytest.mark.parametrize(("stored", "sent"), [(1, True), (1, 1.0), (0, False), (True, 1), ("1", 1), (None, False)])
def test_a_value_of_another_type_is_another_value(administrator: ApiClient, stored: Any, sent: Any) -> None:
    camera = make_camera(model_config={"a": stored})

    body = administrator.patch(f"/cameras/{camera.pk}", {"model_config": {"a": sent}}).json()

    assert body["generation"] == 2
    assert repr(body["model_config"]["a"]) == repr(sent)


def test_the_redacted_connection_string_sent_back_means_unchanged(administrator: ApiClient) -> None:
    camera = make_camera()
    redacted = administrator.get(f"/cameras/{camera.pk}").json()["connection_string"]

    same = administrator.patch(f"/cameras/{camera.pk}", {"connection_string": redacted, "notes": "x"})
    other = administrator.patch(
        f"/cameras/{camera.pk}", {"connection_string": redacted.replace("10.0.0.5", "10.0.0.6")}
    )

    assert (same.status_code, other.status_code) == (200, 400)
    camera.refresh_from_db()
    assert credentials.unseal(camera.pk, camera.sealed_connection) == URL


def test_if_match_lets_one_of_two_win(administrator: ApiClient) -> None:
    camera = make_camera()
    seen = administrator.get(f"/cameras/{camera.pk}")["ETag"]

    first = administrator.patch(f"/cameras/{camera.pk}", {"notes": "first"}, **{"If-Match": seen})
    second = administrator.patch(f"/cameras/{camera.pk}", {"notes": "second"}, **{"If-Match": seen})

    assert (first.status_code, second.status_code) == (200, 412)
    assert second["ETag"] == first["ETag"] == administrator.get(f"/cameras/{camera.pk}")["ETag"] != seen
    assert Camera.objects.get().notes == "first"


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ("*", 200),
        ('"nonsense"', 412),
        ("W/{etag}", 200),
        ('W/"nonsense", W/{etag}', 200),
        ('W/"nonsense"', 412),
        ('{etag}, "x"', 200),
        ("nonsense", 412),
    ],
)
def test_if_match_takes_the_tags_that_were_given_and_no_others(
    administrator: ApiClient, if_match: str, status: int
) -> None:
    camera = make_camera()
    etag = administrator.get(f"/cameras/{camera.pk}")["ETag"]

    answer = administrator.patch(
        f"/cameras/{camera.pk}", {"notes": "x"}, **{"If-Match": if_match.replace("{etag}", etag)}
    )

    assert answer.status_code == status


def test_if_match_keeps_a_camera_that_has_changed_from_being_deleted(administrator: ApiClient) -> None:
    path = f"/cameras/{make_camera().pk}"
    seen = administrator.get(path)["ETag"]
    changed = administrator.patch(path, {"notes": "still needed"})["ETag"]

    refused = administrator.delete(path, **{"If-Match": seen})

    assert (refused.status_code, refused["ETag"]) == (412, changed)
    assert administrator.get(path).status_code == 200
    assert administrator.delete(path, **{"If-Match": changed}).status_code == 204


def test_telemetry_does_not_change_the_etag_nor_the_log(administrator: ApiClient, worker: ApiClient) -> None:
    camera = make_camera()
    before = administrator.get(f"/cameras/{camera.pk}")["ETag"]

    worker.post(f"/telemetry/{camera.pk}", {"timestamp": "2024-01-01T12:00:00Z", "occupancy": 5, "confidence": 1})

    assert administrator.get(f"/cameras/{camera.pk}")["ETag"] == before
    assert Change.objects.count() == 1


def test_a_deleted_camera_is_gone_at_once_and_leaves_its_changes_and_stands_in_the_bin(
    administrator: ApiClient,
) -> None:
    camera = make_camera()
    make_token("worker", camera)

    answer = administrator.delete(f"/cameras/{camera.pk}")

    assert (answer.status_code, answer.content, answer.headers.get("Content-Type")) == (204, b"", None)
    assert administrator.get(f"/cameras/{camera.pk}").status_code == 404
    assert administrator.delete(f"/cameras/{camera.pk}").status_code == 404
    assert list(Change.objects.order_by("revision").values_list("kind", flat=True)) == ["created", "deleted"]
    assert not CameraVitals.objects.exists()
    assert DeletedCamera.objects.get().pk == camera.pk
    assert not Purge.objects.exists()
    assert ApiToken.objects.get(role="worker").revoked_at is not None


@pytest.mark.django_db(transaction=True)
def test_concurrent_patches_of_different_fields_both_survive() -> None:
    camera = make_camera()
    client = ApiClient(make_token("administrator"))
    client.get("/cameras")
    rounds = 200
    together = threading.Barrier(2)
    answers: list[int] = []

    def patch(field: str) -> None:
        for number in range(rounds):
            together.wait(timeout=30)
            answers.append(client.patch(f"/cameras/{camera.pk}", {field: f"{field} {number}"}).status_code)
            together.wait(timeout=30)
            if field == "notes":
                camera.refresh_from_db()
                assert (camera.notes, camera.location) == (f"notes {number}", f"location {number}")

    at_once(partial(patch, "notes"), partial(patch, "location"))

    assert answers == [200] * 2 * rounds
    revisions = list(Change.objects.order_by("revision").values_list("revision", flat=True))
    assert revisions == list(range(1, 2 * rounds + 2))
