"""The example's reconciler and its workers, as real processes beside a real service, through what happens to them."""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import ControlPlane, Orchestrator, Site, eventually

pytestmark = pytest.mark.once

CAMERAS = 20
ZONE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}

NewSite = Callable[[int], Site]


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def all_is_well(site: Site, *orchestrators: Orchestrator, cameras: int) -> bool:
    """Whether there is one process for each camera, which reports with the epoch that its placement has."""
    running = [camera_id for one in orchestrators for camera_id in one.workers()]
    shown = site.cameras().values()
    return (
        sorted(running) == sorted({*running})
        and len(running) == cameras
        and sum(is_well(camera) for camera in shown) == cameras
    )


def is_well(camera: dict[str, Any]) -> bool:
    report, placement = camera["report"], camera["placement"]
    return (
        (camera["status"], camera["conditions"]) == ("healthy", [])
        and camera["observed_generation"] == camera["generation"]
        and placement["phase"] == report["phase"] == "running"
        and (placement["epoch"], placement["container"]) == (report["epoch"], report["worker"])
    )


def moments(site: Site, camera_id: str) -> list[datetime]:
    return sorted(map(datetime.fromisoformat, site.samples_of(camera_id)))


def too_close(at: list[datetime]) -> int:
    """How many samples come sooner after another than one worker sends them."""
    return sum(after - before < timedelta(seconds=0.5) for before, after in pairwise(at))


def test_what_should_run_runs_whatever_is_killed_and_nothing_else_does(new_site: NewSite, tmp_path: Path) -> None:
    site = new_site(CAMERAS)
    with Orchestrator(site, tmp_path) as orchestrator:
        first, second, third, *_ = site.ids

        site.desire("running")
        eventually(lambda: all_is_well(site, orchestrator, cameras=CAMERAS))
        workers = orchestrator.workers()
        assert len({camera["placement"]["container"] for camera in site.cameras().values()}) == CAMERAS

        # Workers are killed: they come back, with newer epochs, and the others are left alone.
        epochs = {camera_id: camera["placement"]["epoch"] for camera_id, camera in site.cameras().items()}
        for camera_id in (first, second):
            os.kill(workers[camera_id], signal.SIGKILL)
        eventually(lambda: changed(workers, orchestrator.workers()) == {first, second})
        eventually(lambda: all_is_well(site, orchestrator, cameras=CAMERAS))
        now = {camera_id: camera["placement"]["epoch"] for camera_id, camera in site.cameras().items()}
        assert {camera_id for camera_id in now if now[camera_id] > epochs[camera_id]} == {first, second}

        # A zone is drawn anew: its worker alone is another one, which runs the new generation.
        workers = orchestrator.workers()
        site.change(third, zone_config=ZONE)
        eventually(lambda: changed(workers, orchestrator.workers()) == {third})
        eventually(lambda: all_is_well(site, orchestrator, cameras=CAMERAS))

        # The reconciler is killed, and things happen while it is away: the next one takes over those that are well.
        workers = orchestrator.workers()
        orchestrator.kill()
        os.kill(workers[first], signal.SIGKILL)
        site.change(second, desired_state="stopped")
        eventually(lambda: set(orchestrator.workers()) == {*site.ids} - {first, second})
        orchestrator.start()
        eventually(lambda: all_is_well(site, orchestrator, cameras=CAMERAS - 1))
        assert changed(workers, orchestrator.workers()) == {first, second}
        assert site.cameras()[second]["status"] == "stopping"

        # The server is killed: nobody ends for that, and what was seen meanwhile is sent when it is back, once.
        workers = orchestrator.workers()
        killed_at = datetime.now(UTC)
        site.plane.kill()
        eventually(lambda: datetime.now(UTC) - killed_at > timedelta(seconds=2))
        started_at = datetime.now(UTC)
        site.plane.start()
        eventually(lambda: all_is_well(site, orchestrator, cameras=CAMERAS - 1))
        assert orchestrator.workers() == workers
        eventually(lambda: any(killed_at < at < started_at for at in moments(site, third)))
        assert too_close(moments(site, third)) <= 1, "its worker was replaced once"

        # All are stopped, and then the reconciler.
        site.desire("stopped")
        eventually(lambda: not orchestrator.workers())
        eventually(lambda: {c["placement"]["phase"] for c in site.cameras().values()} == {"stopped"})
        assert orchestrator.stop() == 0


def test_of_two_reconcilers_one_gets_a_camera_and_the_other_one_where_that_is_gone(
    new_site: NewSite, tmp_path: Path
) -> None:
    cameras = 6
    site = new_site(cameras)
    with Orchestrator(site, tmp_path, "north") as north, Orchestrator(site, tmp_path, "south") as south:
        site.desire("running")
        eventually(lambda: all_is_well(site, north, south, cameras=cameras))
        nodes = {camera_id: camera["placement"]["node"] for camera_id, camera in site.cameras().items()}
        assert {camera_id for camera_id, node in nodes.items() if node == "north"} == set(north.workers())

        # A machine is gone, with all that ran there.
        gone, left = (north, south) if north.workers() else (south, north)
        gone.kill()
        for pid in gone.workers().values():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: all_is_well(site, left, cameras=cameras))

        # It comes back: nothing there is free.
        workers, lists = left.workers(), gone.lists()
        gone.start()
        eventually(lambda: gone.lists() > lists + 1)
        assert gone.workers() == {}
        assert left.workers() == workers

        # Ctrl-C ends the workers of one, and leaves their cameras to the other.
        assert left.stop() == 0
        assert left.workers() == {}
        eventually(lambda: all_is_well(site, gone, cameras=cameras))


def test_workers_that_nobody_knows_any_more_are_fenced_off_and_end(new_site: NewSite, tmp_path: Path) -> None:
    cameras = 3
    site = new_site(cameras)
    site.desire("running")
    with Orchestrator(site, tmp_path) as before:
        eventually(lambda: all_is_well(site, before, cameras=cameras))
        before.kill()
        # The same node, which has lost what it had noted.
        with Orchestrator(site, tmp_path / "anew") as after:
            eventually(lambda: len(after.workers()) == cameras and not before.workers())
            eventually(lambda: {camera["status"] for camera in site.cameras().values()} <= {"healthy", "degraded"})
            containers = {camera["placement"]["container"] for camera in site.cameras().values()}
            assert containers == {path.stem for path in after.state.glob("*.json")}
            conditions = [c for camera in site.cameras().values() for c in camera["conditions"]]
            assert {condition["reason"] for condition in conditions} <= {"fenced"}


def test_after_the_database_was_restored_workers_are_claimed_again(plane: ControlPlane, tmp_path: Path) -> None:
    site = plane.site_of_before
    with Orchestrator(site, tmp_path) as orchestrator:
        eventually(lambda: all_is_well(site, orchestrator, cameras=len(site.ids)))
        epochs = {camera["placement"]["epoch"] for camera in site.cameras().values()}
        workers = orchestrator.workers()

        plane.kill()
        plane.restore()
        plane.start()

        eventually(lambda: all_is_well(site, orchestrator, cameras=len(site.ids)))
        assert min(camera["placement"]["epoch"] for camera in site.cameras().values()) > max(epochs)
        assert changed(workers, orchestrator.workers()) == {*site.ids}


@pytest.mark.parametrize(
    ("command", "reason"),
    [([sys.executable, "-c", "raise SystemExit(3)"], "crash_loop"), (["/no/such/command"], "start_failed")],
)
def test_workers_that_do_not_run_are_said_to_fail(
    command: list[str], reason: str, new_site: NewSite, tmp_path: Path
) -> None:
    site = new_site(1)
    site.desire("running")
    with Orchestrator(site, tmp_path, command=command):
        eventually(lambda: site.camera()["status_reason"].startswith(f"{reason}:"))
        assert site.camera()["status"] == "failing"
        assert site.camera()["conditions"][0]["type"] == "PlacementFailed"
