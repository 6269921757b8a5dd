"""The ingest tier alone: telemetry and probes, and nothing else."""

from collections.abc import Iterator

import pytest

from telemetry import asgi as ingest_tier
from telemetry.ingest import queues
from telemetry.ingest.queues import close_queues
from tests.asgi_client import AsgiClient
from tests.factories import make_camera, make_site, make_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tier(transactional_db: None) -> Iterator[AsgiClient]:
    client = AsgiClient(ingest_tier.application, close_queues, serves_all=False)
    yield client
    client.close()


def test_it_answers_probes_and_metrics_for_a_viewer(tier: AsgiClient) -> None:
    as_viewer = {"Authorization": f"Bearer {make_token('viewer')}"}
    as_worker = {"Authorization": f"Bearer {make_token('worker')}"}
    as_bound = {"Authorization": f"Bearer {make_token('viewer', make_site())}"}

    assert tier.request("GET", "/livez").json() == {"status": "alive"}
    for headers in ({}, as_worker, as_bound):
        assert tier.request("GET", "/readyz", headers=headers).json() == {"status": "ready"}
    assert tier.request("GET", "/readyz", headers=as_viewer).json()["checks"]["database"]["ok"] is True
    assert tier.request("GET", "/metrics", headers=as_bound).status_code == 403
    assert tier.request("GET", "/metrics").status_code == 401
    assert tier.request("GET", "/metrics", headers=as_worker).status_code == 403
    assert b"controlplane_ingest_events_total" in tier.request("GET", "/metrics", headers=as_viewer).content


@pytest.mark.parametrize("path", ["/", "/cameras", "/admin/", "/docs", "/telemetryx"])
def test_it_serves_nothing_else(tier: AsgiClient, path: str) -> None:
    camera = make_camera()
    headers = {"Authorization": f"Bearer {make_token('administrator')}"}

    for method in ("GET", "POST"):
        answer = tier.request(method, path, headers=headers)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert tier.request("GET", f"/telemetry/{camera.pk}", headers=headers).status_code == 404


def test_beyond_the_bytes_that_may_wait_the_answer_is_503(
    tier: AsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = make_camera()
    headers = {"Authorization": f"Bearer {make_token('worker')}", "Content-Type": "application/json"}
    body = b'{"timestamp": "2026-01-01T00:00:00Z", "occupancy": 5, "confidence": 0.5}'
    monkeypatch.setattr(queues, "MAX_WAITING_BYTES", len(body))

    assert tier.request("POST", f"/telemetry/{camera.pk}", body, headers).status_code == 201
    answer = tier.request("POST", f"/telemetry/{camera.pk}", body + b" ", headers)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    # What was refused has given its room back.
    assert tier.request("POST", f"/telemetry/{camera.pk}", body, headers).status_code == 200
