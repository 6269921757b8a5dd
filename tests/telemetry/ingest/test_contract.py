"""What workers are promised, by every endpoint, on either database."""

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from cameras import actions
from cameras.models import Camera, CameraVitals, DesiredState
from telemetry.ingest import endpoint as fast_endpoint
from telemetry.ingest.queues import close_queues
from telemetry.models import Sample
from tests.asgi_client import AsgiClient
from tests.factories import AUTHOR, ApiClient, make_camera, make_site, make_token
from tests.telemetry.conftest import Endpoints, FastEndpoint

NDJSON_TYPES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
)
EXAMPLE = {"timestamp": "2024-01-01T12:00:00Z", "occupancy": 5, "confidence": 0.95}


def event(second: int = 0, **values: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-01-01T12:00:{second:02}Z", "occupancy": 5, "confidence": 0.95, **values}


def vitals_of(camera: Camera) -> CameraVitals:
    return CameraVitals.objects.get(pk=camera.pk)


# --- One event --------------------------------------------------------------------------------------------


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


BOM = b"\xef\xbb\xbf"


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


# --- Who may ----------------------------------------------------------------------------------------------


def test_only_a_worker_posts_telemetry(endpoints: Endpoints) -> None:
    camera = make_camera()
    for role in ("viewer", "operator", "administrator", "orchestrator"):
        assert endpoints.as_role(role).post(f"/telemetry/{camera.pk}", EXAMPLE).status_code == 403, role


@pytest.mark.parametrize("secret", [None, "cpt_unknown", "nonsense", "cpt_" + "é" * 20])
def test_without_a_known_token_it_is_401(endpoints: Endpoints, secret: str | None) -> None:
    camera = make_camera()
    headers = {"Authorization": "Bearer " + secret.encode().decode("latin-1")} if secret else {}

    answer = endpoints.as_token(None).post(f"/telemetry/{camera.pk}", EXAMPLE, **headers)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_401(endpoints: Endpoints) -> None:
    camera = make_camera()
    client = endpoints.as_role("worker", expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert client.post(f"/telemetry/{camera.pk}", EXAMPLE).status_code == 401


def test_a_bound_worker_posts_for_its_camera_only(endpoints: Endpoints) -> None:
    mine, other = make_camera("mine"), make_camera("other")
    client = endpoints.as_role("worker", mine)

    assert client.post(f"/telemetry/{mine.pk}", EXAMPLE).status_code == 201
    assert client.post(f"/telemetry/{other.pk}", EXAMPLE).status_code == 403
    assert vitals_of(other).last_contact is None
    batch = client.post(
        "/telemetry", [{**EXAMPLE, "camera_id": str(other.pk)}, {**event(), "camera_id": str(mine.pk)}]
    )
    assert batch.status_code == 200
    assert [(error["index"], error["code"]) for error in batch.json()["errors"]] == [(0, "forbidden")]


def test_a_worker_of_a_site_posts_for_its_cameras_only(endpoints: Endpoints) -> None:
    site = make_site()
    mine, other = make_camera("mine", site=site), make_camera("other")
    client = endpoints.as_role("worker", site)

    assert client.post(f"/telemetry/{mine.pk}", EXAMPLE).status_code == 201
    assert client.post(f"/telemetry/{other.pk}", EXAMPLE).status_code == 403
    assert list(Sample.objects.values_list("camera_id", flat=True)) == [mine.pk]


def test_a_worker_of_two_sites_and_a_camera_posts_for_all_of_them_and_no_other(endpoints: Endpoints) -> None:
    north, south = make_site("North"), make_site("South")
    mine = [make_camera("a", site=north), make_camera("b", site=south), make_camera("alone")]
    others = [make_camera("other", site=make_site("Far")), make_camera("without a site")]
    client = endpoints.as_role("worker", north, south, mine[2])
    unknown = "0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"

    singles = [client.post(f"/telemetry/{camera.pk}", EXAMPLE).status_code for camera in (*mine, *others)]
    assert singles == [201, 201, 201, 403, 403]
    assert client.post(f"/telemetry/{unknown}", EXAMPLE).status_code == 404
    ids = [*(camera.pk for camera in (*mine, *others)), unknown]
    batch = client.post("/telemetry", [{**event(), "camera_id": str(camera_id)} for camera_id in ids]).json()
    assert [(error["index"], error["code"]) for error in batch["errors"]] == [
        (3, "forbidden"), (4, "forbidden"), (5, "unknown_camera"),
    ]  # fmt: skip
    assert set(Sample.objects.values_list("camera_id", flat=True)) == {camera.pk for camera in mine}


@pytest.mark.parametrize(
    "path", ["/telemetry/0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11", "/telemetry/nonsense", "/telemetry/" + "0" * 36]
)
def test_an_unknown_camera_is_404(worker_endpoint: Any, path: str) -> None:
    answer = worker_endpoint.post(path, EXAMPLE)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "camera_id")


# --- Headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        *((media_type, 415) for media_type in NDJSON_TYPES),
        ("", 415),
    ],
)
def test_one_event_comes_as_json_in_utf_8(worker_endpoint: Any, content_type: str, status: int) -> None:
    camera = make_camera()

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", EXAMPLE, content_type=content_type)

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        *((media_type, 200) for media_type in NDJSON_TYPES),
        ("Application/NDJSON; charset=UTF-8", 200),
        ("application/jsonl;charset=utf-8", 200),
        ("application/ndjson; charset=latin-1", 415),
        ("application/json-lines", 415),
        ("text/plain", 415),
    ],
)
def test_lines_of_json_come_under_the_names_that_ndjson_has(
    worker_endpoint: Any, content_type: str, status: int
) -> None:
    camera = make_camera()
    lines = "\n".join(json.dumps({**event(second), "camera_id": str(camera.pk)}) for second in (1, 2))

    answer = worker_endpoint.post("/telemetry", lines.encode(), content_type=content_type)

    assert (answer.status_code, answer.json().get("accepted")) == (status, 2 if status == 200 else None)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZip", "identity, gzip", "identity", "IDENTITY", ""])
def test_a_body_is_taken_as_gzip_or_plain(worker_endpoint: Any, coding: str) -> None:
    camera = make_camera()
    sent = {"Content-Encoding": coding}
    item = {**event(), "camera_id": str(camera.pk)}
    encode = gzip.compress if "gzip" in coding.lower() else bytes
    single, batch = (encode(json.dumps(value).encode()) for value in (EXAMPLE, [item]))
    lines = encode(BOM + json.dumps(item).encode() + b"\n")

    answers = [
        worker_endpoint.post(f"/telemetry/{camera.pk}", single, **sent),
        worker_endpoint.post("/telemetry", batch, **sent),
        worker_endpoint.post("/telemetry", lines, content_type="application/x-ndjson", **sent),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200], answers[0].content
    assert answers[2].json()["duplicates"] == 1
    assert Sample.objects.count() == 2


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "gzip;q=1", "utf-8"])
def test_another_content_coding_is_415_and_names_the_one_that_is_taken(worker_endpoint: Any, coding: str) -> None:
    camera = make_camera()

    for path in (f"/telemetry/{camera.pk}", "/telemetry"):
        answer = worker_endpoint.post(path, EXAMPLE, **{"Content-Encoding": coding})
        assert (answer.status_code, answer["Accept-Encoding"]) == (415, "gzip")
        assert "Accept-Encoding" not in worker_endpoint.post(path, EXAMPLE, content_type="text/plain").headers
    assert vitals_of(camera).last_contact is None


WHOLE = gzip.compress(json.dumps(EXAMPLE).encode())
DAMAGED = {
    "no gzip": (json.dumps(EXAMPLE).encode(), 400, "not gzip"),
    "nothing": (b"", 400, "too early"),
    "zlib": (zlib.compress(json.dumps(EXAMPLE).encode()), 400, "not gzip"),
    "cut in its header": (WHOLE[:5], 400, "too early"),
    "cut in its data": (WHOLE[:-20], 400, "too early"),
    "cut in its checksum": (WHOLE[:-6], 400, "too early"),
    "a wrong checksum": (WHOLE[:-8] + bytes(4) + WHOLE[-4:], 400, "damaged"),
    "a wrong length": (WHOLE[:-4] + bytes(4), 400, "damaged"),
    "bytes after its end": (WHOLE + b"\0", 400, "too early"),
    "another text after its end": (WHOLE + b"{}" * 20, 400, "not gzip"),
    "more members than anybody sends": (gzip.compress(b"") * 1_001, 400, "1,000 members"),
    "a bomb": (gzip.compress(b" " * 50_000_000), 413, "once it is inflated"),
    "one byte over": (gzip.compress(b" " * (64 * 1024 + 1)), 413, "once it is inflated"),
}


@pytest.mark.parametrize(("body", "status", "words"), DAMAGED.values(), ids=DAMAGED)
def test_gzip_that_cannot_be_inflated_stores_nothing_and_says_why(
    worker_endpoint: Any, body: bytes, status: int, words: str
) -> None:
    camera = make_camera()

    answer = worker_endpoint.post(f"/telemetry/{camera.pk}", body, **{"Content-Encoding": "gzip"})

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert words in answer.json()["detail"]
    assert not Sample.objects.exists()


def test_a_gzip_batch_is_bounded_by_what_it_holds_and_may_have_several_members(worker_endpoint: Any) -> None:
    camera = make_camera()
    sent = {"Content-Encoding": "gzip", "content_type": "application/x-ndjson"}
    lines = [json.dumps({**event(second), "camera_id": str(camera.pk)}).encode() + b"\n" for second in range(3)]
    limit = 2 * 1024 * 1024

    full = worker_endpoint.post("/telemetry", gzip.compress(lines[0].ljust(limit)), **sent)
    over = worker_endpoint.post("/telemetry", gzip.compress(lines[0].ljust(limit + 1)), **sent)
    in_members = worker_endpoint.post("/telemetry", b"".join(map(gzip.compress, lines)), **sent)

    assert (full.status_code, over.status_code) == (200, 413)
    assert (in_members.json()["accepted"], in_members.json()["duplicates"]) == (2, 1)


@pytest.mark.django_db
def test_a_body_in_chunks_which_wsgi_cannot_read_is_not_taken_for_an_empty_one() -> None:
    worker = ApiClient(make_token("worker"))

    answers = [
        worker.post(path, EXAMPLE, **{"Transfer-Encoding": "chunked"})
        for path in ("/telemetry", f"/telemetry/{make_camera().pk}")
    ]

    assert [answer.status_code for answer in answers] == [411, 411]


@pytest.mark.django_db
def test_a_body_that_ends_before_its_length_stores_nothing_under_wsgi() -> None:
    line = json.dumps({**EXAMPLE, "camera_id": str(make_camera().pk)}).encode() + b"\n"
    sent = {"CONTENT_LENGTH": str(len(line) + 1), "wsgi.input": BytesIO(line)}

    answer = Client().generic(
        "POST",
        "/telemetry",
        line,
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {make_token('worker')}"},
        **sent,  # type: ignore[arg-type]
    )

    assert answer.status_code == 400
    assert "shorter than its Content-Length" in answer.json()["detail"]
    assert not Sample.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_while_the_tables_do_not_exist_the_answer_is_503() -> None:
    camera, secret = make_camera(), make_token("worker")
    asgi = AsgiClient(fast_endpoint.application, close_queues)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_sample RENAME TO telemetry_sample_away")
    try:
        answers = [
            client.post(path, body)
            for client in (FastEndpoint(asgi, secret), ApiClient(secret))
            for path, body in (
                (f"/telemetry/{camera.pk}", EXAMPLE),
                ("/telemetry", [{**EXAMPLE, "camera_id": str(camera.pk)}]),
            )
        ]
    finally:
        asgi.close()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE telemetry_sample_away RENAME TO telemetry_sample")

    assert [answer.status_code for answer in answers] == [503] * 4


def test_a_query_parameter_is_400_and_names_it(worker_endpoint: Any) -> None:
    answer = worker_endpoint.post(f"/telemetry/{make_camera().pk}?zone=x", EXAMPLE)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "zone")


def test_an_oversize_body_is_413(worker_endpoint: Any) -> None:
    camera = make_camera()

    single = worker_endpoint.post(f"/telemetry/{camera.pk}", json.dumps({**EXAMPLE, "x": "a" * 70_000}).encode())
    batch = worker_endpoint.post("/telemetry", b"[" + b" " * (2 * 1024 * 1024) + b"]")

    assert (single.status_code, batch.status_code) == (413, 413)


def test_a_trailing_slash_is_the_same_address(worker_endpoint: Any) -> None:
    camera = make_camera()

    assert worker_endpoint.post(f"/telemetry/{camera.pk}/", EXAMPLE).status_code == 201
    assert worker_endpoint.post("/telemetry/", [{**EXAMPLE, "camera_id": str(camera.pk)}]).status_code == 200


# --- Batches ----------------------------------------------------------------------------------------------


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
