"""Passwords are slow to check, so that guessing is slow; here that slowness is the guesser's and nobody else's."""

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

# Beside a busy ingest a check of 0.3 s takes some seconds; with less priority it would take a minute.
NICENESS = 15
MAX_REST_SECONDS = 2.0


class PatientHasher(PBKDF2PasswordHasher):
    """Django's own hasher, one password at a time for all processes of a service, by a thread that lets others go
    first: who guesses costs half of a core at most, and none that ingest needs.
    """

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return str(_thread().submit(_in_turn, super().encode, password, salt, iterations).result())


def _in_turn(hash_password: Callable[..., Any], *args: Any) -> Any:
    """The hash, in the turn among the processes of a service: the folder of their metrics is shared by them.

    After each turn nobody has one for as long as it took, so that guessing keeps half of a core busy at the most.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return hash_password(*args)
    with Path(folder, "passwords.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the file, also where the process is killed
        lock.seek(0)
        # The clock is that of the machine, so all processes read the same one.
        rest_seconds = float(lock.read() or 0) - time.monotonic()
        time.sleep(min(max(0.0, rest_seconds), MAX_REST_SECONDS))
        began_at = time.monotonic()
        hashed = hash_password(*args)
        ended_at = time.monotonic()
        lock.truncate(0)
        lock.write(str(ended_at + (ended_at - began_at)))
        return hashed


def _let_others_go_first() -> None:
    if sys.platform == "linux":  # elsewhere the priority is that of the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_threads: dict[int, ThreadPoolExecutor] = {}


def _thread() -> ThreadPoolExecutor:
    """The one thread of this process; a fork has none of its parent's threads."""
    if os.getpid() not in _threads:
        _threads[os.getpid()] = ThreadPoolExecutor(1, "passwords", initializer=_let_others_go_first)
    return _threads[os.getpid()]
