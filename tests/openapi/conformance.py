"""Whether an answer is one that the document knows. Every client of the tests asks for each answer that it gets."""

import gzip
import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.openapi.document import DOCUMENT, JSON, OPERATIONS, Operation, resolved

PROBLEM = "application/problem+json"
# To hold a whole fleet against its schema takes seconds; its first cameras are like the others.
MAX_BYTES = 20_000
GZIP = b"\x1f\x8b"


def require_documented(method: str, address: str, status: int, content_type: str, content: bytes) -> None:
    """Raises AssertionError for a status, a media type or a body that the operation does not name.

    An address or a method that is none of the document's has no operation, and may answer what it likes.
    """
    if content.startswith(GZIP):
        content = gzip.decompress(content)
    operation = _operation_at(method, address.partition("?")[0].rstrip("/"))
    if operation is None or status == 301:  # to the same address over TLS
        return
    where = f"{operation.name} answered {status}"
    assert status in operation.answers, f"{where}, which the document does not know"
    media_type = content_type.partition(";")[0]
    known = operation.answers[status].get("content", {})
    assert not content or media_type in known, f"{where} with {media_type}, which the document does not know"
    if media_type in (JSON, PROBLEM) and 0 < len(content) <= MAX_BYTES:
        found = faults(json.loads(content), known[media_type]["schema"])
        assert not found, f"{where} otherwise than the document says: {found}"


def faults(value: Any, schema: dict[str, Any]) -> list[str]:
    """How a value departs from a schema, and what it has beside the members that are named there."""
    found = [f"{error.json_path}: {error.message}" for error in _validator(json.dumps(schema)).iter_errors(value)]
    return found + [f"{path}: is not in the schema" for path in _unnamed(value, schema, "$")]


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = {**json.loads(schema), "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def _unnamed(value: Any, schema: Any, path: str) -> list[str]:
    schema = resolved(schema)
    if choices := schema.get("anyOf"):
        return min((_unnamed(value, choice, path) for choice in choices), key=len)
    if isinstance(value, list):
        return [fault for item in value for fault in _unnamed(item, schema.get("items", {}), f"{path}[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    named = schema["properties"]
    return [
        fault
        for name, inner in value.items()
        for fault in (_unnamed(inner, named[name], f"{path}.{name}") if name in named else [f"{path}.{name}"])
    ]


@cache
def _operation_at(method: str, path: str) -> Operation | None:
    # Addresses without a parameter go first, as in the service.
    for operation in sorted(OPERATIONS, key=lambda one: "{" in one.path):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation.path))
        if operation.method == method.lower() and re.fullmatch(pattern, path):
            return operation
    return None
