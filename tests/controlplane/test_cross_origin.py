"""Pages of other origins: who may call, what is answered before anybody is asked who they are, and what stays closed."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.test import Client

from controlplane import asgi, cross_origin
from telemetry import asgi as ingest_tier
from telemetry.ingest.queues import close_queues
from tests.asgi_client import AsgiClient
from tests.factories import make_token
from tests.faults.service import Fleet, Service, make_fleet

pytestmark = pytest.mark.once

UI, OTHER = "https://ui.example.com", "https://evil.example.com"
EXPOSED = {"X-Cursor", "ETag", "Link", "Location", "Retry-After"}
SENT = ("authorization", "content-type", "if-match", "idempotency-key", "last-event-id")
MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": ", ".join(SENT)}

#: a path of each kind of endpoint, and what it answers nobody: bare, in Django, probes
PATHS = [
    ("GET", "/cameras/changes", 401),
    ("POST", "/telemetry", 401),
    ("GET", "/cameras", 401),
    ("GET", "/livez", 200),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Fleet]]:
    """The service as in production, opened to one origin."""
    folder = tmp_path_factory.mktemp("opened")
    database_url = f"sqlite:///{folder / 'service.sqlite3'}"
    fleet = make_fleet(database_url, cameras=1)
    with (
        Service(folder, database_url, settings={"CORS_ALLOWED_ORIGINS": UI}) as service,
        httpx.Client(base_url=service.url) as client,
    ):
        yield client, fleet


def names_of(headers: Any) -> set[str]:
    return {name.lower() for name in headers if name.lower().startswith("access-control-")}


def test_a_page_of_an_allowed_origin_calls_every_kind_of_endpoint(opened: tuple[httpx.Client, Fleet]) -> None:
    client, fleet = opened
    for method, path, status in PATHS:
        preflight = client.options(path, headers={"Origin": UI, **PREFLIGHT})
        assert (preflight.status_code, preflight.content) == (200, b""), path
        assert preflight.headers.get_list("Access-Control-Allow-Origin") == [UI]
        assert {*SENT} <= set(preflight.headers["Access-Control-Allow-Headers"].split(", "))
        assert {"PUT", "DELETE"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))
        assert "Access-Control-Allow-Credentials" not in preflight.headers

        answer = client.request(method, path, headers={"Origin": UI})
        assert answer.status_code == status, path
        assert answer.headers.get_list("Access-Control-Allow-Origin") == [UI]
        assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == EXPOSED
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "origin" in answer.headers["Vary"].lower()
    bearer = {"Authorization": f"Bearer {fleet.tokens['viewer']}", "Origin": UI, "Accept-Encoding": "gzip"}
    listed = client.get("/cameras", headers=bearer)
    assert (listed.status_code, len(listed.json())) == (200, 1)
    # Long enough to be compressed.
    packed = client.get("/schema", headers={**bearer, "Accept": "application/json"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert {"origin", "accept-encoding"} <= {name.strip().lower() for name in packed.headers["Vary"].split(",")}


def test_a_page_of_an_allowed_origin_reads_a_stream_as_it_comes(opened: tuple[httpx.Client, Fleet]) -> None:
    client, fleet = opened
    headers = {"Authorization": f"Bearer {fleet.tokens['viewer']}", "Accept": "text/event-stream", "Origin": UI}

    with client.stream("GET", "/cameras/changes", headers=headers) as answer:
        assert answer.headers.get_list("Access-Control-Allow-Origin") == [UI]
        assert {"accept", "origin"} <= {name.strip().lower() for name in answer.headers["Vary"].split(",")}
        assert next(line for line in answer.iter_lines() if line.startswith("event:")) == "event: change"


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://ui.example.com.evil.com", "http://ui.example.com", "", "*"]
)
def test_a_page_of_another_origin_reads_nothing(opened: tuple[httpx.Client, Fleet], origin: str) -> None:
    client, _fleet = opened
    for method, path, status in PATHS:
        preflight = client.options(path, headers={"Origin": origin, **PREFLIGHT})
        answer = client.request(method, path, headers={"Origin": origin})

        assert answer.status_code == status, path
        assert names_of(answer.headers) == names_of(preflight.headers) == set()
        assert "origin" in answer.headers["Vary"].lower(), "a cache does not give it to a page that is allowed"


def test_the_admin_stays_closed_to_pages_of_other_origins(opened: tuple[httpx.Client, Fleet]) -> None:
    client, _fleet = opened
    for path in ("/admin/login/", "/admin", "/static/controlplane/admin.css"):
        assert names_of(client.get(path, headers={"Origin": UI}).headers) == set(), path
        assert names_of(client.options(path, headers={"Origin": UI, **PREFLIGHT}).headers) == set(), path


def test_without_the_setting_nothing_is_opened_and_nothing_stands_in_the_way(db: None, settings: Any) -> None:
    assert MIDDLEWARE not in settings.MIDDLEWARE
    assert cross_origin.open_to_other_origins(asgi._answer) is asgi._answer

    answer = Client().get("/cameras", headers={"Origin": UI, "Authorization": f"Bearer {make_token('viewer')}"})

    assert (answer.status_code, names_of(answer.headers)) == (200, set())


def test_the_ingest_tier_is_opened_in_the_same_way(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [UI]
    application = cross_origin.open_to_other_origins(ingest_tier._answer)
    client = AsgiClient(application, close_queues, serves_all=False)
    try:
        preflight = client.request("OPTIONS", "/telemetry", headers={"Origin": UI, **PREFLIGHT})
        refused = client.request("POST", "/telemetry", headers={"Origin": UI})
        foreign = client.request("POST", "/telemetry", headers={"Origin": OTHER})
    finally:
        client.close()

    assert (preflight.status_code, preflight["Access-Control-Allow-Origin"]) == (200, UI)
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, UI)
    assert (foreign.status_code, names_of(foreign.headers)) == (401, set())


def test_without_an_event_loop_django_answers_the_same(db: None, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [UI]
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    client = Client()

    preflight = client.options("/cameras", headers={"Origin": UI, **PREFLIGHT})
    refused = client.get("/cameras", headers={"Origin": UI})

    assert (preflight.status_code, preflight["Access-Control-Allow-Origin"]) == (200, UI)
    assert {*SENT} <= set(preflight["Access-Control-Allow-Headers"].split(", "))
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, UI)
    assert set(refused["Access-Control-Expose-Headers"].split(", ")) == EXPOSED
    assert names_of(client.get("/cameras", headers={"Origin": OTHER}).headers) == set()
    assert names_of(client.get("/admin/login/", headers={"Origin": UI}).headers) == set()
