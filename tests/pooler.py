"""PgBouncer with the file of deploy/pgbouncer, in front of a server that a test has started."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg

from tests.cluster import Cluster
from tests.processes import ROOT, Failure, end, free_port, start, tail_of

FILE = ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini"
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/opt/homebrew/bin")


class Pooler:
    """A context manager; inside it PgBouncer listens on a port of loopback, and takes everybody at their word.

    `changed` are values of the file that shall be others.
    """

    def __init__(self, cluster: Cluster, database: str, **changed: str) -> None:
        if PGBOUNCER is None:
            raise Failure("There is no PgBouncer; on Debian: apt-get install pgbouncer.")
        self.port, self._database = free_port(), database
        self._folder = Path(tempfile.mkdtemp(prefix="controlplane-pooler."))
        self._log = self._folder / "log"
        self._user = None
        if os.getuid() == 0:  # as root it refuses to run
            names = {entry.pw_name for entry in pwd.getpwall()}
            self._user = "postgres" if "postgres" in names else "nobody"
        changed = {"listen_port": str(self.port), "auth_type": "any", "auth_file": "", **changed}
        text = re.sub(
            r"^controlplane = .*$",
            f"{database} = host=127.0.0.1 port={cluster.port} dbname={database} user=postgres",
            FILE.read_text(),
            flags=re.MULTILINE,
        )
        for name, value in changed.items():
            text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
            assert count == 1, name
        self._file = self._folder / "pgbouncer.ini"
        self._file.write_text(text)
        self._folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{self._database}"

    def __enter__(self) -> Self:
        assert PGBOUNCER is not None
        try:
            self._process = start([PGBOUNCER, self._file], log=self._log, cwd=self._folder, user=self._user)
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        if self._process is not None:
            end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.02)
        raise Failure(f"PgBouncer does not start:\n{tail_of(self._log)}")
