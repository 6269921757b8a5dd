"""Debian's Prometheus: its `promtool`, and a server of its own that scrapes what a test has started."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import yaml

from tests.processes import ROOT, Failure, end, free_port, start, tail_of

FILES = ROOT / "deploy" / "prometheus"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="There is no Prometheus; on Debian: apt-get install prometheus"
)


def promtool(*arguments: str | Path, given: str = "", cwd: Path = ROOT) -> str:
    """What promtool says, in both its streams. Raises Failure where it finds a fault."""
    done = subprocess.run(
        [str(PROMTOOL), *map(str, arguments)], input=given, capture_output=True, text=True, timeout=60, cwd=cwd
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise Failure(said)
    return said


class Prometheus:
    """A context manager; inside it Prometheus runs on loopback with the files of deploy/prometheus.

    Nothing of its configuration is changed but addresses, the token's file, and how often it asks.
    """

    def __init__(self, folder: Path, target: str, token: str) -> None:
        self.port, self.folder = free_port(), folder
        self.log = folder / "prometheus.log"
        self.url = f"http://127.0.0.1:{self.port}/api/v1"
        (folder / "token").write_text(token)
        shutil.copy(FILES / "rules.yml", folder)
        config = yaml.safe_load((FILES / "prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            job["authorization"]["credentials_file"] = str(folder / "token")
            job["static_configs"][0]["targets"] = [target]
            job.pop("scrape_interval", None)
            job.pop("scrape_timeout", None)
        self.jobs = [job["job_name"] for job in config["scrape_configs"]]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [
            str(PROMETHEUS),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        self._process = start(command, log=self.log)
        return self

    def __exit__(self, *reason: object) -> None:
        if self._process is not None:
            end(self._process)

    def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of its API. Raises Failure with what it says is wrong."""
        response = httpx.get(f"{self.url}/{path}", params=parameters, timeout=10)
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # as long as it starts, in plain words
            response.raise_for_status()
        answer = response.json()
        if answer["status"] != "success":
            raise Failure(f"{parameters}: {answer['error']}")
        return answer["data"]

    def query(self, expression: str) -> list[Any]:
        """The series of an instant query."""
        found: list[Any] = self.ask("query", query=expression)["result"]
        return found

    def wait_until(self, reached: Callable[[], Any]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if reached():
                    return
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise Failure(f"Prometheus does not come so far:\n{tail_of(self.log)}")
            time.sleep(0.1)
