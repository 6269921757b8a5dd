"""A fleet whose contacts a test sets, and a receiver of webhooks that is a real HTTP server on loopback."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cameras.models import Camera, CameraVitals
from telemetry.alerts import subscriptions
from telemetry.alerts.models import Channel, Subscription, Topic
from tests.factories import AUTHOR, NOW, make_camera

STARTED = NOW - timedelta(days=1)


def fleet(count: int, *, contact: float = 5, interval: int = 10, **values: Any) -> list[Camera]:
    """Running cameras whose last contact was so many seconds before NOW."""
    cameras = [
        make_camera(
            f"Gate {n:03}", now=STARTED, desired_state="running", expected_interval_seconds=interval, **values
        )
        for n in range(count)
    ]
    report_contact(cameras, NOW - timedelta(seconds=contact))
    return cameras


def report_contact(cameras: list[Camera], at: datetime) -> None:
    CameraVitals.objects.filter(pk__in=[camera.pk for camera in cameras]).update(
        last_contact=at, last_sample_at=at
    )


def subscribe(url: str = "https://example.com/hook", **values: Any) -> tuple[Subscription, str]:
    """A subscription to everything without grace, and its secret."""
    given = {
        "name": "Control room",
        "channel": Channel.WEBHOOK,
        "format": "standard",
        "key": "",
        "url": url,
        "addresses": "",
        "topics": list(Topic.values),
        "site": None,
        "grace_seconds": 0,
        "is_active": True,
        **values,
    }
    return subscriptions.create_subscription(values=given, by=AUTHOR, now=NOW)


@dataclass
class Receiver:
    """What came in, and what is answered."""

    url: str = ""
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.received]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8", "::1"]
    with receiving() as receiver:
        yield receiver


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens until the end of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if receiver.answer:
                receiver.answer(self)
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?key=1"
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()
