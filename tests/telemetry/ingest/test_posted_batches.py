"""What workers are promised of batches."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from cameras.models import CameraVitals
from telemetry.models import Sample
from tests.factories import make_camera
from tests.telemetry.ingest.events import EXAMPLE, event, vitals_of


@pytest.mark.parametrize("ndjson", [False, True])
def test_a_batch_names_each_bad_item_and_the_counts_add_up(worker_endpoint: Any, ndjson: bool) -> None:
    running, stopped = make_camera("running", desired_state="running"), make_camera("stopped")
    first = {**event(1), "camera_id": str(running.pk)}
    items = [
        first,
        {**event(2), "camera_id": str(stopped.pk)},
        first,
        {**first, "occupancy": 99},
        {**event(3), "camera_id": str(uuid4())},
        {**event(4), "camera_id": "nonsense"},
        {**event(5), "camera_id": str(running.pk), "occupancy": "5"},
        {"camera_id": str(running.pk)},
    ]
    lines = "\n".join(map(json.dumps, items)).encode() + b"\n\n"
    body = lines if ndjson else json.dumps(items).encode()

    answer = worker_endpoint.post(
        "/telemetry", body, content_type="application/x-ndjson" if ndjson else "application/json"
    )

    receipt = answer.json()
    assert answer.status_code == 200
    assert (receipt["accepted"], receipt["duplicates"], receipt["rejected"]) == (2, 1, 5)
    assert [(error["index"], error["code"], error["field"]) for error in receipt["errors"]] == [
        (3, "conflict", "timestamp"),
        (4, "unknown_camera", "camera_id"),
        (5, "invalid", "camera_id"),
        (6, "invalid", "occupancy"),
        (7, "invalid", "timestamp"),
    ]
    assert receipt["stop"] == [str(stopped.pk)]
    assert Sample.objects.count() == 2
    counts = CameraVitals.objects.values_list("accepted_count", "duplicate_count", "conflict_count")
    assert sorted(counts) == [(1, 0, 0), (1, 1, 1)]


def test_a_broken_line_of_ndjson_is_refused_alone(worker_endpoint: Any) -> None:
    camera = make_camera()
    good = json.dumps({**EXAMPLE, "camera_id": str(camera.pk)}).encode()

    answer = worker_endpoint.post("/telemetry", b'{"camera_id\n' + good, content_type="application/x-ndjson")

    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1)


def test_a_batch_whose_items_are_all_refused_is_a_problem_with_the_same_members(worker_endpoint: Any) -> None:
    answer = worker_endpoint.post("/telemetry", [{**EXAMPLE, "camera_id": str(uuid4())} for _ in range(150)])

    receipt = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (receipt["accepted"], receipt["duplicates"], receipt["rejected"], len(receipt["errors"])) == (
        0,
        0,
        150,
        100,
    )
    assert receipt["stop"] == []


@pytest.mark.parametrize("body", [b"[]", b"{}", b"", b"null", b"[1", b"nonsense"])
def test_a_body_that_is_no_batch_is_400(worker_endpoint: Any, body: bytes) -> None:
    assert worker_endpoint.post("/telemetry", body).status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('[{{"camera_id":"{id}","camera_id":"{id}",{rest}}}]', "camera_id"),
        ('[{{"camera_id":"{id}","zone":"a","zone":"b",{rest}}},{{"camera_id":"{id}",{rest}}}]', "zone"),
        ('[{{"camera_id":"{id}","occupancy":1,{rest},"x":"camera_id"}}]', "occupancy"),
        ('[{{"camera_id":"{id}","generation":1,"generat\\u0069on":1,{rest}}}]', "generation"),
    ],
)
def test_a_key_given_twice_in_an_item_is_refused(worker_endpoint: Any, body: str, field: str) -> None:
    camera = make_camera()
    rest = json.dumps(EXAMPLE)[1:-1]

    answer = worker_endpoint.post("/telemetry", body.format(id=camera.pk, rest=rest).encode())

    assert answer.json()["errors"][0]["field"] == field
    assert answer.json()["errors"][0]["index"] == 0
    assert answer.json()["rejected"] == 1


def test_a_value_that_looks_like_a_key_is_not_taken_for_a_repeated_key(worker_endpoint: Any) -> None:
    camera = make_camera()
    item = {**EXAMPLE, "camera_id": str(camera.pk), "x": "zone", "y": {"occupancy": 1}}

    assert worker_endpoint.post("/telemetry", [item]).json()["accepted"] == 1


def test_a_batch_holds_at_most_5000_items(worker_endpoint: Any) -> None:
    camera = make_camera()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    items = [
        {
            "camera_id": str(camera.pk),
            "timestamp": (start + timedelta(seconds=number)).isoformat(),
            "occupancy": number,
            "confidence": 1,
        }
        for number in range(5_001)
    ]

    whole = worker_endpoint.post("/telemetry", items[:5_000])
    again = worker_endpoint.post("/telemetry", items[:5_000])

    assert worker_endpoint.post("/telemetry", items).status_code == 413
    assert (whole.json()["accepted"], again.json()["duplicates"]) == (5_000, 5_000)
    assert vitals_of(camera).latest_occupancy == 4_999
