"""What workers are promised of one event, by every endpoint, on either database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cameras import actions
from cameras.models import CameraVitals, DesiredState
from telemetry.models import Sample
from tests.factories import AUTHOR, make_camera
from tests.telemetry.ingest.events import BOM, EXAMPLE, event, vitals_of


def test_the_example_of_the_api_is_stored_word_for_word(worker_endpoint: Any) -> None:
    camera = make_camera()
    before = datetime.now(UTC)

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE)

    assert answer.status_code == 201
    receipt = answer.json()
    server_time = datetime.fromisoformat(receipt.pop("server_time"))
    assert receipt == {"accepted": 1, "duplicates": 0, "desired_state": "stopped", "generation": 1}
    assert before <= server_time <= datetime.now(UTC)
    sample = Sample.objects.get()
    assert (sample.camera_id, sample.zone, sample.occupancy, sample.confidence) == (camera.pk, "", 5, 0.95)
    assert sample.timestamp == datetime(2024, 1, 1, 12, tzinfo=UTC)
    vitals = vitals_of(camera)
    assert before <= vitals.last_contact <= server_time
    assert (vitals.latest_timestamp, vitals.latest_occupancy) == (sample.timestamp, 5)
    assert vitals.accepted_count == 1


def test_the_same_event_again_is_a_duplicate_and_changes_nothing(worker_endpoint: Any) -> None:
    camera = make_camera()
    worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE)

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE)

    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (0, 1)
    assert Sample.objects.count() == 1
    assert (vitals_of(camera).accepted_count, vitals_of(camera).duplicate_count) == (1, 1)


def test_the_same_moment_with_other_values_is_a_conflict_and_the_first_is_kept(worker_endpoint: Any) -> None:
    camera = make_camera()
    worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE)

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", {**EXAMPLE, "occupancy": 6})

    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == "timestamp"
    assert Sample.objects.get().occupancy == 5
    assert vitals_of(camera).conflict_count == 1


def test_zones_are_samples_of_their_own_and_do_not_move_the_latest_of_the_frame(worker_endpoint: Any) -> None:
    camera = make_camera()
    worker_endpoint.post(f"/telemetry/{camera.pk}", event(1, occupancy=1))

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", event(2, occupancy=9, zone="door"))

    assert answer.status_code == 201
    assert vitals_of(camera).latest_occupancy == 1


def test_latest_moves_only_to_a_newer_sample(worker_endpoint: Any) -> None:
    camera = make_camera()
    for second in (5, 3, 9, 7):
        worker_endpoint.post(f"/telemetry/{camera.pk}", event(second, occupancy=second))

    assert vitals_of(camera).latest_occupancy == 9


def test_a_receipt_says_what_the_camera_should_do(worker_endpoint: Any) -> None:
    camera = make_camera(desired_state="running")
    first = worker_endpoint.post(f"/telemetry/{camera.pk}", event(1, generation=1)).json()
    actions.set_desired_state(
        camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=datetime.now(UTC)
    )

    second = worker_endpoint.post(f"/telemetry/{camera.pk}", event(2, generation=1)).json()

    assert (first["desired_state"], first["generation"]) == ("running", 1)
    assert (second["desired_state"], second["generation"]) == ("stopped", 2)
    assert vitals_of(camera).observed_generation == 1


def test_a_sample_from_the_future_is_refused_but_counts_as_contact(worker_endpoint: Any) -> None:
    camera = make_camera()
    ahead = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", {**EXAMPLE, "timestamp": ahead})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "timestamp")
    assert not Sample.objects.exists()
    assert vitals_of(camera).last_contact is not None
    assert vitals_of(camera).rejected_count == 1


def test_a_little_ahead_is_not_the_future(worker_endpoint: Any) -> None:
    camera = make_camera()
    ahead = (datetime.now(UTC) + timedelta(seconds=50)).isoformat()

    assert worker_endpoint.post(f"/telemetry/{camera.pk}", {**EXAMPLE, "timestamp": ahead}).status_code == 201


def test_a_contact_far_in_the_future_is_corrected_and_one_a_little_ahead_does_not_go_back(
    worker_endpoint: Any,
) -> None:
    broken, ahead = make_camera("broken"), make_camera("ahead")
    now = datetime.now(UTC)
    soon = now + timedelta(seconds=30)
    CameraVitals.objects.filter(pk=broken.pk).update(
        last_contact=now + timedelta(hours=1), last_sample_at=now + timedelta(hours=1)
    )
    CameraVitals.objects.filter(pk=ahead.pk).update(last_contact=soon, last_sample_at=soon)

    for camera in (broken, ahead):
        assert worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE).status_code == 201

    assert now <= vitals_of(broken).last_contact <= now + timedelta(seconds=20)
    assert vitals_of(ahead).last_contact == soon


def test_a_camera_without_vitals_gets_them(worker_endpoint: Any) -> None:
    camera = make_camera()
    CameraVitals.objects.all().delete()

    assert worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE).status_code == 201
    assert vitals_of(camera).accepted_count == 1


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2024-01-01T13:00:00+01:00", "2024-01-01T12:00:00+00:00"),
        ("2024-01-01T12:00:00.123456Z", "2024-01-01T12:00:00.123456+00:00"),
        ("2024-01-01T12:00:00.1234569Z", "2024-01-01T12:00:00.123456+00:00"),
        ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00+00:00"),
        ("1999-12-31T23:00:00-01:00", "2000-01-01T00:00:00+00:00"),
        ("2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_timestamps_are_kept_in_utc_and_microseconds(worker_endpoint: Any, text: str, stored: str) -> None:
    camera = make_camera()

    assert worker_endpoint.post(f"/telemetry/{camera.pk}", {**EXAMPLE, "timestamp": text}).status_code == 201
    assert Sample.objects.get().timestamp.isoformat() == stored


#: Members beside those of the example, and the names that the receipt tells of.
UNKNOWN_MEMBERS: list[tuple[str, list[str] | None]] = [
    ("", None),
    (', "zone": "a", "generation": 1, "worker": "w", "epoch": null', None),
    (', "\\u007aone": "a"', None),
    (', "model": {"occupancy": 1, "zone": "x"}', ["model"]),
    (', "zone": "a", "counts": null, "fps": 12.5, "gpu": []', ["counts", "fps", "gpu"]),
    (', "f\\u0070s": 1', ["fps"]),
    (', "x y": 1, "z w": 2', ["(unknown)"]),
    ("".join(f', "m{number}": 1' for number in range(12)), [f"m{number}" for number in range(10)]),
]


@pytest.mark.parametrize(("members", "ignored"), UNKNOWN_MEMBERS)
@pytest.mark.parametrize("form", ["single", "json", "ndjson", "beside an item at fault"])
def test_a_receipt_names_what_was_ignored_so_that_a_newer_worker_is_not_cut_off(
    worker_endpoint: Any, form: str, members: str, ignored: list[str] | None
) -> None:
    camera = make_camera()
    item = json.dumps({**EXAMPLE, "camera_id": str(camera.pk)})[:-1] + members + "}"
    body = {
        "single": json.dumps(EXAMPLE)[:-1] + members + "}",
        "json": f"[{item}]",
        "ndjson": item,
        "beside an item at fault": f"[7, {item}, {item}]",
    }[form]
    path = f"/telemetry/{camera.pk}" if form == "single" else "/telemetry"
    content_type = "application/x-ndjson" if form == "ndjson" else "application/json"

    answer = worker_endpoint.post(path, body.encode(), content_type=content_type)

    assert (answer.status_code, answer.json()["accepted"]) == (201 if form == "single" else 200, 1)
    assert answer.json().get("ignored") == ignored
    assert Sample.objects.get().zone == ("a" if '"a"' in members else "")


def test_what_was_ignored_in_many_items_is_named_once_in_the_order_of_the_batch(worker_endpoint: Any) -> None:
    camera = make_camera()
    items = [{**event(number), "camera_id": str(camera.pk), f"m{number % 3}": number} for number in range(9)]

    assert worker_endpoint.post("/telemetry", items).json()["ignored"] == ["m0", "m1", "m2"]


def test_a_sample_that_is_refused_is_told_what_was_ignored_too(worker_endpoint: Any) -> None:
    camera = make_camera()
    worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE)
    other = {**EXAMPLE, "occupancy": 6, "fps": 12}

    single = worker_endpoint.post(f"/telemetry/{camera.pk}", other)
    batch = worker_endpoint.post("/telemetry", [{**other, "camera_id": str(camera.pk)}])

    assert [(answer.status_code, answer.json()["ignored"]) for answer in (single, batch)] == [
        (409, ["fps"]),
        (400, ["fps"]),
    ]


BAD_EVENTS: list[tuple[str, bytes, str]] = [
    ("empty", b"", ""),
    ("not json", b"{", ""),
    ("array", b"[]", ""),
    ("null", b"null", ""),
    ("text", b'"x"', ""),
    ("empty object", b"{}", "timestamp"),
    ("deep", b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
    ("bad utf-8", b'{"timestamp":"2024-01-01T12:00:00Z","occupancy":5,"confidence":0.5,"x":"\xff"}', ""),
    ("lone surrogate", b'{"timestamp":"2024-01-01T12:00:00Z","occupancy":5,"confidence":0.5,"x":"\\ud800"}', ""),
]
GOOD = {"timestamp": '"2024-01-01T12:00:00Z"', "occupancy": "5", "confidence": "0.95"}
for field, text in [
    ("occupancy", '"5"'),
    ("occupancy", "true"),
    ("occupancy", "1.0"),
    ("occupancy", "null"),
    ("occupancy", "-1"),
    ("occupancy", "2147483648"),
    ("occupancy", "99999999999999999999999999"),
    ("occupancy", "1e3"),
    ("confidence", '"0.5"'),
    ("confidence", "1.0000001"),
    ("confidence", "-0.1"),
    ("confidence", "true"),
    ("confidence", "1e400"),
    ("timestamp", "1704110400"),
    ("timestamp", '"2024-01-01T12:00:00"'),
    ("timestamp", '"2024-01-01 12:00:00Z"'),
    ("timestamp", '"2024-01-01t12:00:00z"'),
    ("timestamp", '"2024-01-01T12:00:00+0100"'),
    ("timestamp", '"2024-13-01T12:00:00Z"'),
    ("timestamp", '"2023-02-29T12:00:00Z"'),
    ("timestamp", '"2024-01-01T24:00:00Z"'),
    ("timestamp", '"2024-01-01T12:00:00+24:00"'),
    ("timestamp", '"2024-01-01T12:00:00+12:60"'),
    ("timestamp", '"1999-12-31T23:59:59Z"'),
    ("timestamp", '"0001-01-01T00:00:00+01:00"'),
    ("timestamp", '"9999-12-31T23:59:59-23:00"'),
    ("timestamp", '"٢٠٢٤-01-01T12:00:00Z"'),
    ("timestamp", '"2024-01-01T12:00:00Z\\u0000"'),
    ("timestamp", '"2024-01-01T12:00:00Z\\n"'),
    ("zone", "7"),
    ("zone", '""'),
    ("zone", '"a b"'),
    ("zone", '"a\\u0000"'),
    ("zone", '"a\\n"'),
    ("zone", '"-a"'),
    ("zone", f'"{"a" * 65}"'),
    ("generation", "-1"),
    ("generation", "1.5"),
    ("generation", "9223372036854775808"),
]:
    values = {**GOOD, field: text}
    body = "{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}"
    BAD_EVENTS.append((f"{field} {text[:30]}", body.encode(), field))
for name in ("NaN", "Infinity", "-Infinity"):
    text = json.dumps(EXAMPLE).replace("0.95", name)
    BAD_EVENTS.append((name, text.encode(), ""))
twice = b'{"timestamp":"2024-01-01T12:00:00Z","occupancy":5,"occupancy":6,"confidence":0.5}'
BAD_EVENTS += [
    ("duplicate key", twice, "occupancy"),
    ("duplicate key in another spelling", twice.replace(b'"occupancy":6', b'"\\u006fccupancy":6'), "occupancy"),
]


@pytest.mark.parametrize(
    ("body", "field"), [case[1:] for case in BAD_EVENTS], ids=[case[0] for case in BAD_EVENTS]
)
def test_a_bad_event_is_400_names_the_field_and_stores_nothing(
    worker_endpoint: Any, body: bytes, field: str
) -> None:
    camera = make_camera()

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", body)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
    problem = answer.json()
    assert problem["status"] == 400
    assert [error["field"] for error in problem["errors"]] == [field], problem
    assert not Sample.objects.exists()
    assert vitals_of(camera).last_contact is None


@pytest.mark.parametrize("field", ["timestamp", "occupancy", "confidence"])
def test_null_for_a_required_member_is_400_and_says_that_it_is_required(worker_endpoint: Any, field: str) -> None:
    camera = make_camera()

    single = worker_endpoint.post(f"/telemetry/{camera.pk}", {**EXAMPLE, field: None})
    batch = worker_endpoint.post("/telemetry", [{**EXAMPLE, "camera_id": str(camera.pk), field: None}])

    for answer in (single, batch):
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["field"], error["detail"]) == (400, field, "Is required.")


@pytest.mark.parametrize("form", ["single", "json", "ndjson"])
def test_null_for_an_optional_member_is_as_good_as_absent(worker_endpoint: Any, form: str) -> None:
    camera = make_camera()
    with_nulls = {**EXAMPLE, "zone": None, "generation": None, "camera_id": str(camera.pk)}

    def post(item: dict[str, Any]) -> Any:
        if form == "single":
            return worker_endpoint.post(f"/telemetry/{camera.pk}", item)
        if form == "json":
            return worker_endpoint.post("/telemetry", [item])
        return worker_endpoint.post("/telemetry", json.dumps(item).encode(), content_type="application/x-ndjson")

    stored, again = post(with_nulls), post({**EXAMPLE, "camera_id": str(camera.pk)})

    assert stored.status_code == (201 if form == "single" else 200)
    assert (stored.json()["accepted"], again.json()["duplicates"]) == (1, 1)
    assert Sample.objects.get().zone == ""
    assert vitals_of(camera).observed_generation is None


def test_one_byte_order_mark_before_a_body_is_skipped(worker_endpoint: Any) -> None:
    camera = make_camera()
    single = json.dumps(EXAMPLE).encode()
    item = json.dumps({**EXAMPLE, "camera_id": str(camera.pk)}).encode()
    ndjson = {"content_type": "application/x-ndjson"}

    answers = [
        worker_endpoint.post(f"/telemetry/{camera.pk}", BOM + single),
        worker_endpoint.post("/telemetry", BOM + b"[" + item + b"]"),
        worker_endpoint.post("/telemetry", BOM + item + b"\n" + item, **ndjson),
        worker_endpoint.post(f"/telemetry/{camera.pk}", BOM + BOM + single),
        # Where files were put together, each line that begins with one is refused alone.
        worker_endpoint.post("/telemetry", item + b"\n" + BOM + item, **ndjson),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 400, 200]
    assert [answer.json().get("rejected") for answer in answers] == [None, 0, 0, None, 1]


def test_bounds_of_the_fields_are_accepted(worker_endpoint: Any) -> None:
    camera = make_camera()
    for number, values in enumerate(
        [
            {"occupancy": 0, "confidence": 0},
            {"occupancy": 2**31 - 1, "confidence": 1},
            {"zone": "a" * 64},
            {"zone": "A-b_9", "generation": 2**63 - 1},
        ]
    ):
        answer = worker_endpoint.post(f"/telemetry/{camera.pk}", event(number, **values))
        assert answer.status_code == 201, answer.content
