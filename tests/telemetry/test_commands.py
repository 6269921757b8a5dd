"""The commands of telemetry: the maintenance loop, and the simulated workers over real HTTP."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from cameras import actions
from cameras.models import Camera, CameraVitals, DesiredState, Purge
from controlplane.observability import metrics_text
from telemetry import maintenance, partitions
from telemetry.maintenance import Outcome, Step, Turn, run_steps
from telemetry.management.commands import maintain
from telemetry.models import Sample, StepRun
from telemetry.simulated_worker import Worker, busyness
from telemetry.simulation import SimulationFailed, is_loopback
from tests.factories import AUTHOR, NOW, make_camera, make_site, make_token

ROOT = Path(__file__).parents[2]


# --- maintain ---------------------------------------------------------------------------------------------


def step(name: str, run: Callable[[Turn], str]) -> Step:
    return Step(name, run, lambda turn: f"would run {name}")


def fail(turn: Turn) -> str:
    raise ValueError("a fault of ours")


@pytest.mark.django_db(transaction=True)
def test_each_step_runs_though_one_fails(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    ran: list[str] = []
    steps = (step("first", fail), step("second", lambda turn: ran.append("second") or "done"))  # type: ignore[func-returns-value]
    monkeypatch.setattr(maintenance, "STEPS", steps)

    with pytest.raises(CommandError, match="Failed: first"):
        call_command("maintain", "--once")

    assert ran == ["second"]
    assert StepRun.objects.get(name="first").succeeded_at is None
    assert StepRun.objects.get(name="second").succeeded_at is not None
    assert "second: done" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_one_round_makes_partitions_and_purges_deleted_cameras(capsys: Any) -> None:
    camera = make_camera()
    Sample.objects.create(
        camera_id=camera.pk, timestamp=NOW, zone="", occupancy=1, confidence=0.9, received_at=NOW
    )
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=NOW)

    call_command("maintain", "--once")

    assert not Sample.objects.exists()
    assert not Purge.objects.exists()
    assert 'controlplane_maintenance_rows{step="purge"} 1.0' in metrics_text(datetime.now(UTC), None).decode()
    assert partitions.days_ahead(datetime.now(UTC)) == partitions.DAYS_AHEAD
    assert "removed 1 samples; finished with 1 deleted cameras" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_tells_and_does_nothing(capsys: Any) -> None:
    Purge.objects.create(camera_id=uuid4(), requested_at=NOW)
    make_camera()  # nobody has looked at it yet, and it has not changed

    call_command("maintain", "--once", "--dry-run")

    told = capsys.readouterr().out
    assert "status: 1 cameras may have another status than before; would store what changed" in told
    assert "purge: would remove 0 samples of 1 deleted cameras" in told
    assert "rollups: 0 marks are open" in told
    assert "retention: nothing is too old or too much; " in told
    assert "of 50.0 GB" in told
    assert Purge.objects.count() == 1
    assert not StepRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_second_process_gives_way(capsys: Any) -> None:
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with maintenance._alone() as alone:
            assert alone
            taken.set()
            done.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert taken.wait(10)
        assert run_steps(Turn(NOW)) is None
        call_command("maintain", "--once")
        assert "Another process" in capsys.readouterr().out
    finally:
        done.set()
        holder.join()
    assert run_steps(Turn(datetime.now(UTC))) is not None


@pytest.mark.django_db(transaction=True)
def test_no_further_step_begins_once_it_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping: list[bool] = []
    steps = (step("first", lambda turn: stopping.append(True) or "done"), step("second", fail))  # type: ignore[func-returns-value]
    monkeypatch.setattr(maintenance, "STEPS", steps)

    outcomes = run_steps(Turn(NOW, stopping=lambda: bool(stopping)))

    assert outcomes == [Outcome("first", True, "done")]


@pytest.mark.django_db(transaction=True)
def test_a_step_that_takes_long_is_told_to_end_where_it_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on(turn: Turn) -> str:
        return "was told" if turn.stopping() else "went on"

    steps = (step("first", go_on), step("second", go_on)._replace(goes_on=True))
    monkeypatch.setattr(maintenance, "STEPS", steps)

    assert run_steps(Turn(NOW)) == [Outcome("first", True, "went on"), Outcome("second", True, "went on")]
    assert run_steps(Turn(NOW, step_seconds=0)) == [
        Outcome("first", True, "went on"),
        Outcome("second", True, "was told"),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_loop_outlasts_an_outage_of_the_database_and_tells_of_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []

    def run(turn: Turn) -> list[Outcome]:
        rounds.append(1)
        if len(rounds) < 3:  # twice
            raise OperationalError("the database is away")
        os.kill(os.getpid(), signal.SIGTERM)
        return []

    monkeypatch.setattr(maintain, "run_steps", run)

    call_command("maintain", "--interval", "0.1")

    assert len(rounds) == 3
    assert caplog.text.count("the database is away") == 1


@pytest.mark.django_db(transaction=True)
def test_one_round_without_a_database_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(turn: Turn) -> list[Outcome]:
        raise OperationalError("the database is away")

    monkeypatch.setattr(maintain, "run_steps", run)

    with pytest.raises(CommandError, match="does not answer"):
        call_command("maintain", "--once")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_loop_ends_soon_and_cleanly_when_it_is_told_to(number: int) -> None:
    process = _start("maintain", "--interval", "600")
    try:
        _wait_for_line(process, "maintenance started")
        time.sleep(0.3)
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "maintenance stopped" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("interval", ["0", "-1", "x", "1e9"])
def test_an_interval_out_of_bounds_is_refused(interval: str) -> None:
    with pytest.raises(CommandError, match="number of seconds"):
        call_command("maintain", f"--interval={interval}")


def _start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """A command in a process of its own, on the database of this test."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{settings['NAME']}"
    else:
        user = f"{settings['USER']}:{settings['PASSWORD']}" if settings["PASSWORD"] else settings["USER"]
        url = f"postgresql://{user}@{settings['HOST']}:{settings['PORT'] or 5432}/{settings['NAME']}"
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for_line(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"{text!r} was not told")


# --- simulate_workers: what a worker does -----------------------------------------------------------------


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
def test_loopback_is_told_from_other_machines(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8000", "", "http://", "http://[::1", "file:///x"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(SimulationFailed, match="http or https"):
        is_loopback(url)


# --- simulate_workers: against a server -------------------------------------------------------------------


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

    told = tally(capsys.readouterr().out)
    assert told["accepted"] == Sample.objects.count() > 2
    assert told["sent"] == told["accepted"] + told["duplicates"]
    assert told["errors"] == 0
    assert set(Sample.objects.values_list("camera_id", flat=True)) == {camera.pk for camera in cameras}
    vitals = CameraVitals.objects.get(camera=cameras[0])
    assert (vitals.last_contact is not None, vitals.observed_generation) == (True, 1)
    assert CameraVitals.objects.get(camera=resting).last_contact is None


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
        "sent": 1, "accepted": 1, "duplicates": 0, "retried": 2, "errors": 0,
    }  # fmt: skip
    assert len(_Moody.bodies) == 3
    assert len(set(_Moody.bodies)) == 1
    assert time.monotonic() - began >= 2


def test_a_server_that_is_not_up_is_no_traceback_and_a_signal_ends_the_wait(db: None) -> None:
    process = _start(
        *("simulate_workers", "--url", "http://127.0.0.1:9"),
        CONTROLPLANE_TOKEN="cpt_any",
        CONTROLPLANE_READ_TOKEN="cpt_other",
    )
    try:
        _wait_for_line(process, "does not answer")
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert out == "sent 0, accepted 0, duplicates 0, retried 0, errors 0\n"
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
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
def test_what_it_needs_is_told(
    arguments: list[str], environment: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONTROLPLANE_TOKEN", "CONTROLPLANE_READ_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CommandError, match=told):
        call_command("simulate_workers", *arguments)
