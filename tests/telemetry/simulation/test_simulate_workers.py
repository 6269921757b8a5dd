"""The simulated workers: what they report, and how they speak to a server over real HTTP."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from cameras import actions
from cameras.models import Camera, CameraVitals, DesiredState
from telemetry.models import Sample
from telemetry.simulation.client import SimulationFailed, is_loopback
from telemetry.simulation.worker import Worker, busyness
from tests.factories import AUTHOR, NOW, ApiClient, make_camera, make_site, make_token
from tests.manage_process import begin_command, wait_for_line

pytestmark = pytest.mark.once

# --- What a worker does ---------------------------------------------------------------------------------


def test_nights_are_quiet_and_evenings_busy() -> None:
    assert busyness(3) < 0.1 < 0.7 < busyness(17.75) <= 1
    assert busyness(0) == pytest.approx(busyness(24), abs=0.01)


def test_a_worker_reports_whole_people_and_what_it_runs() -> None:
    worker = Worker(uuid4(), generation=7, zones=("door", "queue"))

    observed = [seen for _ in range(300) for seen in worker.observe(datetime.now(UTC))]

    assert all(seen.camera_id == worker.camera_id for seen in observed)
    samples = [seen.sample for seen in observed]
    assert all(type(sample["occupancy"]) is int and sample["occupancy"] >= 0 for sample in samples)
    assert all(0.75 < sample["confidence"] < 1 for sample in samples)
    assert {sample["generation"] for sample in samples} == {7}
    assert {sample.get("zone") for sample in samples} == {None, "door", "queue"}


def test_a_worker_that_restarts_begins_with_what_it_had_sent_last(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(uuid4(), generation=1)
    first = worker.observe(NOW)
    monkeypatch.setattr(Worker, "RESTARTS", 1)

    assert worker.observe(NOW + timedelta(seconds=10)) == first


def test_a_worker_pauses_for_about_its_interval_and_seldom_for_minutes() -> None:
    worker = Worker(uuid4(), generation=1, interval_seconds=10, speed=2)

    pauses = [worker.pause_seconds() for _ in range(5_000)]

    short = [pause for pause in pauses if pause < 10]
    assert all(4.5 <= pause <= 5.5 for pause in short)
    assert 0 < len(pauses) - len(short) < 100
    assert max(pauses) <= 180


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("https://localhost", True),
        ("http://[::1]:8000/", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("http://127.0.0.1@example.com/", False),
    ],
)
def test_loopback_is_distinguished_from_other_machines(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8000", "", "http://", "http://[::1", "file:///x"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(SimulationFailed, match="http or https"):
        is_loopback(url)


# --- Against a server -----------------------------------------------------------------------------------


@pytest.fixture
def tokens_in_environment(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTROLPLANE_TOKEN", make_token("worker"))
    monkeypatch.setenv("CONTROLPLANE_READ_TOKEN", make_token("orchestrator"))


def running(name: str, **values: Any) -> Camera:
    return make_camera(name, desired_state="running", expected_interval_seconds=1, **values)


def simulate(url: str, *arguments: str) -> None:
    call_command("simulate_workers", "--url", url, "--speed", "4", *arguments)


def tally(text: str) -> dict[str, int]:
    return {name: int(count) for name, count in (item.split() for item in text.strip().split(", "))}


@pytest.mark.parametrize("how", [[], ["--batch"]])
def test_workers_report_for_the_cameras_that_should_run(
    how: list[str], tokens_in_environment: None, live_server: Any, capsys: Any
) -> None:
    site = make_site("North", timezone="Asia/Tokyo")
    cameras = [running("Gate", site=site), running("Hall")]
    resting = make_camera("Resting")

    simulate(live_server.url, "--duration", "2.5", *how)

    counts = tally(capsys.readouterr().out)
    assert counts["accepted"] == Sample.objects.count() > 2
    assert counts["sent"] == counts["accepted"] + counts["duplicates"]
    assert counts["errors"] == 0
    assert set(Sample.objects.values_list("camera_id", flat=True)) == {camera.pk for camera in cameras}
    vitals = CameraVitals.objects.get(camera=cameras[0])
    assert (vitals.last_contact is not None, vitals.observed_generation) == (True, 1)
    assert CameraVitals.objects.get(camera=resting).last_contact is None


@pytest.mark.parametrize("how", [[], ["--batch"]])
def test_workers_are_claimed_and_play_what_their_cameras_ask_for(
    how: list[str], tokens_in_environment: None, live_server: Any, viewer: ApiClient
) -> None:
    expected = {
        "works": ("healthy", "reporting"),
        "failed: stream_unauthorized": ("failing", "stream_unauthorized"),
        "not placed: no_capacity": ("failing", "no_capacity"),
        "starting": ("pending", "no_sample_yet"),
        "silent": ("pending", "starting"),
        "no such behaviour": ("healthy", "reporting"),
    }
    for simulated in expected:
        running(simulated, model_config={"simulate": simulated}, now=datetime.now(UTC))
    orphan = make_camera("Orphan", expected_interval_seconds=1, model_config={"simulate": "orphaned"})
    elsewhere = running("Elsewhere", now=datetime.now(UTC))
    ApiClient(make_token("orchestrator")).request("PUT", f"/cameras/{elsewhere.pk}/placement", {"node": "north"})

    simulate(live_server.url, "--duration", "3", *how)

    shown = {
        item["name"]: item for item in viewer.get("/cameras?fields=name,status,status_reason,placement").json()
    }
    assert {
        name: (shown[name]["status"], shown[name]["status_reason"].partition(":")[0]) for name in expected
    } == expected
    assert {shown[name]["placement"]["phase"] for name in expected} == {"running", "failed"}
    assert all(shown[name]["placement"]["node"].startswith("simulated-") for name in expected)
    assert not Sample.objects.filter(camera_id=elsewhere.pk).exists()
    assert Sample.objects.filter(camera_id=orphan.pk).count() > 1, "it does not end, whatever its receipts say"
    epochs = dict(CameraVitals.objects.values_list("camera__name", "report_epoch"))
    assert epochs["works"] == shown["works"]["placement"]["epoch"]


def test_named_cameras_need_no_list(
    tokens_in_environment: None, monkeypatch: pytest.MonkeyPatch, live_server: Any, tmp_path: Path, capsys: Any
) -> None:
    camera, other = running("Gate"), running("Hall")
    file = tmp_path / "token"
    file.write_text(f"{os.environ['CONTROLPLANE_TOKEN']}\n")
    monkeypatch.delenv("CONTROLPLANE_TOKEN")
    monkeypatch.delenv("CONTROLPLANE_READ_TOKEN")

    arguments = ["--speed", "40", "--duration", "2", "--token-file", str(file), "--cameras", str(camera.pk)]
    call_command("simulate_workers", "--url", live_server.url, *arguments)

    assert tally(capsys.readouterr().out)["accepted"] > 0
    assert not Sample.objects.filter(camera_id=other.pk).exists()


@pytest.mark.parametrize("how", [[], ["--batch"]])
def test_a_worker_stops_when_its_answer_says_so(
    how: list[str],
    tokens_in_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    live_server: Any,
    capsys: Any,
) -> None:
    camera = running("Gate")
    actions.set_desired_state(
        camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=datetime.now(UTC)
    )
    monkeypatch.delenv("CONTROLPLANE_READ_TOKEN")

    arguments = ["--speed", "100", "--duration", "2.5", "--cameras", str(camera.pk), *how]
    call_command("simulate_workers", "--url", live_server.url, *arguments)

    # One contact after the stop is how a worker learns of it; in batches, those of the second that is under way.
    contacts = tally(capsys.readouterr().out)["sent"]
    assert contacts == 1 if not how else 1 <= contacts < 20


def test_a_refused_token_ends_it_with_what_to_do(
    tokens_in_environment: None, monkeypatch: pytest.MonkeyPatch, live_server: Any
) -> None:
    running("Gate")
    monkeypatch.setenv("CONTROLPLANE_TOKEN", "cpt_" + "x" * 43)

    with pytest.raises(CommandError, match="create_token NAME --role worker"):
        simulate(live_server.url, "--duration", "10")


def test_a_list_that_is_refused_ends_it_with_what_to_do(
    tokens_in_environment: None, monkeypatch: pytest.MonkeyPatch, live_server: Any
) -> None:
    monkeypatch.setenv("CONTROLPLANE_READ_TOKEN", "cpt_" + "x" * 43)

    with pytest.raises(CommandError, match="CONTROLPLANE_READ_TOKEN"):
        simulate(live_server.url, "--duration", "10")


class _Moody(BaseHTTPRequestHandler):
    """Answers the first posts with 503, as a server whose database is away."""

    refusals = 2
    bodies: list[bytes] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        refused = len(self.bodies) <= self.refusals
        self.send_response(503 if refused else 201)
        if refused:
            self.send_header("Retry-After", "1")
        answer = b"{}" if refused else b'{"accepted":1,"duplicates":0,"desired_state":"stopped","generation":1}'
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *values: Any) -> None:
        pass


@pytest.fixture
def moody_server() -> Iterator[str]:
    _Moody.bodies = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Moody) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_a_server_cannot_take_is_sent_again_after_the_time_it_asks_for(
    moody_server: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("CONTROLPLANE_TOKEN", "cpt_any")
    monkeypatch.delenv("CONTROLPLANE_READ_TOKEN", raising=False)
    began = time.monotonic()

    arguments = ["--speed", "100", "--duration", "3", "--cameras", str(UUID(int=1))]
    call_command("simulate_workers", "--url", moody_server, *arguments)

    assert tally(capsys.readouterr().out) == {
        "sent": 1, "accepted": 1, "duplicates": 0, "retried": 2, "errors": 0, "reports": 0,
    }  # fmt: skip
    assert len(_Moody.bodies) == 3
    assert len(set(_Moody.bodies)) == 1
    assert time.monotonic() - began >= 2


def test_a_server_that_is_not_up_is_no_traceback_and_a_signal_ends_the_wait(db: None) -> None:
    process = begin_command(
        *("simulate_workers", "--url", "http://127.0.0.1:9"),
        CONTROLPLANE_TOKEN="cpt_any",
        CONTROLPLANE_READ_TOKEN="cpt_other",
    )
    try:
        wait_for_line(process, "does not answer")
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert out == "sent 0, accepted 0, duplicates 0, retried 0, errors 0, reports 0\n"
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--url", "http://203.0.113.9"], {"CONTROLPLANE_TOKEN": "cpt_x"}, "--allow-remote"),
        (["--url", "ftp://127.0.0.1"], {"CONTROLPLANE_TOKEN": "cpt_x"}, "http or https"),
        ([], {"CONTROLPLANE_TOKEN": "cpt_x"}, "--cameras"),
        ([], {"CONTROLPLANE_READ_TOKEN": "cpt_x"}, "CONTROLPLANE_TOKEN"),
        (["--token-file", "/nowhere/at/all"], {"CONTROLPLANE_READ_TOKEN": "cpt_x"}, "cannot be read"),
        (["--cameras", "gate"], {"CONTROLPLANE_TOKEN": "cpt_x"}, "ids of cameras"),
        (["--speed", "0"], {"CONTROLPLANE_TOKEN": "cpt_x"}, "above 0"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    arguments: list[str], environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONTROLPLANE_TOKEN", "CONTROLPLANE_READ_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CommandError, match=message):
        call_command("simulate_workers", *arguments)
