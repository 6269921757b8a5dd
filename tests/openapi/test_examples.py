"""Every example of the document, and of the page on user interfaces, is sent, and what comes back held against it."""

import csv
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from cameras.api.examples import CAMERA_ID, EMPTY_SITE_ID, SITE_ID
from controlplane.access.principals import Role
from controlplane.negotiation import EVENT_STREAM
from telemetry.alerts.api.incident_operations import BEGAN
from telemetry.alerts.incident_models import Incident, IncidentEntry
from telemetry.alerts.models import Transition
from tests.factories import ApiClient, make_token
from tests.openapi.conformance import faults
from tests.openapi.document import JSON, OPERATIONS, Exchange, Operation, is_integer, resolved
from tests.openapi.scene import URL, Ids, make_incident, make_scene
from tests.processes import ROOT

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
VOLATILE = (
    re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),  # an id
    re.compile(r"\"?[0-9a-f]{12}-[0-9]+\"?"),  # a cursor, or an ETag
    re.compile(r"cpt_[A-Za-z0-9_-]+"),  # a token, or how it begins
    re.compile(r"(token:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),  # a principal
    re.compile(r"[0-9a-f]{32}"),  # a request
)
COUNTED_ON = (
    "revision",
    "block",
    "epoch",
    "id",
)  # how many changes there were before, and the seconds of the database

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


def differences(example: Any, answer: Any, path: str = "$") -> list[str]:
    """Where an answer is not what the example promises. Ids, cursors and moments need only be such."""
    if isinstance(example, dict) and isinstance(answer, dict):
        found = [f"{path}.{name}: only in one" for name in example.keys() ^ answer.keys()]
        for name in example.keys() & answer.keys():
            if name not in COUNTED_ON or isinstance(example[name], str):
                found += differences(example[name], answer[name], f"{path}.{name}")
        return found
    if isinstance(example, list) and isinstance(answer, list):
        if len(example) != len(answer):
            return [f"{path}: {len(example)} and {len(answer)} items"]
        return [
            fault
            for index, (one, other) in enumerate(zip(example, answer, strict=True))
            for fault in differences(one, other, f"{path}[{index}]")
        ]
    if example == answer or (isinstance(example, str) and isinstance(answer, str) and are_alike(example, answer)):
        return []
    return [f"{path}: {example!r} and {answer!r}"]


def are_alike(example: str, answer: str) -> bool:
    if "..." in example and re.fullmatch(".*".join(map(re.escape, example.split("..."))), answer, re.DOTALL):
        return True
    if any(pattern.fullmatch(example) and pattern.fullmatch(answer) for pattern in VOLATILE):
        return True
    try:
        return datetime.fromisoformat(example) == datetime.fromisoformat(answer)
    except ValueError:
        return False


@pytest.fixture
def clients(db: None) -> Any:
    with time_machine.travel(NOON, tick=False):
        yield {role: ApiClient(make_token(role)) for role in Role}


def scene_for(clients: dict[str, ApiClient]) -> Ids:
    def send(role: str, method: str, path: str, body: Any) -> Any:
        answer = clients[role].request(method, path, body)
        assert answer.status_code < 300, answer.content
        return answer.json() if answer.content else None

    ids = make_scene(send)
    Transition.objects.create(
        camera_id=ids[CAMERA_ID],
        camera_name="North Lot Entrance",
        site_id=ids[SITE_ID],
        at=datetime(2026, 3, 4, 11, 59, tzinfo=UTC),
        from_status="pending",
        to_status="healthy",
        reason="reporting",
        detected_at=datetime(2026, 3, 4, 11, 59, 10, tzinfo=UTC),
    )
    incident = make_incident(ids)
    Incident.objects.create(**incident)
    IncidentEntry.objects.create(
        incident_id=incident["id"], at=incident["began_at"], event="began", text=BEGAN["text"]
    )
    return ids


def sent(client: ApiClient, operation: Operation, exchange: Exchange, ids: Ids) -> Any:
    path, query = operation.path, []
    for parameter in operation.parameters:
        if parameter["name"] in exchange.parameters:
            text = ids.in_scene(str(exchange.parameters[parameter["name"]])).replace("+", "%2B")
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", text)
            else:
                query.append(f"{parameter['name']}={text}")
    text = exchange.body if isinstance(exchange.body, str) else json.dumps(exchange.body)
    body = b"" if exchange.body is None else ids.in_scene(text).encode()
    address = "?".join(filter(None, (path, "&".join(query))))
    return client.request(
        operation.method.upper(), address, body, content_type=exchange.takes, Accept=exchange.gives
    )


@each_operation
def test_the_service_takes_every_example_and_gives_what_it_promises(
    operation: Operation, clients: dict[str, ApiClient]
) -> None:
    ids = scene_for(clients)

    # Streams come from no view: tests/cameras/api/test_stream.py.
    for exchange in (one for one in operation.exchanges() if one.gives != EVENT_STREAM):
        answer = sent(clients[operation.role], operation, exchange, ids)
        assert departures(operation, exchange, answer, ids) == []


def departures(operation: Operation, exchange: Exchange, answer: Any, ids: Ids) -> list[str]:
    """Where an answer is none that the document and the example promise."""
    text = ids.in_examples(answer.content.decode())
    if answer.status_code != exchange.status:
        return [f"{answer.status_code} and not {exchange.status}: {text}"]
    if exchange.answer is None:
        return [text] if text else []
    if (media_type := answer["Content-Type"].partition(";")[0]) != exchange.gives:
        return [f"{media_type} and not {exchange.gives}"]
    if exchange.gives != JSON:
        return differences([*csv.reader(exchange.answer.splitlines())], [*csv.reader(text.splitlines())])
    schema = operation.answers[exchange.status]["content"][JSON]["schema"]
    found = faults(json.loads(text), schema) + faults(exchange.answer, schema)
    if exchange.body is not None and exchange.takes == JSON:
        found += faults(exchange.body, operation.bodies[JSON]["schema"])
    return found + differences(exchange.answer, json.loads(text))


@each_operation
def test_every_operation_has_an_example_of_each_body_and_of_each_success(operation: Operation) -> None:
    exchanges = operation.exchanges()
    successes = {status for status in operation.answers if status < 300}

    assert exchanges or not operation.parameters
    assert {exchange.status for exchange in exchanges} == successes
    assert {exchange.takes for exchange in exchanges if exchange.body is not None} == set(operation.bodies)


def integers_of(operation: Operation) -> list[tuple[str, str]]:
    """Where an operation takes an integer: in the body or in the query, and under which name."""
    schema = resolved(operation.bodies.get(JSON, {}).get("schema", {}))
    members = resolved(schema.get("items", schema)).get("properties", {})
    found = [("body", name) for name, one in members.items() if is_integer(one)]
    return found + [("query", one["name"]) for one in operation.parameters if is_integer(one["schema"])]


INTEGERS = [
    pytest.param(operation, place, name, id=f"{operation.name}-{name}")
    for operation in OPERATIONS
    for place, name in integers_of(operation)
]


@pytest.mark.parametrize(("operation", "place", "name"), INTEGERS)
@pytest.mark.parametrize("text", ["5.0", "5e0"])
def test_an_integer_has_no_fraction_and_no_exponent(
    operation: Operation, place: str, name: str, text: str, clients: dict[str, ApiClient]
) -> None:
    ids = scene_for(clients)
    exchange = next(one for one in operation.exchanges() if one.gives == JSON)
    if place == "query":
        exchange = exchange._replace(parameters={**exchange.parameters, name: text})
    else:
        items = exchange.body if isinstance(exchange.body, list) else [exchange.body]
        body = json.dumps(
            [{**items[0], name: "number"}] if items is exchange.body else {**items[0], name: "number"}
        )
        exchange = exchange._replace(body=body.replace('"number"', text))

    answer = sent(clients[operation.role], operation, exchange, ids)

    if answer.status_code == 200:  # of several, each is answered by itself
        assert [(one["code"], one["detail"].partition(":")[0]) for one in answer.json()] == [("invalid", name)]
        return
    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == [name]


# --- The page on user interfaces ------------------------------------------------------------------------------

HALL_ID = "c2d7a6e0-41f8-4b93-b0a5-6e9d13f87c52"  # the second camera of that page

MESSAGE = re.compile(r"```http\n(?P<start>.*)\n(?P<headers>(?:[\w-]+: .*\n)*)(?:\n(?P<body>(?s:.*?)))?```")


def messages_of(page: str) -> list[tuple[str, dict[str, str], Any]]:
    """The first line, the headers and the JSON of each message of HTTP on a page."""
    return [
        (
            found["start"],
            dict(line.split(": ", 1) for line in found["headers"].splitlines()),
            json.loads(found["body"]) if found["body"] else None,
        )
        for found in MESSAGE.finditer(page)
    ]


def test_the_messages_on_the_page_for_user_interfaces_are_answered_as_they_stand_there(
    clients: dict[str, ApiClient],
) -> None:
    page = (ROOT / "docs" / "how-to" / "ui.md").read_text()
    messages = messages_of(page)
    ids, cursor = scene_for(clients), ""
    hall = {"name": "South Station Hall", "site": ids[EMPTY_SITE_ID], "connection_string": URL}
    ids[HALL_ID] = clients["administrator"].post("/cameras", hall).json()["id"]
    assert len(messages) == page.count("```http") == 2 * page.count("\nHTTP/1.1 ") > 0

    for (start, sent_headers, body), (status_line, headers, expected) in zip(
        messages[::2], messages[1::2], strict=True
    ):
        method, path = ids.in_scene(start.replace("$CURSOR", cursor)).split(" ")
        client = clients[sent_headers.pop("Authorization").removeprefix("Bearer $").lower()]
        content_type = sent_headers.pop("Content-Type", JSON)

        answer = client.request(method, path, body, content_type=content_type, **sent_headers)

        assert answer.status_code == int(status_line.split()[1]), (start, answer.content)
        assert differences(headers, {name: answer.headers.get(name) for name in headers}) == [], start
        assert differences(expected, json.loads(ids.in_examples(answer.content.decode()))) == [], start
        cursor = answer.headers.get("X-Cursor", cursor)
