"""Headers of what is posted: types, lengths, compression."""

import gzip
import json
import zlib
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from telemetry.ingest import endpoint as fast_endpoint
from telemetry.ingest.queues import close_queues
from telemetry.models import Sample
from tests.asgi_client import AsgiClient
from tests.factories import ApiClient, make_camera, make_token
from tests.telemetry.conftest import FastEndpoint
from tests.telemetry.ingest.events import BOM, EXAMPLE, NDJSON_TYPES, event, vitals_of


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
