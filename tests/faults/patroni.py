"""Two nodes of Patroni and an etcd on loopback, by the configuration that deploy/patroni has."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psycopg

from tests.cluster import find_bin
from tests.processes import ROOT, Failure, children_of, end, free_port, is_running, signal_all, start, tail_of

PASSWORD = "of-this-test-only"
DATABASE = "controlplane"
USER = "postgres"


def what_is_missing() -> str:
    """In words, or nothing."""
    if missing := [name for name in ("patroni", "etcd") if not shutil.which(name)]:
        return f"There is no {' and no '.join(missing)}. On Debian: apt-get install patroni etcd-server"
    return "" if os.getuid() == 0 else "Patroni's nodes run as the user postgres, which takes root to start."


class Node:
    """One PostgreSQL with the Patroni that looks after it."""

    def __init__(self, number: int, folder: Path, etcd: str) -> None:
        self.name = f"db-{number}"
        self.port, self._api = free_port(), free_port()
        self._folder = folder
        self.log = folder / f"{self.name}.log"
        self.log.touch()
        self.data = folder / self.name
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "PATRONI_NAME": self.name,
            "PATRONI_ETCD3_HOSTS": f'"{etcd}"',
            "PATRONI_RESTAPI_LISTEN": f"127.0.0.1:{self._api}",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"127.0.0.1:{self._api}",
            "PATRONI_POSTGRESQL_LISTEN": f"127.0.0.1:{self.port}",
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"127.0.0.1:{self.port}",
            "PATRONI_POSTGRESQL_DATA_DIR": str(self.data),
            "PATRONI_POSTGRESQL_BIN_DIR": str(find_bin(folder)),
            "PATRONI_POSTGRESQL_PGPASS": str(folder / f"{self.name}.pgpass"),
            "PATRONI_SUPERUSER_USERNAME": "postgres",
            "PATRONI_SUPERUSER_PASSWORD": PASSWORD,
            "PATRONI_REPLICATION_USERNAME": "replicator",
            "PATRONI_REPLICATION_PASSWORD": PASSWORD,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [shutil.which("patroni") or "patroni", self._folder / "patroni.yml"]
        self._process = start(command, log=self.log, env=self._environment, cwd=self._folder, user=USER)

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)

    def kill(self) -> None:
        """SIGKILL to Patroni and every process of PostgreSQL, as if the machine had failed."""
        assert self._process is not None
        postmaster = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        signal_all([self._process.pid, postmaster], signal.SIGSTOP)  # they start no others
        processes = [postmaster, *children_of(postmaster)]
        signal_all([self._process.pid, *processes], signal.SIGKILL)
        self._process.wait(10)
        wait_for(lambda: not any(is_running(process) for process in processes), self.log)

    def role(self) -> dict[str, Any]:
        """What Patroni says of it; nothing while it does not answer."""
        with suppress(httpx.HTTPError):
            return dict(httpx.get(f"http://127.0.0.1:{self._api}/patroni", timeout=2).json())
        return {}

    def is_leader(self) -> bool:
        found = self.role()
        return found.get("role") in ("master", "primary") and found.get("state") == "running"

    def is_synchronous_standby(self) -> bool:
        return bool(self.role().get("sync_standby"))

    def hand_over_to(self, other: "Node") -> None:
        """A switchover, as `patronictl switchover` asks for it; returns when Patroni has done it."""
        wanted = {"leader": self.name, "candidate": other.name}
        answer = httpx.post(f"http://127.0.0.1:{self._api}/switchover", json=wanted, timeout=60)
        if answer.status_code != 200:
            raise Failure(f"Patroni hands nothing over: {answer.text}")

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user="postgres",
            password=PASSWORD,
            autocommit=True,
            connect_timeout=5,
        )


class Patroni:
    """A context manager; inside it one node leads and the other follows synchronously."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="controlplane-patroni.", dir="/var/tmp"))
        shutil.copy(ROOT / "deploy" / "patroni" / "patroni.yml", self.folder)
        self._etcd, peers = f"127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        self._etcd_command = [
            shutil.which("etcd") or "etcd",
            *("--data-dir", self.folder / "etcd", "--name", "etcd"),
            *("--listen-client-urls", f"http://{self._etcd}", "--advertise-client-urls", f"http://{self._etcd}"),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", f"etcd={peers}"),
        ]
        self._etcd_process: subprocess.Popen[bytes] | None = None
        self.nodes = [Node(number, self.folder, self._etcd) for number in (1, 2)]
        for path in (self.folder, *self.folder.iterdir()):
            shutil.chown(path, USER)
        self.folder.chmod(0o700)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.stop()
        if self._etcd_process is not None:
            end(self._etcd_process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        first, second = self.nodes
        log = self.folder / "etcd.log"
        self._etcd_process = start(self._etcd_command, log=log, cwd=self.folder, user=USER)
        first.start()
        wait_for(first.is_leader, first.log)
        with first.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        second.start()
        wait_for(second.is_synchronous_standby, second.log)

    def url(self) -> str:
        """Of both nodes, as DATABASE_URL takes it."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://postgres:{PASSWORD}@{hosts}/{DATABASE}"


def wait_for(holds: Any, log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Failure(f"It does not come to that in {seconds:.0f} s:\n{tail_of(log)}")
        time.sleep(0.1)
