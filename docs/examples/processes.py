"""Workers as processes of this machine. An orchestrator that runs containers has the same four verbs elsewhere.

A process holds the lock of its file from its start to its end, whatever ends it. So the next reconciler on this
machine finds the workers that the one before has left, and knows that a pid is not another's by now.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 10  # from SIGTERM to SIGKILL


@dataclass
class Process:
    """The worker of a camera; `exit_code` is None until it has ended, and where it was a former reconciler's."""

    camera_id: str
    container: str
    epoch: int
    generation: int
    pid: int
    file: Path
    popen: "subprocess.Popen[bytes] | None" = None
    exit_code: int | None = None
    kill_at: float = 0.0

    def __post_init__(self) -> None:
        self.started_at = time.monotonic()

    def is_running(self) -> bool:
        """False once it has ended, and then its file is gone."""
        if self.popen:
            self.exit_code = self.popen.poll()
            runs = self.exit_code is None
        else:
            runs = _is_locked(self.file)
        if not runs:
            self.file.unlink(missing_ok=True)
        return runs

    def stop(self) -> None:
        """SIGTERM to it and what it has started; asked again after the grace, SIGKILL."""
        if time.monotonic() >= self.kill_at:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL if self.kill_at else signal.SIGTERM)
            self.kill_at = time.monotonic() + GRACE_SECONDS


class Processes:
    """The workers on this machine of one reconciler, which are noted in a folder."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self.command = folder, command
        self.lock = _lock(folder / "lock")
        if self.lock is None:
            sys.exit(f"Another reconciler runs with {folder}.")

    def find(self) -> Iterator[Process]:
        """Those that a reconciler before has started; some may have ended since."""
        for file in self.folder.glob("*.json"):
            if noted := file.read_text():
                yield Process(**json.loads(noted), file=file)
            elif not _is_locked(
                file
            ):  # else a reconciler was killed between two steps; the next claim fences it off
                file.unlink()

    def start(self, camera_id: str, container: str, epoch: int, generation: int, token: str) -> Process:
        """`container` is a name that there was not before. Raises OSError where the command cannot be started."""
        env = {"CAMERA_ID": camera_id, "WORKER_NAME": container, "EPOCH": str(epoch), "CONTROLPLANE_TOKEN": token}
        file = self.folder / f"{container}.json"
        known = {"camera_id": camera_id, "container": container, "epoch": epoch, "generation": generation}
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            popen = subprocess.Popen(self.command, env=os.environ | env, pass_fds=[opened], start_new_session=True)
            os.write(opened, json.dumps(known | {"pid": popen.pid}).encode())
        except OSError:
            file.unlink()
            raise
        finally:
            os.close(opened)  # from here on the process alone holds the lock
        return Process(camera_id, container, epoch, generation, popen.pid, file, popen)


def _lock(file: Path) -> int | None:
    """The file, opened and locked; None where a process holds its lock."""
    opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened


def _is_locked(file: Path) -> bool:
    opened = _lock(file)
    if opened is not None:
        os.close(opened)
    return opened is None
