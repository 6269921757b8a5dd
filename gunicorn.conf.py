"""gunicorn reads this by itself: `gunicorn -k asgi -w 2 -b 127.0.0.1:8000 controlplane.asgi:application`."""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile

import gunicorn

from controlplane.server.gunicorn_version import refuse_untested

# Here rather than in `on_starting`: a gunicorn that is too old for the worker below fails before that hook is
# called, with words of its own, and the hook comes when the PID file is already written.
refuse_untested(gunicorn.__version__)

worker_class = "asgi"
# Workers post every few seconds over one connection: closed sooner, posts would run into the closing.
keepalive = 75
graceful_timeout = 8
# Longer than the longest query that the API takes; gunicorn's own answer would be plain text.
limit_request_line = 8190
# `controlplane.server.connections` goes by how far a request was read. The parser in C,
# which gunicorn may take by itself where `gunicorn_h1c` is installed, does not show it.
http_parser = "python"
# A worker answers 503 to more (`server.connections`), and to fewer where its limit of open files is lower.
worker_connections = 2000
# `controlplane.transport` decides who is believed about it, by TRUSTED_PROXIES.
forwarded_allow_ips = ""
secure_scheme_headers = {}
# Two services of one user would share the socket.
control_socket_disable = True

# Counters of all workers are added up through files in this folder; it must be known before the first import of
# prometheus_client, which then chooses where it keeps them.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    _folder = tempfile.mkdtemp(prefix="controlplane-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _folder
    _master = os.getpid()
    atexit.register(lambda: os.getpid() == _master and shutil.rmtree(_folder, ignore_errors=True))
else:
    os.makedirs(os.environ["PROMETHEUS_MULTIPROC_DIR"], exist_ok=True)  # a folder of /run is gone after a reboot

from prometheus_client import multiprocess  # noqa: E402


def post_fork(server, worker):
    """Keep a stop that comes while the application is loaded: a loop that does not run yet may forget it."""
    if worker.cfg.worker_class_str == "asgi":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def post_worker_init(worker):
    """Deadlines for heads, a cap on connections and a quick stop, of which the `asgi` worker has none."""
    # What is loaded by now stays: scanning it again and again took a quarter of ingest's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    # The event loop waits less long for a thread that makes a long list.
    sys.setswitchinterval(0.001)
    if worker.cfg.worker_class_str == "asgi":
        # Imported in the master it would outlive a reload.
        from controlplane.server.connections import bound_connections  # noqa: PLC0415

        bound_connections(worker)


def child_exit(server, worker):
    """Take a dead worker's gauges out of the metrics."""
    multiprocess.mark_process_dead(worker.pid)
