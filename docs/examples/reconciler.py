"""An orchestrator: it keeps a worker running, on this machine, for each camera that should run.

An example to copy, with `client.py` and `processes.py`; it needs Python 3.11, httpx and a POSIX system.

    CONTROLPLANE_URL=http://127.0.0.1:8000 CONTROLPLANE_TOKEN=cpt_... python reconciler.py
    CONTROLPLANE_URL=... CONTROLPLANE_TOKEN=... python reconciler.py --node gpu-7 -- ./analyse --gpu 0

The token is of the role orchestrator. A worker is the command after `--`, or `worker.py` beside this file.

Run one on each node: each camera is claimed by one of them, and by another one where that node is gone. Ctrl-C
ends the workers too; whatever else ends this process leaves them to the next one.
"""

import argparse
import asyncio
import logging
import os
import random
import socket
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client import ControlPlane
from processes import Process, Processes

TICK_SECONDS = 0.25
MAX_PAUSE_SECONDS = 60
MAX_AT_ONCE = 200
# A worker that has run for so long runs well; one that ends so often before that is in a crash loop.
STEADY_SECONDS, CRASHES_OF_A_LOOP = 10, 3
NO_PERMISSION = 77  # a worker ends with it where its token is refused
GOODBYE_SECONDS = 10

log = logging.getLogger("reconciler")


@dataclass(eq=False)
class Camera:
    """What should be of a camera, and what is."""

    id: str
    is_wanted: bool = False
    is_elsewhere: bool = False  # another node has it
    generation: int = 0
    epoch: int = 0  # of its placement, as far as is known
    silent_epoch: int = 0  # the epoch whose worker was silent at the last look
    process: Process | None = None
    container: str = ""  # of the claim under way: one whose answer was lost is repeated as it was
    token: str = ""
    crashes: int = 0
    start_at: float = 0.0  # not before
    placement: dict[str, str] = field(default_factory=dict)  # what is to be said of it,
    said: dict[str, str] = field(default_factory=dict)  # and what was

    def keeps(self, process: Process) -> bool:
        is_here = self.is_wanted and not self.is_elsewhere
        return is_here and process.generation == self.generation and not process.kill_at


class Reconciler:
    """Compares what should be with what is, and takes a step; again and again, so that nothing missed stays so."""

    def __init__(self, plane: ControlPlane, node: str, processes: Processes, list_seconds: float) -> None:
        self.plane, self.node, self.processes, self.list_seconds = plane, node, processes, list_seconds
        self.cameras = {
            process.camera_id: Camera(process.camera_id, process=process, epoch=process.epoch)
            for process in processes.find()
        }
        self.list_at = 0.0
        self.watching: asyncio.Task[None] | None = None

    async def run(self) -> None:
        while True:
            if time.monotonic() >= self.list_at or (self.watching and self.watching.done()):
                await self.list_and_watch()
            self.tend()
            await self.claim_and_start()
            await self.tell()
            await asyncio.sleep(TICK_SECONDS)

    # --- What should be

    async def list_and_watch(self) -> None:
        """All cameras that should run, and who has them; from then on what changes."""
        if self.watching and not self.watching.cancel():
            self.watching.result()  # raises what has ended it, if that was a fault
        running, cursor = await self.plane.running()
        listed = {camera["id"]: camera for camera in running}
        for camera_id in self.cameras.keys() | listed.keys():
            camera = self.cameras.setdefault(camera_id, Camera(camera_id))
            camera.is_wanted = camera_id in listed
            if camera.is_wanted:
                camera.generation = listed[camera_id]["generation"]
                self.take_placement(camera, listed[camera_id])
        log.info("%d cameras should run", len(listed))
        self.list_at = time.monotonic() + self.list_seconds
        self.watching = asyncio.create_task(self.watch(cursor))

    def take_placement(self, camera: Camera, seen: dict[str, Any]) -> None:
        """Whose the camera is. A node is gone where its worker is silent, and still is at the next look."""
        there = seen["placement"] or {"epoch": 0, "node": self.node, "phase": ""}
        is_silent = seen["status"] in ("stale", "offline")
        is_gone = is_silent and camera.silent_epoch == there["epoch"]
        camera.silent_epoch = there["epoch"] if is_silent else 0
        camera.is_elsewhere = there["node"] != self.node and there["phase"] != "stopped" and not is_gone
        camera.epoch = there["epoch"]
        if camera.process and camera.process.epoch != camera.epoch:
            camera.process.stop()  # somebody else claimed it, or the server's database was restored

    async def watch(self, cursor: str) -> None:
        async for change in self.plane.changes(cursor):
            camera = self.cameras.setdefault(change["camera_id"], Camera(change["camera_id"]))
            camera.is_wanted = change["kind"] != "deleted" and change["desired_state"] == "running"
            camera.generation = change["generation"]

    # --- What is

    def tend(self) -> None:
        """Note which workers have ended, and end those that should not run, or not with this configuration."""
        for camera in self.cameras.values():
            process = camera.process
            if process and not process.is_running():
                self.note_end(camera, process)
            elif process and not camera.keeps(process):
                process.stop()
            elif process:
                if time.monotonic() - process.started_at >= STEADY_SECONDS:
                    camera.crashes = 0
                if camera.crashes < CRASHES_OF_A_LOOP:
                    camera.placement = {"phase": "running"}
            elif camera.placement and not camera.is_wanted:
                camera.crashes, camera.placement = 0, {"phase": "stopped"}

    def note_end(self, camera: Camera, process: Process) -> None:
        camera.process = None
        log.info("%s has ended: %s", process.container, process.exit_code)
        if process.exit_code == NO_PERMISSION:
            camera.token = ""
        if not camera.is_wanted:
            camera.placement = {"phase": "stopped"}
        elif not process.kill_at:
            self.note_crash(camera, "crash_loop", f"It ends soon after its start, last with {process.exit_code}.")

    def note_crash(self, camera: Camera, reason: str, message: str) -> None:
        """Start it again after a pause, each time a longer one."""
        camera.start_at = time.monotonic() + random.uniform(0.5, 1) * min(MAX_PAUSE_SECONDS, 2**camera.crashes)
        camera.crashes = min(camera.crashes + 1, 10)
        if camera.crashes >= CRASHES_OF_A_LOOP or reason != "crash_loop":
            camera.placement = {"phase": "failed", "reason": reason, "message": message}

    async def claim_and_start(self) -> None:
        """Claim the cameras that should run and do not, and start a worker for each that was got."""
        now = time.monotonic()
        idle = [camera for camera in self.cameras.values() if camera.is_wanted and not camera.process]
        idle = [camera for camera in idle if not camera.is_elsewhere and now >= camera.start_at][:MAX_AT_ONCE]
        for camera in idle:
            if not camera.token:
                camera.token = await self.plane.make_token(camera.id, f"{self.node}/{camera.id}")
            if camera.placement.get("phase") != "failed":  # which it stays until a worker runs well
                camera.placement = {"phase": "starting"}
            # A name for each process: so each has an epoch of its own, which fences off those before.
            camera.container = camera.container or f"worker-{uuid.uuid4().hex[:12]}"
        claims = [{"container": camera.container, "after": camera.epoch} for camera in idle]
        for camera, answer in zip(idle, await self.place(idle, claims), strict=True):
            if "code" in answer:
                await self.take_refusal(camera, answer)
                continue
            camera.epoch, camera.generation, camera.said = answer["epoch"], answer["generation"], camera.placement
            camera.is_wanted = answer["desired_state"] == "running"
            try:
                if camera.is_wanted:
                    claim = camera.id, camera.container, camera.epoch, camera.generation
                    camera.process = self.processes.start(*claim, camera.token)
                    log.info("%s starts, for camera %s", camera.container, camera.id)
            except OSError as error:
                self.note_crash(camera, "start_failed", str(error))
            camera.container = ""

    # --- What is said of it

    async def tell(self) -> None:
        """Report what has changed since it was last said."""
        due = [camera for camera in self.cameras.values() if camera.placement != camera.said][:MAX_AT_ONCE]
        for camera, answer in zip(due, await self.place(due, [{"epoch": c.epoch} for c in due]), strict=True):
            if "code" in answer:
                await self.take_refusal(camera, answer)
            else:
                camera.said = camera.placement

    async def place(self, cameras: list[Camera], claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
        said = [
            {"camera_id": camera.id, "node": self.node} | camera.placement | claim
            for camera, claim in zip(cameras, claims, strict=True)
        ]
        return await self.plane.place(said) if said else []

    async def take_refusal(self, camera: Camera, answer: dict[str, Any]) -> None:
        """Another reconciler has it: leave it to that one, until it is seen to be free."""
        log.info("camera %s: %s", camera.id, answer["detail"])
        camera.placement = camera.said = {}
        camera.container, camera.is_elsewhere = "", True
        if seen := await self.plane.camera(camera.id):
            self.take_placement(camera, seen)

    async def end_workers(self) -> None:
        while running := [camera for camera in self.cameras.values() if camera.process or camera.is_wanted]:
            for camera in running:
                camera.is_wanted = False
            self.tend()
            await asyncio.sleep(0.1)
        self.tend()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.tell(), GOODBYE_SECONDS)


async def main(options: argparse.Namespace) -> None:
    state = options.state or Path.home() / ".local/state/reconciler" / options.node
    processes = Processes(state, options.command)
    async with ControlPlane(os.environ["CONTROLPLANE_URL"], os.environ["CONTROLPLANE_TOKEN"]) as plane:
        reconciler = Reconciler(plane, options.node, processes, options.list_seconds)
        try:
            await reconciler.run()
        except asyncio.CancelledError:  # by Ctrl-C
            await reconciler.end_workers()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Keep a worker running for each camera that should run.")
    parser.add_argument("--node", default=socket.gethostname(), help="its name, another one for each reconciler")
    parser.add_argument("--state", type=Path, metavar="FOLDER", help="where it notes which workers run")
    parser.add_argument("--list-seconds", type=float, default=60, help="how often to list, beside watching")
    parser.add_argument("command", nargs="*", default=[sys.executable, str(Path(__file__).with_name("worker.py"))])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(main(parser.parse_args()))
