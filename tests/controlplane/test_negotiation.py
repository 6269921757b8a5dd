"""What Accept asks for is given, or refused with 406."""

import re

import pytest

from cameras.models import Camera
from controlplane.negotiation import EVENT_STREAM, JSON, preferred_type
from controlplane.problems import Problem
from tests.factories import ApiClient, make_camera, make_site
from tests.openapi.document import OPERATIONS, Operation

#: Accept, and which of JSON and a stream of events that prefers.
CHOICES = [
    ("", JSON),
    ("   ", JSON),
    ("*/*", JSON),
    ("*", JSON),
    ("text/html, *; q=.2", JSON),
    ("application/json", JSON),
    ("Application/JSON; charset=utf-8", JSON),
    ("application/*", JSON),
    ("text/event-stream", EVENT_STREAM),
    ("text/*", EVENT_STREAM),
    ("text/event-stream, */*", EVENT_STREAM),
    ("*/*, text/event-stream", EVENT_STREAM),
    ("text/event-stream;q=0.1, */*;q=0.5", JSON),
    ("application/json, text/event-stream", JSON),
    ("text/event-stream, application/json", JSON),
    ("text/event-stream, application/json;q=0.9", EVENT_STREAM),
    ("application/json;q=0, */*", EVENT_STREAM),
    ("application/json;q=0.000, text/*;q=0.001", EVENT_STREAM),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", JSON),
]
#: Accept that takes neither.
REFUSED = [
    "application/json;q=0",
    "*/*;q=0",
    "*/*;q=1, application/*;q=0, text/*;q=0",
    "application/json;q=abc",
    "application/json;q=2",
    "application/json;q=-1",
    "application/json;q=nan",
    "application/xml",
    "application/problem+json",
    "json",
    ",,;;,",
    "\xff/\xff",
    "application/json\x00",
]


@pytest.mark.parametrize(("accept", "chosen"), CHOICES)
def test_the_type_is_chosen_by_quality_then_by_how_exactly_it_is_named(accept: str, chosen: str) -> None:
    assert preferred_type(accept, (JSON, EVENT_STREAM)) == chosen


@pytest.mark.parametrize("accept", REFUSED)
def test_what_takes_neither_type_is_refused_with_those_that_there_are(accept: str) -> None:
    with pytest.raises(Problem, match="application/json, text/event-stream") as refused:
        preferred_type(accept, (JSON, EVENT_STREAM))

    assert refused.value.status == 406


def address_of(operation: Operation, camera: Camera) -> str:
    wanted = camera.site_id if operation.path.startswith("/sites") else camera.pk
    query = "?bucket=1h&from=2026-03-04T12:00:00Z" if operation.name == "read_site_occupancy" else ""
    return re.sub(r"\{\w+\}", str(wanted), operation.path) + query


@pytest.mark.django_db
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_refuses_what_it_cannot_give_but_for_posts_of_workers(
    operation: Operation, administrator: ApiClient
) -> None:
    is_of_worker = operation.method == "post" and operation.path.startswith("/telemetry")
    address = address_of(operation, make_camera(site=make_site()))

    refused = administrator.request(operation.method.upper(), address, Accept="image/png, */*;q=0")

    if is_of_worker:
        assert refused.status_code != 406, "a sample is stored whoever reads the answer"
        return
    assert (refused.status_code, refused["Content-Type"]) == (406, "application/problem+json")
    assert refused.json()["type"] == "urn:problem-type:controlplane:not-acceptable"
    answers = operation.described["responses"].items()
    given = {kind for status, answer in answers if status < "3" for kind in answer.get("content", ())}
    own = JSON if JSON in given or not given else min(given)
    for taken in ("", "*/*", own, "text/html, */*;q=0.1"):
        answer = administrator.request(operation.method.upper(), address, Accept=taken)
        assert answer.status_code != 406, taken


@pytest.mark.django_db
def test_the_document_comes_as_yaml_or_json_and_metrics_as_text(viewer: ApiClient) -> None:
    for path, accept, status, content_type in [
        ("/schema", "*/*", 200, "application/vnd.oai.openapi"),
        ("/schema", "application/json", 200, "application/json"),
        ("/schema", "application/yaml", 200, "application/yaml"),
        ("/schema", "image/png", 406, "application/problem+json"),
        ("/docs", "text/html,*/*;q=0.8", 200, "text/html"),
        ("/docs", "image/png", 406, "application/problem+json"),
        ("/metrics", "*/*", 200, "text/plain"),
        ("/metrics", "text/plain", 200, "text/plain"),
        ("/metrics", "application/json", 406, "application/problem+json"),
    ]:
        answer = viewer.get(path, Accept=accept)
        assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (status, content_type), path
