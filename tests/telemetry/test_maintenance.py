"""The maintenance loop: its steps, one round, and the command until a signal."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from cameras import actions
from cameras.models import DeletedCamera, Purge
from controlplane.observability import metrics_text
from telemetry import maintenance
from telemetry.maintenance import Step, StepResult, Turn, run_steps
from telemetry.management.commands import maintain
from telemetry.models import Sample, StepRun
from telemetry.storage import partitions
from tests.factories import AUTHOR, NOW, make_camera
from tests.manage_process import begin_command, wait_for_line
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


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
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=NOW)  # longer ago than it can be restored

    call_command("maintain", "--once")

    assert not Sample.objects.exists()
    assert not Purge.objects.exists()
    assert not DeletedCamera.objects.exists()
    assert 'controlplane_maintenance_rows{step="purge"} 1.0' in metrics_text(datetime.now(UTC), None).decode()
    assert partitions.days_ahead(datetime.now(UTC)) == partitions.DAYS_AHEAD
    assert "removed 1 samples; finished with 1 deleted cameras" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_prints_what_would_be_done_and_does_nothing(capsys: Any) -> None:
    Purge.objects.create(camera_id=uuid4(), requested_at=NOW)
    make_camera()  # nobody has looked at it yet, and it has not changed

    call_command("maintain", "--once", "--dry-run")

    printed = capsys.readouterr().out
    assert "status: 1 cameras may have another status than before; would store what changed" in printed
    assert "purge: would remove 0 samples of 1 deleted cameras" in printed
    assert "rollups: 0 dirty ranges; would compute those that have settled" in printed
    assert "retention: nothing is too old or too much; " in printed
    assert "of 50.0 GB" in printed
    assert Purge.objects.count() == 1
    assert not StepRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_second_process_gives_way(capsys: Any) -> None:
    taken, done = threading.Event(), threading.Event()

    def keep_the_lock() -> None:
        with maintenance._alone() as alone:
            assert alone
            taken.set()
            done.wait(10)
        connection.close()

    holder = threading.Thread(target=keep_the_lock)
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
def test_no_further_step_begins_once_the_round_should_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping: list[bool] = []
    steps = (step("first", lambda turn: stopping.append(True) or "done"), step("second", fail))  # type: ignore[func-returns-value]
    monkeypatch.setattr(maintenance, "STEPS", steps)

    results = run_steps(Turn(NOW, stopping=lambda: bool(stopping)))

    assert results == [StepResult("first", True, "done")]


@pytest.mark.django_db(transaction=True)
def test_a_resumable_step_that_takes_long_is_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on(turn: Turn) -> str:
        return "stopped" if turn.stopping() else "went on"

    steps = (step("first", go_on), step("second", go_on)._replace(resumable=True))
    monkeypatch.setattr(maintenance, "STEPS", steps)

    assert run_steps(Turn(NOW)) == [StepResult("first", True, "went on"), StepResult("second", True, "went on")]
    assert run_steps(Turn(NOW, step_seconds=0)) == [
        StepResult("first", True, "went on"),
        StepResult("second", True, "stopped"),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_loop_outlasts_an_outage_of_the_database_and_logs_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []

    def run(turn: Turn, **how: Any) -> list[StepResult]:
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
def test_one_round_without_a_database_fails_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(turn: Turn, **how: Any) -> list[StepResult]:
        raise OperationalError("the database is away")

    monkeypatch.setattr(maintain, "run_steps", run)

    with pytest.raises(CommandError, match="does not answer"):
        call_command("maintain", "--once")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_loop_ends_soon_and_cleanly_on_a_signal(number: int) -> None:
    process = begin_command("maintain", "--interval", "600")
    try:
        wait_for_line(process, "maintenance started")
        wait_until(lambda: StepRun.objects.count() == len(maintenance.STEPS), seconds=30)
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
