"""Pages about the service itself, errors and headers on every answer."""

import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from cameras import health
from cameras.models import CameraVitals, Change, KeyCanary
from controlplane import observability
from controlplane.observability import ExceptionPageFilter, Finding, RedactedExceptionPage, redacted
from telemetry.ingest.wire import NDJSON_TYPES
from tests.factories import SECRET, URL, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db


def test_the_committed_schema_is_the_one_that_the_code_makes(tmp_path: Path) -> None:
    made = tmp_path / "openapi.yaml"
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", str(made)]

    subprocess.run(command, check=True, timeout=120, capture_output=True)

    committed = Path(__file__).parents[2] / "docs" / "openapi.yaml"
    assert committed.read_text() == made.read_text(), "run: python manage.py spectacular --file docs/openapi.yaml"


def test_the_schema_names_the_types_of_bodies_that_are_taken() -> None:
    document = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
    bodies = {
        (path, method): set(operation["requestBody"]["content"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }

    batches = [bodies.pop((path, "post")) for path in ("/telemetry", "/telemetry/reports")]
    assert batches == [{"application/json", *NDJSON_TYPES}] * 2
    assert len(bodies) == 17
    assert set().union(*bodies.values()) == {"application/json"}


def test_docs_ask_nobody_outside(viewer: ApiClient) -> None:
    page = viewer.get("/docs").content.decode()
    script = viewer.get("/docs?script=").content.decode()

    assert "swagger-ui" in page
    assert "https://" not in page + script
    assert "<script>" not in page, "the strict policy lets no inline script run"


def test_readyz_names_each_check_and_is_red_with_another_key_ring(
    viewer: ApiClient, anonymous: ApiClient, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clients = (viewer, anonymous, ApiClient("cpt_unknown"), ApiClient(make_token("worker")))
    clients += (ApiClient(make_token("viewer", make_site())),)
    first, *of_others = [client.get("/readyz") for client in clients]
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItZmllbGQta2V5LW9mLWFub3RoZXItcmluZyE="]
    second, *red_of_others = [client.get("/readyz") for client in clients]

    assert [(answer.status_code, answer.json()) for answer in of_others] == [(200, {"status": "ready"})] * 4
    assert [(answer.status_code, answer.json()) for answer in red_of_others] == [
        (503, {"status": "not ready"})
    ] * 4
    assert caplog.text.count("'check': 'key_ring'") == 1
    assert (first.status_code, first.json()["status"]) == (200, "ready")
    assert set(first.json()["checks"]) == {
        "database", "pooler", "migrations", "key_ring", "fleet", "ingest", "clock", "partitions", "detector", "alerts",
    }  # fmt: skip
    assert second.status_code == 503
    assert "FIELD_ENCRYPTION_KEYS" in second.json()["checks"]["key_ring"]["detail"]
    assert KeyCanary.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_on_a_database_without_a_migration_of_this_code_readyz_and_changes_say_so(
    viewer: ApiClient, administrator: ApiClient
) -> None:
    camera = make_camera()
    recorded = MigrationRecorder.Migration.objects
    before = recorded.filter(app="cameras").order_by("name").last()
    recorded.filter(pk=before.pk).delete()
    recorded.create(app="cameras", name="9999_of_newer_code", applied=before.applied)
    table = Change._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(Change, table, f"{table}_of_another_version")
    try:
        probe = viewer.get("/readyz")
        change = administrator.patch(f"/cameras/{camera.pk}", {"notes": "new"})
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Change, f"{table}_of_another_version", table)
        recorded.filter(name="9999_of_newer_code").delete()
        recorded.create(app=before.app, name=before.name, applied=before.applied)

    found = probe.json()["checks"]["migrations"]
    assert (probe.status_code, found["ok"]) == (503, False)
    assert f"`manage.py migrate`: the database lacks cameras.{before.name}." in found["detail"]
    assert (change.status_code, change.headers["Retry-After"]) == (503, "2")
    assert "`manage.py migrate` has not run" in change.json()["detail"]
    assert viewer.get("/readyz").json()["checks"]["migrations"] == {"ok": True, "detail": ""}


def test_readyz_is_red_when_a_check_raises_and_livez_is_not(anonymous: ApiClient, monkeypatch: Any) -> None:
    def fail(now: Any) -> Finding:
        raise OperationalError("down")

    monkeypatch.setitem(observability._ready_checks, "database", fail)

    assert anonymous.get("/readyz").status_code == 503
    assert anonymous.get("/livez").status_code == 200


def test_behind_tls_whoever_watches_a_process_asks_it_over_plain_http(viewer: ApiClient, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert [viewer.get(path).status_code for path in ("/livez", "/readyz", "/metrics", "/cameras")] == [
        200, 200, 200, 301,
    ]  # fmt: skip


def test_a_name_that_is_not_the_service_s_is_refused_by_the_name_of_its_setting(viewer: ApiClient) -> None:
    answer = viewer.get("/readyz", Host="elsewhere.example.com")

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert "ALLOWED_HOSTS" in answer.json()["detail"]
    assert "elsewhere" not in answer.json()["detail"]


def test_metrics_are_not_for_whoever_sees_a_part_of_the_fleet() -> None:
    site, camera = make_site(), make_camera()
    tokens = [make_token(role, place) for role in ("viewer", "administrator") for place in (site, camera)]

    assert [ApiClient(secret).get("/metrics").status_code for secret in tokens] == [403] * 4


def test_metrics_count_the_fleet_by_status_and_condition(viewer: ApiClient) -> None:
    make_camera()
    contended = make_camera("contended")
    CameraVitals.objects.filter(camera=contended).update(contended_at=datetime.now(UTC))

    text = viewer.get("/metrics").content.decode()

    assert 'controlplane_cameras{status="stopped"} 2.0' in text
    assert 'controlplane_cameras{status="healthy"} 0.0' in text
    assert 'controlplane_camera_conditions{condition="Contended"} 1.0' in text
    assert 'controlplane_camera_conditions{condition="WorkerFailed"} 0.0' in text
    assert "controlplane_partition_days_ahead 7.0" in text
    assert "controlplane_http_requests_total" in text


def test_metrics_say_of_each_check_of_readyz_whether_it_passes(viewer: ApiClient, monkeypatch: Any) -> None:
    checks = {"well": lambda now: Finding(True, "Warning: slow."), "unwell": lambda now: Finding(False, "Away.")}
    monkeypatch.setattr(observability, "_ready_checks", checks)

    lines = viewer.get("/metrics").content.decode().splitlines()

    assert [line for line in lines if line.startswith("controlplane_ready{")] == [
        'controlplane_ready{check="well"} 1.0',
        'controlplane_ready{check="unwell"} 0.0',
    ]


@pytest.mark.parametrize("path", ["/nonsense", "/cameras/x/y", "/.env", "/static/nonsense.js"])
def test_an_unknown_address_is_a_problem(anonymous: ApiClient, path: str) -> None:
    answer = anonymous.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_database_away_is_503_with_retry_after(viewer: ApiClient, monkeypatch: Any) -> None:
    def away(*args: Any) -> None:
        raise OperationalError(f"connection to {SECRET} refused")

    monkeypatch.setattr("cameras.api.answers.read_present", away)

    answer = viewer.get("/cameras")

    assert (answer.status_code, answer["Content-Type"], answer["Retry-After"]) == (
        503,
        "application/problem+json",
        "2",
    )
    assert SECRET not in answer.content.decode()


def test_an_unforeseen_error_is_a_500_without_its_text_and_is_logged_with_it(
    viewer: ApiClient, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise KeyError("the lens fell off")

    monkeypatch.setattr("cameras.api.answers.read_present", fail)
    with caplog.at_level(logging.ERROR):
        answer = viewer.get("/cameras")

    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "lens" not in answer.content.decode()
    assert "KeyError" in caplog.text
    assert answer["X-Request-ID"]


def test_an_error_page_of_debug_shows_no_values(settings: Any, rf: Any) -> None:
    request = rf.post("/admin/", {"connection_string": URL})
    page = ExceptionPageFilter()
    try:
        raise ValueError(f"cannot open {URL}")
    except ValueError:
        data = RedactedExceptionPage(request, *sys.exc_info()).get_traceback_data()

    assert SECRET not in str(page.get_post_parameters(request))
    assert page.get_traceback_frame_variables(request, None) == []
    assert data["exception_value"] == "cannot open rtsp://user:***@10.0.0.5:554/stream"


@pytest.mark.parametrize("path", ["/cameras", "/docs", "/schema", "/telemetry"])
def test_options_is_no_method_of_ours(viewer: ApiClient, path: str) -> None:
    assert viewer.request("OPTIONS", path).status_code == 405


def test_too_many_parameters_are_a_400(viewer: ApiClient) -> None:
    query = "&".join(f"a{number}" for number in range(1_100))

    for path in ("/cameras", "/cameras/changes"):
        assert viewer.get(f"{path}?{query}").status_code == 400


def test_the_admin_redirects_to_no_object(django_user_model: Any, client: Client) -> None:
    client.force_login(django_user_model.objects.create_superuser("ann", password="x"))

    assert client.get("/admin/r/5/1/").status_code == 404


@pytest.mark.parametrize("path", ["/cameras", "/nonsense", "/livez", "/admin/account/login/", "/docs"])
def test_every_answer_carries_the_security_headers(viewer: ApiClient, path: str) -> None:
    answer = viewer.get(path)

    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe-inline'; script" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"] or path == "/admin/account/login/"


def test_no_page_is_half_in_a_language_that_only_packages_speak(viewer: ApiClient) -> None:
    page = viewer.get("/admin/account/login/", **{"Accept-Language": "de"})
    refused = viewer.post("/cameras", {}, **{"Accept-Language": "de"})

    assert page["Content-Language"] == refused["Content-Language"] == "en"
    assert 'lang="en"' in page.content.decode()


def test_a_request_has_an_id_of_our_own_whatever_the_client_sends(viewer: ApiClient) -> None:
    ids = {viewer.get("/cameras", **{"X-Request-ID": "chosen"})["X-Request-ID"] for _ in range(2)}

    assert len(ids) == 2
    assert "chosen" not in ids


def test_an_unsafe_request_of_a_session_needs_the_csrf_token(django_user_model: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.create_superuser("ann", password="x"))

    assert client.get("/cameras").status_code == 200
    answer = client.post("/cameras", {}, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")


def test_a_superuser_is_an_administrator_and_no_worker(django_user_model: Any, client: Client) -> None:
    client.force_login(django_user_model.objects.create_superuser("ann", password="x"))
    camera = make_camera()

    assert client.get(f"/cameras/{camera.pk}/credentials").status_code == 200
    answer = client.post(f"/telemetry/{camera.pk}", {}, content_type="application/json")
    assert answer.status_code == 403


def test_logs_are_redacted_however_deep_the_secret_lies() -> None:
    event = {
        "text": f"cannot open {URL}",
        "list": [URL, {"token": "cpt_" + "a" * 43}],
        "error": ValueError(URL),
        "n": 1,
    }

    shown = str(redacted(event))

    assert SECRET not in shown
    assert "a" * 43 not in shown
    assert "10.0.0.5" in shown


def test_the_health_of_the_key_ring_warns_of_what_could_not_be_opened(monkeypatch: Any) -> None:
    monkeypatch.setattr(health.credentials, "unreadable", {1})

    finding = health.check_key_ring(None)

    assert finding.ok
    assert finding.detail.startswith("Warning")
