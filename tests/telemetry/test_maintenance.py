"""The maintenance loops: their steps, one round, and the command until a signal."""

import contextlib
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
from telemetry.maintenance.lock import alone
from telemetry.maintenance.loops import Loop, run_once, run_until
from telemetry.maintenance.steps import Step, StepResult, Turn
from telemetry.maintenance.table import loops
from telemetry.management.commands import maintain
from telemetry.models import Sample, StepRun
from telemetry.storage import partitions
from telemetry.storage.partitions import ADVISORY_LOCK
from tests.factories import AUTHOR, NOW, make_camera
from tests.manage_process import begin_command, wait_for_line
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def step(name: str, run: Callable[[Turn], str]) -> Step:
    return Step(name, run, lambda turn: f"would run {name}")


def loop(*steps: Step, name: str = "a loop", lock: int = 1, urgent: Step | None = None) -> Loop:
    return Loop(name, lock, steps, 0.3, urgent)


def fail(turn: Turn) -> str:
    raise ValueError("a fault of ours")


def lose_the_database(turn: Turn) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    raise AssertionError("unreachable")


on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="a session that ends")


@pytest.mark.django_db(transaction=True)
def test_each_step_runs_though_one_fails(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    ran: list[str] = []
    steps = (step("first", fail), step("second", lambda turn: ran.append("second") or "done"))  # type: ignore[func-returns-value]
    monkeypatch.setattr(maintain, "loops", lambda seconds: (loop(*steps),))

    with pytest.raises(CommandError, match="Failed: first"):
        call_command("maintain", "--once")

    assert ran == ["second"]
    assert StepRun.objects.get(name="first").succeeded_at is None
    assert StepRun.objects.get(name="second").succeeded_at is not None
    assert "second: done" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_how_often_each_step_ran_and_failed_is_counted_for_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = iter((fail, lambda turn: "done", lambda turn: "", fail, fail))
    monkeypatch.setattr(
        maintain, "loops", lambda seconds: (loop(step("first", lambda turn: next(outcomes)(turn))),)
    )

    for _ in range(5):
        with contextlib.suppress(CommandError):
            call_command("maintain", "--once")

    text = metrics_text(datetime.now(UTC), None).decode()
    assert 'controlplane_maintenance_rounds_total{outcome="succeeded",step="first"} 2.0' in text
    assert 'controlplane_maintenance_rounds_total{outcome="failed",step="first"} 3.0' in text


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
    assert "capacity: would read the new samples of 0 zones with a capacity" in printed
    assert "old_alerts: would remove 0 alerts of long ago, and transitions of over a year ago" in printed
    assert "purge: would remove 0 samples of 1 deleted cameras" in printed
    assert "rollups: 0 dirty ranges; would compute those that have settled" in printed
    assert "retention: nothing is too old or too much; " in printed
    assert "of 50.0 GB" in printed
    assert Purge.objects.count() == 1
    assert not StepRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_another_process_does_is_left_to_that_and_the_rest_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    done = step("free", lambda turn: "done here")
    monkeypatch.setattr(
        maintain, "loops", lambda seconds: (loop(step("taken", fail)), loop(done, name="another", lock=2))
    )
    taken, ended = threading.Event(), threading.Event()

    def keep_the_lock() -> None:
        with alone("a loop", 1) as is_held:
            assert is_held is not None
            taken.set()
            ended.wait(10)
        connection.close()

    holder = threading.Thread(target=keep_the_lock)
    holder.start()
    try:
        assert taken.wait(10)
        call_command("maintain", "--once")
        assert capsys.readouterr().out == "taken: another process does it\nfree: done here\n"
    finally:
        ended.set()
        holder.join()
    with pytest.raises(CommandError, match="Failed: taken"):
        call_command("maintain", "--once")


@pytest.mark.django_db(transaction=True)
def test_no_further_step_begins_once_the_round_should_stop() -> None:
    stopping: list[bool] = []
    first = step("first", lambda turn: stopping.append(True) or "done")  # type: ignore[func-returns-value]

    results = run_once([loop(first, step("second", fail))], Turn(NOW, stopping=lambda: bool(stopping)))

    assert results == [StepResult("first", True, "done")]


@pytest.mark.django_db(transaction=True)
def test_a_resumable_step_that_takes_long_is_asked_to_stop() -> None:
    def go_on(turn: Turn) -> str:
        return "stopped" if turn.stopping() else "went on"

    both = [loop(step("first", go_on), step("second", go_on)._replace(resumable=True))]

    assert run_once(both, Turn(NOW)) == [
        StepResult("first", True, "went on"),
        StepResult("second", True, "went on"),
    ]
    assert run_once(both, Turn(NOW, step_seconds=0)) == [
        StepResult("first", True, "went on"),
        StepResult("second", True, "stopped"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_loop_that_hangs_or_fails_or_loses_its_database_holds_up_no_other() -> None:
    ended = threading.Event()
    rounds: list[int] = []
    urgent: list[int] = []

    def hang(turn: Turn) -> str:
        ended.wait(30)
        return ""

    def count(turn: Turn) -> str:
        rounds.append(1)
        return "counted"

    def count_urgent(turn: Turn) -> str:
        urgent.append(1)
        return ""

    def watch() -> bool:
        if len(rounds) >= 5 and urgent:
            ended.set()
        return ended.is_set()

    lose = lose_the_database if connection.vendor == "postgresql" else fail
    run_until(
        [
            loop(step("hangs", hang), name="hangs", lock=1),
            loop(step("fails", fail), name="fails", lock=2),
            loop(step("loses", lose), name="loses", lock=3),
            loop(step("counts", count), name="counts", lock=4, urgent=step("urgent", count_urgent)),
        ],
        watch,
    )

    assert len(rounds) >= 5
    assert StepRun.objects.get(name="counts").succeeded_at is not None
    assert StepRun.objects.get(name="fails").succeeded_at is None
    assert not StepRun.objects.filter(name="urgent").exists()


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_the_loop_outlasts_an_outage_of_the_database_and_logs_it_once(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []

    def run(turn: Turn) -> str:
        rounds.append(1)
        return lose_the_database(turn) if len(rounds) < 3 else "done"

    run_until([loop(step("first", run))], lambda: len(rounds) == 3)

    assert caplog.text.count("the database is away; maintenance tries again") == 1
    assert StepRun.objects.get().succeeded_at is not None


@pytest.mark.django_db(transaction=True)
@on_postgresql
def test_a_loop_whose_session_has_ended_does_no_more_until_it_has_its_lock_again() -> None:
    sessions: list[int] = []

    def run(turn: Turn) -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), max(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND granted"
            )
            held, holder = cursor.fetchone()
            cursor.execute("SELECT pg_backend_pid()")
            (mine,) = cursor.fetchone()
        assert (held, holder) == (1, mine)
        if mine not in sessions:
            sessions.append(mine)
            connection.close()  # as after a transaction that could not be rolled back
        return ""

    run_until([loop(step("first", run), lock=77)], lambda: len(sessions) == 3)

    assert StepRun.objects.get().succeeded_at is not None


@pytest.mark.django_db(transaction=True)
def test_one_round_without_a_database_fails_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(loops: Any, turn: Turn) -> list[StepResult]:
        raise OperationalError("the database is away")

    monkeypatch.setattr(maintain, "run_once", run)

    with pytest.raises(CommandError, match="does not answer"):
        call_command("maintain", "--once")


def test_no_loop_waits_for_the_lock_of_another() -> None:
    locks = [ADVISORY_LOCK, *(loop.lock for loop in loops(600))]

    assert sorted(set(locks)) == sorted(locks)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_loop_ends_soon_and_cleanly_on_a_signal(number: int) -> None:
    process = begin_command("maintain", "--interval", "600")
    try:
        wait_for_line(process, "maintenance started")
        wait_until(lambda: StepRun.objects.count() == sum(len(each.steps) for each in loops(600)), seconds=30)
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
