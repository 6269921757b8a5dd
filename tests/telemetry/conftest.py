"""The endpoints for workers, so that one set of contract tests covers all; and a database without partitions."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from cameras.models import Camera, Site
from telemetry import asgi as ingest_tier
from telemetry.ingest import endpoint as fast_endpoint
from telemetry.ingest.queues import close_queues
from telemetry.storage import partitions
from tests.asgi_client import AsgiClient
from tests.factories import ApiClient, make_token


class FastEndpoint:
    """The methods of ApiClient, for a bare ASGI callable."""

    def __init__(self, asgi: AsgiClient, secret: str | None) -> None:
        self.asgi, self.secret = asgi, secret

    def post(self, path: str, body: Any = None, **headers: Any) -> Any:
        sent = {"Content-Type": headers.pop("content_type", "application/json"), **headers}
        if self.secret:
            sent.setdefault("Authorization", f"Bearer {self.secret}")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.asgi.request("POST", path, data, {**sent, "Content-Length": str(len(data))})


class Endpoints:
    """Makes clients of the endpoint under test, with any token."""

    def __init__(self, asgi: AsgiClient | None) -> None:
        self.asgi = asgi

    def as_token(self, secret: str | None) -> Any:
        return FastEndpoint(self.asgi, secret) if self.asgi else ApiClient(secret)

    def as_role(self, role: str, *bound_to: Site | Camera, **values: Any) -> Any:
        return self.as_token(make_token(role, *bound_to, **values))


@pytest.fixture(
    params=[
        pytest.param("django", marks=pytest.mark.django_db),
        # The fast endpoint writes in a thread of its own, which must see what the test has made.
        pytest.param("fast", marks=pytest.mark.django_db(transaction=True)),
        pytest.param("tier", marks=pytest.mark.django_db(transaction=True)),
    ]
)
def endpoints(request: pytest.FixtureRequest) -> Iterator[Endpoints]:
    if request.param == "django":
        yield Endpoints(None)
        return
    application = fast_endpoint.application if request.param == "fast" else ingest_tier.application
    asgi = AsgiClient(application, close_queues)
    yield Endpoints(asgi)
    asgi.close()


@pytest.fixture
def worker_endpoint(endpoints: Endpoints) -> Any:
    """A client of the endpoint under test, with a worker's token that is not bound."""
    return endpoints.as_role("worker")


@pytest.fixture
def without_partitions(db: None) -> None:
    """No partitions, so that all rows are in DEFAULT."""
    if connection.vendor == "postgresql":
        drop_partitions()


def drop_partitions(*tables: partitions.Table) -> None:
    """Drop all partitions of some tables, or of all."""
    with connection.cursor() as cursor:
        for table in tables or partitions.TABLES:
            for partition in partitions.partitions_of(table):
                cursor.execute(f"DROP TABLE {partition.name}")
