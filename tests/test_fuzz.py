"""The whole API fuzzed from its own OpenAPI document: no 5xx, and every answer as documented."""

from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from controlplane.wsgi import application
from telemetry.ingest.wire import NDJSON_TYPES
from tests.factories import make_camera, make_site, make_token

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer(*NDJSON_TYPES)
def as_lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """NDJSON is a text to the document."""
    return str(value).encode("utf-8", "surrogatepass")


@pytest.fixture
def api(db: None) -> Any:
    # As Django's test client does: a request's end must not close the connection of the test's transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield _schema()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _schema() -> Any:
    make_camera(site=make_site())
    headers = {"Authorization": f"Bearer {make_token('administrator')}"}
    return schemathesis.openapi.from_wsgi("/schema", application, headers=headers)


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_operation_answers_as_documented_to_anything(case: Any, administrator: Any, worker: Any) -> None:
    telemetry = case.method == "POST" and case.path.startswith("/telemetry")
    secret = (worker if telemetry else administrator).secret
    # Otherwise it says that it takes gzip, and reads what comes as it is.
    headers = {"Authorization": f"Bearer {secret}", "Accept-Encoding": "identity"}
    case.call_and_validate(headers=headers, checks=CHECKS)
