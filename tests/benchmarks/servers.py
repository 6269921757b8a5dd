"""The servers that are measured, each with a database of its own, started when first asked for."""

import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.cluster import Cluster
from tests.processes import (
    ROOT,
    Failure,
    end,
    free_port,
    output_of,
    say,
    service_environment,
    start,
    tail_of,
)

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"
RESULTS = ROOT / "var" / "benchmarks"
WORKERS = 2
SAMPLES = "telemetry_sample"


@dataclass
class Server:
    """One that answers; `samples` is the table that its events come to, or "" where it stores none."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    cameras: Path | None = None
    database: str = ""
    samples: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    session: str = ""

    def rss_mib(self) -> float:
        """The resident memory of its workers, without their parent."""
        listed = output_of(["ps", "-A", "-o", "ppid=,rss="], timeout=10)
        rows = [line.split() for line in listed.splitlines()]
        return sum(int(rss) for parent, rss in rows if parent == str(self.process.pid)) / 1024


class Servers:
    """A context manager: what it has started ends with it."""

    def __init__(self, cluster: Cluster, work: Path, before_commit: str = "") -> None:
        self.cluster, self.work, self.before_commit = cluster, work, before_commit
        self._stack = ExitStack()
        self._started: dict[str, Server] = {}
        self._migrated = False

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.close()

    def ours(self, cameras: int = 1_000, name: str = "") -> Server:
        """The service as in production, with so many cameras; another name is another server and database."""
        name = name or f"ours-{cameras}"
        if name not in self._started:
            say(f"Starting {name}: {cameras:,} cameras ...")
            if not self._migrated:
                self.cluster.create_database("migrated")
                self.manage("migrated", ["manage.py", "migrate", "-v0"])
                self._migrated = True
            self.cluster.create_database(name, template="migrated")
            self._service(name, cameras, ROOT)
        return self._started[name]

    def before(self, cameras: int = 1_000) -> Server:
        """The same of another commit."""
        name = f"before-{cameras}"
        if name not in self._started:
            say(f"Starting {name}, of {self.before_commit} ...")
            folder = self.work / "before"
            if not folder.exists():
                folder.mkdir()
                archive = self.work / "before.tar"
                output_of(["git", "archive", "-o", archive, self.before_commit], timeout=60)
                output_of(["tar", "-xf", archive, "-C", folder], timeout=60)
            self.cluster.create_database(name)
            self.manage(name, ["manage.py", "migrate", "-v0"], folder)
            self._service(name, cameras, folder)
        return self._started[name]

    def _service(self, name: str, cameras: int, folder: Path) -> None:
        """Start the service that lies in a folder, on a migrated database, which is filled before."""
        made = json.loads(self.manage(name, [str(HERE / "fleet.py"), str(cameras)], folder))
        ids = self.work / f"{name}.ids"
        ids.write_text("".join(f"{camera}\n" for camera in made["cameras"]))
        server = self._gunicorn(name, "controlplane.asgi:application", self.cluster.url(name), folder)
        server.cameras, server.database, server.samples = ids, name, SAMPLES
        server.tokens, server.session = made["tokens"], made["session"]

    def noop(self) -> Server:
        """The same server around a callable that parses and answers."""
        if "noop" not in self._started:
            cameras = self.ours().cameras
            say("Starting the no-op ceiling ...")
            self._gunicorn("noop", "tests.benchmarks.noop:application", "sqlite://").cameras = cameras
        return self._started["noop"]

    def reference(self, cameras: int = 1_000) -> Server:
        """FastAPI, SQLAlchemy and asyncpg, in an environment of their own, with the cameras of `ours`."""
        name = f"reference-{cameras}"
        if name not in self._started:
            file = self.ours(cameras).cameras
            assert file is not None
            bin_folder = _reference_environment()
            say(f"Starting the reference: {cameras:,} cameras ...")
            self.cluster.create_database(name)
            url = self.cluster.url(name, scheme="postgresql+asyncpg")
            environment = {**os.environ, "REFERENCE_DATABASE_URL": url}
            ids = json.dumps(file.read_text().split())
            output_of([bin_folder / "python", "fleet.py"], timeout=120, env=environment, cwd=REFERENCE, given=ids)
            command = [bin_folder / "uvicorn", "app:app", "--app-dir", REFERENCE, "--workers", WORKERS]
            quiet = ["--no-access-log", "--log-level", "warning"]
            server = self._start(name, [*map(str, command), *quiet, "--host", "127.0.0.1", "--port"], environment)
            server.cameras, server.database, server.samples = file, name, "telemetry"
        return self._started[name]

    def manage(self, database: str, arguments: list[str], folder: Path = ROOT) -> str:
        """What a program of ours prints, run on a database; of the service that lies in a folder."""
        environment = service_environment(self.cluster.url(database)) | {"PYTHONPATH": str(folder)}
        return output_of([sys.executable, *arguments], timeout=600, env=environment, cwd=folder)

    def begin(self, database: str, arguments: list[str]) -> "subprocess.Popen[str]":
        """The same, under way."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=service_environment(self.cluster.url(database)),
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._stack.callback(process.kill)
        return process

    def _gunicorn(self, name: str, application: str, database_url: str, folder: Path = ROOT) -> Server:
        # As the README starts it; the address comes last here, since the port is found at the start.
        command = [Path(sys.executable).with_name("gunicorn"), "-k", "asgi", "-w", WORKERS, application, "-b"]
        # Pages are read by an administrator who has no second factor.
        environment = service_environment(database_url) | {"REQUIRE_MFA": "nobody"}
        return self._start(name, [str(word) for word in command], environment, folder)

    def _start(self, name: str, command: list[str], environment: dict[str, str], folder: Path = ROOT) -> Server:
        port = free_port()
        log = self.work / f"{name}.log"
        address = str(port) if command[-1] == "--port" else f"127.0.0.1:{port}"
        process = start([*command, address], log=log, env=environment, cwd=folder)
        self._stack.callback(end, process)
        server = Server(name, f"http://127.0.0.1:{port}", process)
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{server.url}/livez", timeout=5)
                break
            except httpx.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise Failure(f"{name} does not start:\n{tail_of(log)}") from None
                time.sleep(0.2)
        time.sleep(2)  # until the other worker is there too
        self._started[name] = server
        return server


def _reference_environment() -> Path:
    """The folder of executables of the reference's virtual environment, made once."""
    requirements = REFERENCE / "requirements.txt"
    folder = RESULTS / "reference-venv"
    stamp = folder / ".installed"
    wanted = hashlib.sha256(requirements.read_bytes() + f"{folder} {sys.version}".encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        say("Making the reference's virtual environment ...")
        output_of([sys.executable, "-m", "venv", "--clear", folder], timeout=300)
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]
        output_of([*pip, "-r", requirements], timeout=900)
        stamp.write_text(wanted)
    return folder / "bin"
