"""docs/openapi.yaml as the tests read it: its operations, and the examples that go together."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from tests.processes import ROOT

DOCUMENT: dict[str, Any] = yaml.load((ROOT / "docs" / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"


def resolved(value: Any) -> Any:
    """What a reference stands for; anything else as it is."""
    while isinstance(value, dict) and "$ref" in value:
        found: Any = DOCUMENT
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def is_integer(schema: dict[str, Any]) -> bool:
    """Whether a schema is that of an integer, or of one that may be null."""
    kinds = schema.get("type")
    return "integer" in (kinds if isinstance(kinds, list) else [kinds])


class Exchange(NamedTuple):
    """The examples of one key: a request, and the answer where there is one."""

    key: str
    parameters: dict[str, Any]
    body: Any
    takes: str
    status: int
    answer: Any
    gives: str


class Operation(NamedTuple):
    """One operation of the document."""

    method: str
    path: str
    described: dict[str, Any]

    @property
    def name(self) -> str:
        name: str = self.described["operationId"]
        return name

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [resolved(parameter) for parameter in self.described.get("parameters", ())]

    @property
    def bodies(self) -> dict[str, Any]:
        """What may be sent, by media type."""
        bodies: dict[str, Any] = self.described.get("requestBody", {}).get("content", {})
        return bodies

    @property
    def answers(self) -> dict[int, dict[str, Any]]:
        return {int(status): resolved(answer) for status, answer in self.described["responses"].items()}

    @property
    def role(self) -> str:
        """A role that may do it: only workers post telemetry, and only orchestrators place workers, and see of tokens just theirs."""
        if "/placement" in self.path or self.path.startswith("/tokens"):
            return "orchestrator"
        if self.path == "/me":
            return "worker"
        return "worker" if self.method == "post" and self.path.startswith("/telemetry") else "administrator"

    def exchanges(self) -> list[Exchange]:
        """Its examples, in the order in which they stand there."""
        given = {
            key: (status, media_type, example["value"])
            for status, answer in self.answers.items()
            for media_type, content in answer.get("content", {}).items()
            for key, example in content.get("examples", {}).items()
        }
        sent = {
            key: (media_type, example["value"])
            for media_type, content in self.bodies.items()
            for key, example in content.get("examples", {}).items()
        }
        parameters: dict[str, dict[str, Any]] = {}
        for parameter in self.parameters:
            for key, example in parameter.get("examples", {}).items():
                parameters.setdefault(key, {})[parameter["name"]] = example["value"]
        without_content = next((status for status in self.answers if status == 204), 0)
        exchanges = []
        for key in dict.fromkeys([*parameters, *sent, *given]):
            takes, body = sent.get(key, (JSON, None))
            status, gives, answer = given.get(key, (without_content, JSON, None))
            exchanges.append(Exchange(key, parameters.get(key, {}), body, takes, status, answer, gives))
        return exchanges


def operations() -> Iterator[Operation]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(method, path, item[method])


OPERATIONS = list(operations())
