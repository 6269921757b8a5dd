"""The OpenAPI document: what every operation is called, takes and gives, with examples and with its problems.

A view is described by one `operation(...)` above it, beside its docstring.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from controlplane.problem_types import (
    QUERY_TOO_SLOW,
    TYPES,
    UNAVAILABLE,
    ErrorCode,
    Extension,
    ProblemType,
    type_of_status,
)
from controlplane.problems import CONTENT_TYPE

View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
# What any request may be answered with, whatever it asks for. 400 too: an unknown parameter is refused everywhere.
ALWAYS = (400, 401, 403, 406, 408, 413, 414, 429, 431, 500, 503)
OF_BODIES = (411, 415)
USUAL = {503: (UNAVAILABLE, QUERY_TOO_SLOW)}  # of other statuses there is one that any request may get
BODY_METHODS = ("POST", "PATCH", "PUT")
HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "How to authenticate."},
    410: {"X-Cursor": "Where to watch from after listing again; also in `current`."},
    412: {"ETag": "The present ETag; also in `current`."},
    429: {"Retry-After": "Seconds until the request may be repeated."},
    503: {"Retry-After": "Seconds until the request may be repeated; absent where it would fail again."},
}
WHOLE = "Written as a whole number: 5.0 is refused."


class Exchange(NamedTuple):
    """One request that the service takes, and what it answers: an example, which a test sends."""

    summary: str
    answer: Any = None
    parameters: Mapping[str, Any] = {}
    body: Any = None
    status: int = 200
    takes: str = JSON
    gives: str = JSON

    @property
    def key(self) -> str:
        """What the example is called in the document, the same beside its parameters, its body and its answer."""
        return re.sub(r"[^a-z0-9]+", "-", self.summary.lower()).strip("-")


class Gives(NamedTuple):
    """The answer of a 2xx: in words, and its shape; None for no body."""

    words: str
    shape: Any = None


def operation(
    name: str,
    summary: str,
    *,
    gives: Mapping[int | tuple[int, str], Gives],
    exchanges: Sequence[Exchange],
    takes: Any = None,
    parameters: Sequence[OpenApiParameter] = (),
    problems: Sequence[ProblemType] = (),
    security: Sequence[str] | None = None,
) -> Callable[[View], View]:
    """Describe a view; its docstring is the description.

    `problems` are those that few others answer with; `security` names the ways to authenticate, all unless given.
    """

    def describe(view: View) -> View:
        view.exchanges, view.problems = exchanges, problems  # type: ignore[attr-defined]
        return extend_schema(
            operation_id=name,
            summary=summary,
            parameters=list(parameters),
            request=takes,
            auth=None if security is None else [{scheme: []} for scheme in security],  # type: ignore[misc]
            responses={
                given: OpenApiResponse(answer.shape, description=answer.words) for given, answer in gives.items()
            },
        )(view)

    return describe


class ProblemAutoSchema(AutoSchema):
    """Adds problems and examples, and names components as a reader would: without `Shape`."""

    def map_parsers(self) -> list[str]:
        # Not the parser's own `*/*`: it takes every type only to refuse it by itself.
        return [JSON]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return super().get_serializer_name(serializer, direction).removesuffix("Shape")

    def _map_serializer_field(self, field: Any, direction: str, *args: Any, **kwargs: Any) -> Any:
        schema = super()._map_serializer_field(field, direction, *args, **kwargs)
        return _whole(schema) if direction == "request" else schema

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _whole(parameter["schema"])
        described = getattr(self.view, getattr(self.view, "action", None) or self.method.lower(), None)
        for exchange in getattr(described, "exchanges", ()):
            _add_example(operation, exchange)
        special: dict[int, list[ProblemType]] = {}
        for kind in getattr(described, "problems", ()):
            special.setdefault(kind.status, []).append(kind)
        for status in sorted({*self._usual_statuses(), *special}):
            operation["responses"].setdefault(str(status), self._problem_answer(status, special.get(status, ())))
        return operation

    def _usual_statuses(self) -> set[int]:
        statuses = set(ALWAYS)
        if "{" in self.path:
            statuses.add(404)
        if self.method in BODY_METHODS:
            statuses.update(OF_BODIES)
        return statuses

    def _problem_answer(self, status: int, special: Sequence[ProblemType]) -> dict[str, Any]:
        """The answer of a status that is none of success, as a reference where nothing in it is special."""
        usual = USUAL.get(status) or (type_of_status(status),)
        kinds = (*usual, *special) if status in self._usual_statuses() else tuple(special)
        extended = {kind.extension: None for kind in kinds if kind.extension}
        schemas = [self._problem_schema(extension) for extension in extended]
        if len(extended) < len(kinds) or not schemas:
            schemas.append(self._problem_schema(None))
        answer: dict[str, Any] = {
            "description": _meanings(kinds),
            "content": {CONTENT_TYPE: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}},
        }
        if headers := HEADERS.get(status):
            answer["headers"] = {
                name: {"description": words, "schema": {"type": "integer" if name == "Retry-After" else "string"}}
                for name, words in headers.items()
            }
        if kinds != usual:
            return answer
        name = usual[0].name.title().replace("-", "")
        return self._component(name, answer, ResolvedComponent.RESPONSE)

    def _problem_schema(self, extension: Extension | None) -> dict[str, str]:
        self._component("ErrorCode", {"type": "string", "enum": list(ErrorCode)})
        self._component("FieldError", FIELD_ERROR)
        if extension is None:
            return self._component("Problem", PROBLEM)
        kinds = [kind for kind in TYPES if kind.extension is extension]
        properties = {
            **PROBLEM["properties"],
            "type": {"type": "string", "const": kinds[0].uri}
            if len(kinds) == 1
            else PROBLEM["properties"]["type"],
            **extension.properties,
        }
        return self._component(
            f"{extension.component}Problem",
            {
                "type": "object",
                "description": _meanings(kinds),
                "required": [name for name in properties if name not in extension.optional],
                "properties": properties,
            },
        )

    def _component(self, name: str, value: dict[str, Any], kind: str = ResolvedComponent.SCHEMA) -> dict[str, str]:
        """A reference to the component, which is made where it is not there yet."""
        component = ResolvedComponent(name=name, type=kind, object=name, schema=value)
        self.registry.register_on_missing(component)
        return component.ref


FIELD_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["field", "detail", "code"],
    "properties": {
        "field": {"type": "string", "description": "Empty for the body as a whole."},
        "detail": {"type": "string", "description": "For people; never repeats a value that was sent."},
        "code": {"$ref": "#/components/schemas/ErrorCode"},
    },
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Types and codes do not change; words may.",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Which kind of problem it is."},
        "title": {"type": "string", "description": "The kind in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong here, and what to do."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
    },
}


def _meanings(kinds: Sequence[ProblemType]) -> str:
    lines = [f"`{kind.name}`: {kind.meaning}" for kind in kinds]
    return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """What is taken, an integer with the remark: to JSON Schema 5.0 is one too, so that only words can say it."""
    kinds = schema.get("type")
    if "integer" not in (kinds if isinstance(kinds, list) else [kinds]):
        return schema
    return {**schema, "description": " ".join(filter(None, (schema.get("description"), WHOLE)))}


def _add_example(operation: dict[str, Any], exchange: Exchange) -> None:
    """The parts of the exchange under one key: beside its parameters, its body and its answer."""

    def add(place: dict[str, Any], value: Any) -> None:
        place.setdefault("examples", {})[exchange.key] = {"summary": exchange.summary, "value": value}

    places = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
    for name, value in exchange.parameters.items():
        add(places[name], value)
    if exchange.body is not None:
        add(operation["requestBody"]["content"][exchange.takes], exchange.body)
    if exchange.answer is not None:
        add(operation["responses"][str(exchange.status)]["content"][exchange.gives], exchange.answer)


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "controlplane.access.authentication.TokenAuthentication"
    name = "token"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer cpt_...`"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "controlplane.access.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Of a person who is signed in to the admin.",
        }
