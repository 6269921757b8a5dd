"""nginx with the files of deploy/nginx, in front of servers that a test has started."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from tests.processes import ROOT, Failure, children_of, end, free_port, output_of, start, tail_of

FILES = ROOT / "deploy" / "nginx"
# Debian keeps it where only root looks.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/opt/homebrew/bin")


class Certificate(NamedTuple):
    """Where the two files of a certificate are."""

    certificate: Path
    key: Path


class Proxy:
    """A context manager; inside it nginx listens on a port of loopback, and on another with TLS if it has a certificate.

    Nothing of its configuration is changed but ports and paths. `trusted` is the address of another proxy in front.
    """

    def __init__(
        self, web_port: int, ingest_port: int, certificate: Certificate | None = None, trusted: str = "127.0.0.9"
    ) -> None:
        if NGINX is None:
            raise Failure("There is no nginx; on Debian: apt-get install nginx-light.")
        self.port, self.tls_port = free_port(), free_port()
        # As root, nginx has workers of another user, who may not look into a folder of pytest.
        self.folder = Path(tempfile.mkdtemp(prefix="controlplane-proxy."))
        self.folder.chmod(0o711)
        self.log = self.folder / "access.log"
        self._errors = self.folder / "errors.log"
        self._command = [NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf"]
        self._process: subprocess.Popen[bytes] | None = None
        self._fill_in(
            "plain" if certificate is None else "tls",
            {
                "PROXY_WEB": f"127.0.0.1:{web_port}",
                "PROXY_INGEST": f"127.0.0.1:{ingest_port}",
                "PROXY_TRUSTED": trusted,
                "PROXY_LOG": str(self.log),
                "PROXY_LISTEN": f"127.0.0.1:{self.port}",
                "PROXY_LISTEN_TLS": f"127.0.0.1:{self.tls_port}",
                "PROXY_CERTIFICATE": str(certificate and certificate.certificate),
                "PROXY_KEY": str(certificate and certificate.key),
            },
        )

    def __enter__(self) -> Self:
        try:
            self._process = start([*self._command, "-g", "daemon off;"], log=self._errors, cwd=self.folder)
            self._wait_until(self._listens)
            self._count = len(self._workers())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        if self._process is not None:
            end(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> str:
        """What `nginx -t` says. Raises Failure where it refuses the configuration."""
        done = subprocess.run(
            [*map(str, self._command), "-t"], capture_output=True, text=True, timeout=30, cwd=self.folder
        )
        if done.returncode:
            raise Failure(done.stderr)
        return done.stderr

    def reload(self) -> None:
        """Have it read its configuration again; returns when new workers have taken over from the old ones."""
        old = set(self._workers())
        output_of([*self._command, "-s", "reload"], timeout=30, cwd=self.folder)
        # Old ones stay until they have answered what they have taken.
        self._wait_until(lambda: len(set(self._workers()) - old) == self._count)

    def _workers(self) -> list[int]:
        assert self._process is not None
        return children_of(self._process.pid)

    def _fill_in(self, listen: str, values: Mapping[str, str]) -> None:
        """What the official nginx image does with templates before it starts, and compose.yaml with their places."""
        (self.folder / "conf.d").mkdir()
        shutil.copy(FILES / "nginx.conf", self.folder)
        for source, target in (
            ("controlplane.conf.template", "controlplane.conf"),
            (f"listen-{listen}.inc.template", "controlplane-listen.inc"),
        ):
            text = re.sub(r"\$\{(PROXY_[A-Z_]+)\}", lambda name: values[name[1]], (FILES / source).read_text())
            (self.folder / "conf.d" / target).write_text(text)

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 30
        while not reached():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise Failure(f"nginx does not start:\n{tail_of(self._errors)}")
            time.sleep(0.02)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False
