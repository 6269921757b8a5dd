"""The service as in production: gunicorn, two workers, and a database of its own."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import httpx

from tests.processes import (
    ROOT,
    Failure,
    children_of,
    end,
    free_port,
    output_of,
    service_environment,
    signal_all,
    start,
    tail_of,
)

WORKERS = 2
LISTENING = "ASGI server listening"


class Fleet(NamedTuple):
    """The cameras of a database, its tokens by role, and the key of a superuser's session."""

    cameras: list[str]
    tokens: dict[str, str]
    session: str


def make_fleet(database_url: str, cameras: int) -> Fleet:
    """Migrate an empty database and fill it."""
    environment = service_environment(database_url)
    output_of([sys.executable, "manage.py", "migrate", "-v0"], timeout=120, env=environment)
    made = json.loads(
        output_of([sys.executable, "-m", "tests.benchmarks.fleet", str(cameras)], timeout=120, env=environment)
    )
    return Fleet(**made)


def manage(database_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command of manage.py that has ended, on a database of the caller's."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=service_environment(database_url),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Service:
    """A context manager; inside it the service listens on a port of loopback."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *options: str,
        application: str = "controlplane.asgi:application",
        worker_class: str = "asgi",
        settings: Mapping[str, str] = MappingProxyType({}),
        processes: int = WORKERS,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"service-{self.port}.log"
        self._environment = {**service_environment(database_url), **settings}
        shape = ["-k", worker_class, "-w", str(processes), "-b", f"127.0.0.1:{self.port}"]
        self._command = [Path(sys.executable).with_name("gunicorn"), *shape, *options, application]
        self._processes = processes
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(self, *reason: object) -> None:
        if self._process is not None:
            end(self._process, by=signal.SIGQUIT)  # at once: nobody waits any more

    def start(self) -> None:
        """Returns when every worker answers. Raises Failure."""
        before = self._text().count(LISTENING)
        self.launch()
        self._wait_until(lambda: self._text().count(LISTENING) >= before + self._processes or self._has_answered())

    def launch(self) -> None:
        """Begin to start; returns at once."""
        self._process = start(self._command, log=self.log, env=self._environment, cwd=ROOT)

    def stop(self) -> float:
        """SIGTERM; the seconds until it is gone."""
        started = time.monotonic()
        if self._process is not None:
            end(self._process)
        return time.monotonic() - started

    def kill(self) -> None:
        """SIGKILL to every process of it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)  # it starts no others
            signal_all([*self.workers(), self._process.pid], signal.SIGKILL)
            self._process.wait(10)

    def hang_up(self) -> None:
        """SIGHUP: new workers, then the old ones end; returns when that is done."""
        assert self._process is not None
        old = set(self.workers())
        self._process.send_signal(signal.SIGHUP)
        self._wait_until(lambda: len(now := set(self.workers())) == self._processes and not now & old)

    def workers(self) -> list[int]:
        assert self._process is not None
        return children_of(self._process.pid)

    def logged_errors(self) -> list[str]:
        """Lines of the log that show an error of ours."""
        signs = (
            "unhandled exception",
            "Traceback",
            "Exception in ",
            "Error in ASGI",
            '"level": "error"',
            "[CRITICAL]",
        )
        return [
            line
            for line in self._text().splitlines()
            if any(word in line for word in signs) and '"status_code": 503' not in line
        ]

    def reasons_of_503(self) -> list[str]:
        """Lines of the log that say why requests were answered with 503."""
        signs = ("answered 503", "answers 503", "group not stored", "tokens not looked up")
        return [line for line in self._text().splitlines() if any(sign in line for sign in signs)]

    def _text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _has_answered(self) -> bool:
        """For workers that do not say when they listen."""
        if "asgi" in self._command:
            return False
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/livez", timeout=5).status_code == 200
        return False

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 60
        while not reached():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise Failure(f"The service does not come up:\n{tail_of(self.log)}")
            time.sleep(0.05)
