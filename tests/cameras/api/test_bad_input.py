"""What is sent wrong is a 4xx that names the field, and never a row."""

import json
from pathlib import Path
from typing import Any

import pytest

from cameras.models import Camera, Change
from tests.factories import BRIEF, ApiClient, make_camera

pytestmark = pytest.mark.django_db


CAMERA_FAULTS: list[tuple[str, str]] = [
    ("name", '""'),
    ("name", '"  "'),
    ("name", "5"),
    ("name", "null"),
    ("name", "true"),
    ("name", '"a\\u0000b"'),
    ("name", '"\\ud800"'),
    ("name", '"a\\u001bb"'),
    ("name", '"a\\u202eb"'),
    ("name", f'"{"a" * 201}"'),
    ("name", "1e400"),
    ("notes", '"\\u0000"'),
    ("location", "[]"),
    ("site", "5"),
    ("site", '"nonsense"'),
    ("site", '"0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"'),
    ("desired_state", '"paused"'),
    ("desired_state", "true"),
    ("desired_state", "[]"),
    ("expected_interval_seconds", "0"),
    ("expected_interval_seconds", "86401"),
    ("expected_interval_seconds", '"5"'),
    ("expected_interval_seconds", "5.0"),
    ("expected_interval_seconds", "true"),
    ("expected_interval_seconds", "null"),
    ("expected_interval_seconds", "1" * 400),
    ("model_config", "[]"),
    ("model_config", "null"),
    ("model_config", '{"a":' * 33 + "1" + "}" * 33),
    ("model_config", json.dumps({"a": "x" * 65_536})),
    ("model_config.a", '{"a":"\\u0000"}'),
    ("model_config.a", '{"a":NaN}'),
    ("model_config.a", '{"a":1,"a":2}'),
    ("zone_config", "[]"),
    ("zone_config", '"x"'),
    ("connection_string", '"http://10.0.0.7/live"'),
    ("connection_string", "5"),
    ("connection_string", "null"),
    ("status", '"healthy"'),
    ("id", '"0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"'),
    ("last_contact", "null"),
    ("generation", "5"),
    ("sealed_connection", '"x"'),
    ("nonsense", "1"),
]


@pytest.mark.parametrize(
    ("field", "text"), CAMERA_FAULTS, ids=[f"{field} {text[:24]}" for field, text in CAMERA_FAULTS]
)
def test_a_bad_field_is_400_by_name_on_create_and_on_change(
    administrator: ApiClient, field: str, text: str
) -> None:
    camera = make_camera()
    top = field.partition(".")[0]
    values = {name: json.dumps(value) for name, value in BRIEF.items()} | {top: text}
    whole = "{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}"

    for answer in (
        administrator.post("/cameras", whole.encode()),
        administrator.patch(f"/cameras/{camera.pk}", f'{{"{top}":{text}}}'.encode()),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
        assert {error["field"] for error in answer.json()["errors"]} == {field}, answer.content
    assert Camera.objects.count() == Change.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"name":"a",}',
        b"\xff",
        b'\xef\xbb\xbf\xef\xbb\xbf{"name":"a"}',
        b'{"name":"a","name":"b","connection_string":"rtsp://h/"}',
        b"[" * 100_000,
        b'{"notes":' * 5_000 + b"1" + b"}" * 5_000,
    ],
    ids=range(12),
)
def test_what_is_no_json_object_is_400(administrator: ApiClient, body: bytes) -> None:
    camera = make_camera()

    for answer in (administrator.post("/cameras", body), administrator.patch(f"/cameras/{camera.pk}", body)):
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
        assert answer.json()["errors"]
    assert Camera.objects.count() == 1


def test_a_byte_order_mark_before_json_is_skipped(administrator: ApiClient) -> None:
    made = administrator.post("/cameras", b"\xef\xbb\xbf" + json.dumps(BRIEF).encode())
    renamed = administrator.patch(f"/cameras/{made.json()['id']}", b'\xef\xbb\xbf{"name": "Renamed"}')

    assert (made.status_code, renamed.status_code) == (201, 200)
    assert Camera.objects.get().name == "Renamed"


def test_an_oversize_body_is_413_and_another_type_is_415(administrator: ApiClient) -> None:
    big = json.dumps({**BRIEF, "notes": "x" * 300_000}).encode()

    assert administrator.post("/cameras", big).status_code == 413
    for content_type in ("text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16", ""):
        assert administrator.post("/cameras", BRIEF, content_type=content_type).status_code == 415, content_type
    for coding in ("gzip", "br"):
        answer = administrator.post("/cameras", BRIEF, **{"Content-Encoding": coding})
        assert (answer.status_code, answer["Accept-Encoding"]) == (415, "identity")
    assert not Camera.objects.exists()


VECTORS = [json.loads(line) for line in (Path(__file__).parents[1] / "rtsp_urls.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["note"] for vector in VECTORS])
def test_every_brand_url_gets_its_verdict_through_the_api(
    administrator: ApiClient, vector: dict[str, Any]
) -> None:
    answer = administrator.post("/cameras", {"name": "Camera", "connection_string": vector["url"]})

    if vector["verdict"] == "invalid":
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["field"] == "connection_string"
        assert vector["url"].strip() not in error["detail"] or not vector["url"].strip()
        return
    assert answer.status_code == 201, answer.content
    credentials = administrator.get(f"/cameras/{answer.json()['id']}/credentials").json()
    assert credentials["connection_string"].lower() == vector.get("normalised", vector["url"]).lower()
