"""Child processes that end with whoever started them, whatever ends that one."""

import contextlib
import ctypes
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[1]
_KEYS = {
    "SECRET_KEY": secrets.token_urlsafe(48),
    "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}
END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
END_SECONDS = 20


class Failure(Exception):
    """It cannot go on; the text says why."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    user: str | None = None,
    last_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """A server in a session of its own, so that Ctrl-C comes to its parent alone, which then ends it."""

    def end_with_parent() -> None:
        # A shell has what it starts in the background ignore Ctrl-C, and so would this.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(END_WITH_PARENT, last_signal)

    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=end_with_parent,
            **_identity(user),
        )


def service_environment(database_url: str) -> dict[str, str]:
    """Every setting of the service, so that none comes from the developer's own environment or .env."""
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "PYTHONPATH", "PROMETHEUS_"))
        },
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "DATABASE_URL": database_url,
        **_KEYS,
        "ALLOWED_HOSTS": "127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": "",
        "CORS_ALLOWED_ORIGINS": "",
        "DATABASE_POOL_SIZE": "20",
        "LOG_LEVEL": "WARNING",
        "DEBUG": "0",
        "BEHIND_TLS": "0",
        "HASHED_STATIC_FILES": "0",
    }


def end(process: subprocess.Popen[bytes], by: int = signal.SIGTERM) -> None:
    """Ask it to end, and make it after END_SECONDS."""
    if process.poll() is None:
        process.send_signal(by)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def output_of(
    command: Sequence[str | Path],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    user: str | None = None,
    given: str = "",
) -> str:
    """What a command prints. Raises Failure with the end of its words where it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=env,
            cwd=cwd,
            **_identity(user),
        )
    except FileNotFoundError:
        raise Failure(f"There is no {words[0]} on this machine.") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(words)[:200]} did not end within {timeout:.0f} s.") from None
    if done.returncode:
        raise Failure(f"{' '.join(words)[:200]} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def children_of(pid: int) -> list[int]:
    listed = output_of(["ps", "-A", "-o", "ppid=,pid="], timeout=10)
    pairs = (map(int, line.split()) for line in listed.splitlines())
    return [child for parent, child in pairs if parent == pid]


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended, waited for or not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, timeout=10)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


def signal_all(pids: Iterable[int], number: int) -> None:
    """Signal those of the processes that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def tail_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""


def _identity(user: str | None) -> dict[str, Any]:
    """The arguments that make a child another user's."""
    if user is None or os.getuid() != 0:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
