"""The service with a database of its own, and the examples as processes beside it; all on loopback."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx
import psycopg
import pytest
from django.db import connection as configured

from tests.faults.service import Service
from tests.manage_process import database_url
from tests.processes import ROOT, end, output_of, service_environment, signal_all, start, tail_of
from tests.telemetry.alerts.conftest import Receiver, receiving

EXAMPLES = ROOT / "docs" / "examples"
# A busy machine may take long; nothing here waits longer than it must.
PATIENCE_SECONDS = 60


def eventually(holds: Callable[[], object]) -> None:
    """Ask until it holds, but not so often that those who are waited for have no time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"it does not hold after {PATIENCE_SECONDS} seconds"
        time.sleep(0.1)


class Database:
    """A database of these tests' own, of the kind that is configured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_postgresql = configured.vendor == "postgresql"
        self.name = f"examples_{os.getpid()}"
        self.url = f"sqlite:///{folder / 'live.sqlite3'}"
        if self.is_postgresql:
            self.url = f"{database_url().rpartition('/')[0]}/{self.name}"

    def create(self, name: str, template: str) -> None:
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def __enter__(self) -> Self:
        if self.is_postgresql:
            self.drop(self.name)
            self.create(self.name, "template1")
        return self

    def __exit__(self, *reason: object) -> None:
        if self.is_postgresql:
            self.drop(self.name)
            self.drop(f"{self.name}_backup")

    def back_up(self) -> None:
        """Nothing may be connected to it."""
        if self.is_postgresql:
            self.create(f"{self.name}_backup", self.name)
        else:
            self._copy("live", "backup")

    def restore(self) -> None:
        """To what it was when it was backed up; nothing may be connected to it."""
        if self.is_postgresql:
            self.drop(self.name)
            self.create(self.name, f"{self.name}_backup")
        else:
            self._copy("backup", "live")

    def _copy(self, source: str, target: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"{target}.sqlite3{suffix}").unlink(missing_ok=True)
            if (file := self.folder / f"{source}.sqlite3{suffix}").exists():
                shutil.copy(file, self.folder / f"{target}.sqlite3{suffix}")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(f"{database_url().rpartition('/')[0]}/postgres", autocommit=True) as connection:
            connection.execute(statement)


class ControlPlane:
    """The service and `maintain`; both can be killed, and started again at the same address.

    The database is backed up before the first start; `site_of_before` is a site that it has.
    """

    def __init__(self, folder: Path, database: Database, receiver: Receiver) -> None:
        self.folder, self.database, self.receiver = folder, database, receiver
        self.settings = {"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
        self.environment = service_environment(database.url) | self.settings
        made = output_of(
            [sys.executable, "-m", "tests.examples.scene", receiver.url], timeout=120, env=self.environment
        )
        scene = json.loads(made)
        database.back_up()
        self.token, self.cookies = scene["token"], scene["cookies"]
        self.site_of_before = Site(self, **scene["site"])
        self.service = Service(folder, database.url, settings=self.settings)
        self.url = self.service.url
        self.http = self.client(self.token)
        self._maintain: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self.kill()

    def start(self) -> None:
        self.service.start()
        maintain = [sys.executable, "manage.py", "maintain"]
        self._maintain = start(maintain, log=self.folder / "maintain.log", env=self.environment)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        self.service.kill()
        if self._maintain is not None:
            self._maintain.kill()
            self._maintain.wait()

    def restore(self) -> None:
        """The database as it was when it was backed up, as the manual says; the service is not running."""
        self.database.restore()
        output_of([sys.executable, "manage.py", "new_epoch"], timeout=60, env=self.environment)

    def client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS)

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def page(self, path: str) -> str:
        """A page of the admin."""
        return httpx.get(f"{self.url}{path}", cookies=self.cookies, timeout=PATIENCE_SECONDS).text


class Site(NamedTuple):
    """Cameras of a site of their own, and a token of each role that is bound to it."""

    plane: ControlPlane
    id: str
    ids: list[str]
    tokens: dict[str, str]

    def camera(self) -> dict[str, Any]:
        """Its only one."""
        (camera,) = self.cameras().values()
        return camera

    def cameras(self) -> dict[str, dict[str, Any]]:
        fields = (
            "name,status,status_reason,status_since,conditions,generation,observed_generation,report,placement"
        )
        listed = self.plane.get(f"/cameras?site={self.id}&fields={fields}")
        return {camera["id"]: camera for camera in listed}

    def are(self, status: str) -> bool:
        return {camera["status"] for camera in self.cameras().values()} == {status}

    def change(self, camera_id: str, **values: Any) -> None:
        self.plane.http.patch(f"/cameras/{camera_id}", json=values).raise_for_status()

    def desire(self, desired_state: str) -> None:
        for camera_id in self.ids:
            self.change(camera_id, desired_state=desired_state)

    def samples_of(self, camera_id: str) -> list[str]:
        """The moments of its samples of the whole frame."""
        samples = self.plane.get(f"/telemetry/{camera_id}")["samples"]
        return [sample["timestamp"] for sample in samples if not sample["zone"]]


class Orchestrator:
    """The example's reconciler in a process of its own; a context manager, at the end of which nothing of it is left."""

    def __init__(self, site: Site, folder: Path, node: str = "north", command: list[str] | None = None) -> None:
        self.site, self.node, self.command = site, node, command or []
        folder.mkdir(exist_ok=True)
        self.state, self.log = folder / node, folder / f"{node}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        signal_all(self.workers().values(), signal.SIGKILL)
        if error is not None:
            sys.stderr.write(f"--- {self.node}\n{tail_of(self.log)}")

    def start(self) -> None:
        options = ["--node", self.node, "--state", self.state, "--list-seconds", "2"]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONTROLPLANE_")},
            "CONTROLPLANE_URL": self.site.plane.url,
            "CONTROLPLANE_TOKEN": self.site.tokens["orchestrator"],
        }
        command = [sys.executable, EXAMPLES / "reconciler.py", *options, "--", *self.command]
        # Should this process be killed, the workers end with it.
        self._process = start(command, log=self.log, env=environment, last_signal=signal.SIGINT)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ctrl-C; returns how it ended."""
        assert self._process is not None
        end(self._process, by=signal.SIGINT)
        return self._process.returncode

    def lists(self) -> int:
        """How often it has listed what should run."""
        return self.log.read_text().count("cameras should run")

    def workers(self) -> dict[str, int]:
        """Processes that run, by camera."""
        found = {}
        for file in self.state.glob("*.json"):
            with contextlib.suppress(FileNotFoundError, ValueError), file.open() as opened:
                noted = json.loads(opened.read())
                try:
                    fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:  # a worker holds the lock of its file as long as it runs
                    assert noted["camera_id"] not in found, "two processes for one camera"
                    found[noted["camera_id"]] = noted["pid"]
        return found


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("examples")
    with (
        receiving() as receiver,
        Database(folder) as database,
        ControlPlane(folder, database, receiver) as plane,
    ):
        yield plane


@pytest.fixture
def new_site(plane: ControlPlane, request: pytest.FixtureRequest) -> Callable[[int], Site]:
    """Makes a site with so many stopped cameras that are to be heard of each second."""

    def make(cameras: int) -> Site:
        def post(path: str, **values: Any) -> Any:
            answer = plane.http.post(path, json=values)
            assert answer.is_success, answer.text
            return answer.json()

        site = post("/sites", name=f"{request.node.name} {time.monotonic_ns()}")["id"]
        ids = [
            post(
                "/cameras",
                name=f"Camera {number}",
                site=site,
                connection_string=f"rtsp://viewer:canary-7731@10.0.0.{number}/stream",
                expected_interval_seconds=1,
            )["id"]
            for number in range(1, cameras + 1)
        ]
        tokens = {
            role: post("/tokens", name=f"{role} {site}", role=role, sites=[site])["token"]
            for role in ("orchestrator", "worker")
        }
        return Site(plane, site, ids, tokens)

    return make


@pytest.fixture
def long(pytestconfig: pytest.Config) -> bool:
    """Whether the strict figures are asked for, on a machine that has nothing else to do."""
    return bool(pytestconfig.getoption("--long"))
