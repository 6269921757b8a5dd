"""A client that is generated from the document calls every operation of a running service.

The generator knows no NDJSON, so that batches are sent as arrays here; tests/telemetry/ingest has the rest.
"""

import importlib
import inspect
import json
import re
import sqlite3
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import attrs
import httpx
import pytest

from cameras.api.examples import CAMERA_ID, SITE_ID
from controlplane.problem_types import PREFIX
from tests.faults.service import Service, make_fleet
from tests.openapi.document import JSON, OPERATIONS, Operation
from tests.openapi.scene import Ids, make_incident, make_scene
from tests.processes import ROOT

pytestmark = pytest.mark.once

PACKAGE = "generated_client"
# Columns of an incident that are not null.
STORED = (
    "id",
    "key",
    "title",
    "state",
    "camera_id",
    "site_id",
    "began_at",
    "acknowledged_by",
    "reopened",
    "causes",
)
NO_NDJSON = re.compile(r"Unsupported content type application/(x-)?(ndjson|jsonl|jsonlines)")


class Generated(NamedTuple):
    """The generated package, a client of it for each role, and how to send without it."""

    models: Any
    clients: dict[str, Any]
    raw: dict[str, httpx.Client]
    database: Path

    def scene(self) -> Ids:
        def send(role: str, method: str, path: str, body: Any) -> Any:
            answer = self.raw[role].request(method, path, json=body).raise_for_status()
            return answer.json() if answer.content else None

        ids = make_scene(send, mark=uuid4().hex)
        row = make_incident(ids)
        row |= {name: UUID(row[name]).hex for name in ("id", "camera_id", "site_id")}
        row |= {"causes": json.dumps(row["causes"]), "began_at": str(row["began_at"])[:19]}
        with closing(sqlite3.connect(self.database)) as database, database:
            columns, places = ", ".join(STORED), ", ".join("?" * len(STORED))
            database.execute(
                f"INSERT INTO alerts_incident ({columns}) VALUES ({places})", [row[name] for name in STORED]
            )
        return ids

    def call(self, role: str, name: str, **given: Any) -> Any:
        """The answer of an operation, with its status and what was parsed of it."""
        tag = next(one for one in OPERATIONS if one.name == name).described["tags"][0]
        called = importlib.import_module(f"{PACKAGE}.api.{tag}.{name}").sync_detailed
        kinds = {name: one.annotation for name, one in inspect.signature(called).parameters.items()}
        arguments = {name: converted(value, kinds[name]) for name, value in given.items()}
        return called(client=self.clients[role], **arguments)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    folder = tmp_path_factory.mktemp("generated")
    generate(folder)
    database_url = f"sqlite:///{folder / 'service.sqlite3'}"
    tokens = make_fleet(database_url, cameras=0).tokens
    sys.path.insert(0, str(folder))
    try:
        package = importlib.import_module(PACKAGE)
        with Service(folder, database_url) as service:
            clients = {
                role: package.AuthenticatedClient(base_url=service.url, token=token)
                for role, token in (tokens | {"nobody": "cpt_nobody"}).items()
            }
            raw = {
                role: httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {token}"})
                for role, token in tokens.items()
            }
            yield Generated(importlib.import_module(f"{PACKAGE}.models"), clients, raw, folder / "service.sqlite3")
            for client in raw.values():
                client.close()
            for client in clients.values():
                client.get_httpx_client().close()
            assert service.logged_errors() == []
    finally:
        sys.path.remove(str(folder))


def generate(folder: Path) -> None:
    """Make the package in the folder. What the generator cannot take in fails, but for NDJSON."""
    config = folder / "config.yaml"
    config.write_text("post_hooks: []\n")
    command = [Path(sys.executable).with_name("openapi-python-client"), "generate"]
    where = ["--path", ROOT / "docs" / "openapi.yaml", "--output-path", folder / PACKAGE]
    done = subprocess.run(
        [*command, *where, "--meta", "none", "--config", config], capture_output=True, text=True, timeout=60
    )
    said = done.stdout + done.stderr
    warnings = re.findall(r"^WARNING .*\n+(.*)$", said, re.MULTILINE)
    assert done.returncode == 0, said
    assert [warning for warning in warnings if not NO_NDJSON.fullmatch(warning)] == [], said


def converted(value: Any, kind: Any) -> Any:
    """A value of the document as the generated function takes it."""
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for one in kinds:
        if typing.get_origin(one) is list:
            return [converted(item, typing.get_args(one)[0]) for item in value]
        if hasattr(one, "from_dict"):
            return one.from_dict(value)
        if one is UUID or (isinstance(one, type) and issubclass(one, Enum)):
            return one(value)
        if one is datetime:
            return datetime.fromisoformat(value)
    return value


def untyped(value: Any) -> list[str]:
    """The members of an answer that the document does not name. An object of any members names none."""
    if isinstance(value, list):
        return [fault for item in value for fault in untyped(item)]
    if not attrs.has(type(value)):
        return []
    names = [field.name for field in attrs.fields(type(value))]
    if names == ["additional_properties"]:
        return []
    found = [f"{type(value).__name__}.{name}" for name in value.additional_properties]
    return found + [fault for name in names for fault in untyped(getattr(value, name))]


def argument(name: str) -> str:
    """What the generator calls a parameter."""
    plain = name.lower().replace("-", "_")
    return f"{plain}_" if plain in ("from", "in", "object") else plain


def arguments_of(parameters: dict[str, Any], body: Any, ids: Ids) -> dict[str, Any]:
    """What the generated function is called with, in a scene."""

    def in_scene(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: in_scene(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [in_scene(inner) for inner in value]
        return ids.in_scene(value) if isinstance(value, str) else value

    given = {argument(name): in_scene(value) for name, value in parameters.items()}
    return given if body is None else given | {"body": in_scene(body)}


SAMPLE = {"timestamp": "2026-03-04T11:59:00Z", "occupancy": 7, "confidence": 0.5}
NOBODY = "00000000-0000-4000-8000-000000000000"


class Refused(NamedTuple):
    """A call that is refused, and what the client makes of it."""

    role: str
    name: str
    parameters: dict[str, Any]
    body: Any
    status: int
    model: str
    kind: str


FUTURE, NEGATIVE = SAMPLE | {"timestamp": "2126-03-04T11:59:00Z"}, SAMPLE | {"occupancy": -1}
REFUSED = [
    Refused("nobody", "list_sites", {}, None, 401, "Problem", "not-authenticated"),
    Refused("administrator", "create_camera", {}, {"name": "", "connection_string": "http://x"}, 400, "Problem", "invalid-request"),
    Refused("administrator", "get_camera", {"id": NOBODY}, None, 404, "Problem", "not-found"),
    Refused("viewer", "delete_camera", {"id": CAMERA_ID}, None, 403, "Problem", "forbidden"),
    Refused("administrator", "update_camera", {"id": CAMERA_ID, "If-Match": '"x"'}, {"notes": "x"}, 412, "PreconditionFailedProblem", "precondition-failed"),
    Refused("administrator", "delete_site", {"id": SITE_ID}, None, 409, "Problem", "site-in-use"),
    Refused("administrator", "list_changes", {"since": "000000000000-1"}, None, 410, "CursorGoneProblem", "cursor-gone"),
    Refused("worker", "report_sample", {"camera_id": CAMERA_ID}, SAMPLE, 409, "SampleRefusedProblem", "sample-conflict"),
    Refused("worker", "report_sample", {"camera_id": CAMERA_ID}, FUTURE, 400, "SampleRefusedProblem", "sample-in-future"),
    Refused("worker", "report_sample", {"camera_id": CAMERA_ID}, NEGATIVE, 400, "Problem", "invalid-request"),
    Refused("worker", "report_sample", {"camera_id": NOBODY}, SAMPLE, 404, "SampleRefusedProblem", "unknown-camera"),
    Refused("worker", "report_samples", {}, [{"camera_id": CAMERA_ID, **SAMPLE}], 400, "BatchRejectedProblem", "batch-rejected"),
]  # fmt: skip


# One test, so that there is one service: several would be started where the tests run in several processes.
def test_the_client_calls_every_operation_and_understands_every_answer(
    generated: Generated, subtests: pytest.Subtests
) -> None:
    for operation in OPERATIONS:
        with subtests.test(operation.name):
            sends_its_examples(operation, generated)
    for case in REFUSED:
        with subtests.test(" ".join((case.role, case.name, case.kind))):
            understands_the_refusal(case, generated)


def sends_its_examples(operation: Operation, generated: Generated) -> None:
    ids = generated.scene()
    exchanges = [one for one in operation.exchanges() if (one.takes, one.gives) == (JSON, JSON)]

    assert exchanges
    for exchange in exchanges:
        answer = generated.call(
            operation.role, operation.name, **arguments_of(exchange.parameters, exchange.body, ids)
        )
        assert answer.status_code == exchange.status, answer.content
        assert (answer.parsed is None) == (exchange.answer is None)
        assert untyped(answer.parsed) == []


def understands_the_refusal(case: Refused, generated: Generated) -> None:
    arguments = arguments_of(case.parameters, case.body, generated.scene())

    answer = generated.call(case.role, case.name, **arguments)

    assert (answer.status_code, type(answer.parsed).__name__) == (case.status, case.model), answer.content
    assert (answer.parsed.type_, answer.parsed.status) == (PREFIX + case.kind, case.status)
    assert untyped(answer.parsed) == []
