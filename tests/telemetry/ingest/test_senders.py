"""Who may post telemetry, and for which cameras."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from telemetry.models import Sample
from tests.factories import make_camera, make_site
from tests.telemetry.conftest import Endpoints
from tests.telemetry.ingest.events import EXAMPLE, event, vitals_of


def test_only_a_worker_posts_telemetry(endpoints: Endpoints) -> None:
    camera = make_camera()
    for role in ("viewer", "operator", "administrator", "orchestrator"):
        assert endpoints.as_role(role).post(f"/telemetry/{camera.pk}", EXAMPLE).status_code == 403, role


@pytest.mark.parametrize("secret", [None, "cpt_unknown", "nonsense", "cpt_" + "é" * 20])
def test_without_a_known_token_it_is_401(endpoints: Endpoints, secret: str | None) -> None:
    camera = make_camera()
    headers = {"Authorization": "Bearer " + secret.encode().decode("latin-1")} if secret else {}

    answer = endpoints.as_token(None).post(f"/telemetry/{camera.pk}", EXAMPLE, **headers)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_401(endpoints: Endpoints) -> None:
    camera = make_camera()
    client = endpoints.as_role("worker", expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert client.post(f"/telemetry/{camera.pk}", EXAMPLE).status_code == 401


def test_a_bound_worker_posts_for_its_camera_only(endpoints: Endpoints) -> None:
    mine, other = make_camera("mine"), make_camera("other")
    client = endpoints.as_role("worker", mine)

    assert client.post(f"/telemetry/{mine.pk}", EXAMPLE).status_code == 201
    assert client.post(f"/telemetry/{other.pk}", EXAMPLE).status_code == 403
    assert vitals_of(other).last_contact is None
    batch = client.post(
        "/telemetry", [{**EXAMPLE, "camera_id": str(other.pk)}, {**event(), "camera_id": str(mine.pk)}]
    )
    assert batch.status_code == 200
    assert [(error["index"], error["code"]) for error in batch.json()["errors"]] == [(0, "forbidden")]


def test_a_worker_of_a_site_posts_for_its_cameras_only(endpoints: Endpoints) -> None:
    site = make_site()
    mine, other = make_camera("mine", site=site), make_camera("other")
    client = endpoints.as_role("worker", site)

    assert client.post(f"/telemetry/{mine.pk}", EXAMPLE).status_code == 201
    assert client.post(f"/telemetry/{other.pk}", EXAMPLE).status_code == 403
    assert list(Sample.objects.values_list("camera_id", flat=True)) == [mine.pk]


def test_a_worker_of_two_sites_and_a_camera_posts_for_all_of_them_and_no_other(endpoints: Endpoints) -> None:
    north, south = make_site("North"), make_site("South")
    mine = [make_camera("a", site=north), make_camera("b", site=south), make_camera("alone")]
    others = [make_camera("other", site=make_site("Far")), make_camera("without a site")]
    client = endpoints.as_role("worker", north, south, mine[2])
    unknown = "0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"

    singles = [client.post(f"/telemetry/{camera.pk}", EXAMPLE).status_code for camera in (*mine, *others)]
    assert singles == [201, 201, 201, 403, 403]
    assert client.post(f"/telemetry/{unknown}", EXAMPLE).status_code == 404
    ids = [*(camera.pk for camera in (*mine, *others)), unknown]
    batch = client.post("/telemetry", [{**event(), "camera_id": str(camera_id)} for camera_id in ids]).json()
    assert [(error["index"], error["code"]) for error in batch["errors"]] == [
        (3, "forbidden"), (4, "forbidden"), (5, "unknown_camera"),
    ]  # fmt: skip
    assert set(Sample.objects.values_list("camera_id", flat=True)) == {camera.pk for camera in mine}


@pytest.mark.parametrize(
    "path", ["/telemetry/0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11", "/telemetry/nonsense", "/telemetry/" + "0" * 36]
)
def test_an_unknown_camera_is_404(worker_endpoint: Any, path: str) -> None:
    answer = worker_endpoint.post(path, EXAMPLE)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "camera_id")
