"""An e-mail over SMTP to a real server on loopback."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from cameras.reasons import Reason
from cameras.status import Status
from telemetry.alerts import outbox, wording
from telemetry.alerts.channels import posting, smtp
from telemetry.alerts.channels.email import EmailChannel
from telemetry.alerts.models import Alert, Delivery, Kind, Transition
from telemetry.alerts.sending import send_due
from telemetry.alerts.timeline import StatusChange
from tests.factories import NOW, make_camera, make_site
from tests.telemetry.alerts.conftest import Receiver, subscribe

pytestmark = pytest.mark.django_db


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail for everybody but nobody@, one session after another."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.taken: list[tuple[list[str], str]] = []


class Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 hello")
        recipients: list[str] = []
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("RCPT"):
                known = "nobody@" not in line
                recipients += [line.partition("<")[2].rstrip(">")] if known else []
                self._say("250 ok" if known else "550 no such person")
            elif verb == "DATA":
                self._say("354 go on")
                text = "".join(iter(lambda: self._text(), ".\r\n"))
                self.server.taken.append((recipients, text))  # type: ignore[attr-defined]
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _text(self) -> str:
        return self.rfile.readline().decode()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    server = MailServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
    settings.EMAIL_SECURITY = "none"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def notify(addresses: str) -> Delivery:
    subscribe("", name=addresses, channel="email", addresses=addresses)
    outbox.notify([Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="Gate is offline.")], NOW)
    return Delivery.objects.select_related("alert").get()


def test_an_email_says_the_same() -> None:
    subscribe("", channel="email", addresses="a@example.com\nb@example.com")
    outbox.notify([Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="Gate\nis offline.")], NOW)
    delivery = Delivery.objects.get()

    message = EmailChannel().render(delivery, NOW)

    assert message.to == ["a@example.com", "b@example.com"]
    assert message.subject == "[Control plane] Camera offline"
    assert "Gate\nis offline." in message.body
    assert str(delivery.pk) in message.extra_headers["Message-ID"]


def test_an_email_says_where_since_when_there_how_long_why_and_leads_to_the_camera(settings: Any) -> None:
    settings.PUBLIC_URL = "https://cameras.example.com"
    site = make_site("Harbour <north>", timezone="Asia/Tokyo")
    camera = make_camera("Gate & <b>Co</b>", site=site, location="Left of the stairs")
    change = StatusChange(NOW, Status.STALE, Status.OFFLINE, Reason.SILENT)
    alert = wording.of_status_change(Kind.OFFLINE, camera, change, NOW)
    subscribe("", channel="email", addresses="a@example.com")
    outbox.notify([alert], NOW)

    message = EmailChannel().render(Delivery.objects.get(), NOW + timedelta(seconds=150))

    assert message.subject == "[Control plane] Camera offline: Gate & <b>Co</b>, Harbour <north>"
    link = f"https://cameras.example.com/admin/cameras/camera/{camera.pk}/change/"
    assert message.body.splitlines()[:9] == [
        "Gate & <b>Co</b> is offline since 2026-03-04 21:00:00 JST. Nothing was heard for six expected intervals.",
        "",
        "Site: Harbour <north>",
        "Camera: Gate & <b>Co</b>",
        "Place: Left of the stairs",
        "Since: 2026-03-04 21:00:00 JST",
        "For: 2\xa0minutes",
        "",
        link,
    ]
    ((html, kind),) = message.alternatives
    assert kind == "text/html"
    assert f'href="{link}"' in html
    assert "Gate &amp; &lt;b&gt;Co&lt;/b&gt;" in html
    assert "<b>" not in html
    for words in ("Harbour &lt;north&gt;", "Left of the stairs", "2026-03-04 21:00:00 JST", "Nothing was heard"):
        assert words in html


def test_an_email_of_an_end_says_how_long_it_lasted() -> None:
    camera = make_camera("Gate")
    record = {"camera_id": camera.pk, "camera_name": "Gate", "reason": "silent", "detected_at": NOW}
    Transition.objects.create(
        at=NOW - timedelta(hours=3), from_status=Status.STALE, to_status=Status.OFFLINE, **record
    )
    change = StatusChange(NOW, Status.OFFLINE, Status.HEALTHY, Reason.REPORTING)
    subscribe("", channel="email", addresses="a@example.com")
    outbox.notify([wording.of_status_change(Kind.RECOVERED, camera, change, NOW)], NOW)

    body = EmailChannel().render(Delivery.objects.get(), NOW).body

    assert "Began: 2026-03-04 09:00:00 UTC\nLasted: 3\xa0hours\nOver since: 2026-03-04 12:00:00 UTC" in body


@pytest.mark.parametrize(
    "addresses", ["a@example.com\r\nBcc: b@example.com", "a@exa\nmple.com", "<a@example.com>"]
)
def test_an_address_that_would_be_another_header_is_refused(addresses: str) -> None:
    with pytest.raises(ValidationError):
        EmailChannel().clean({"addresses": addresses})


def test_a_name_with_breaks_of_lines_makes_no_header() -> None:
    subscribe("", channel="email", addresses="a@example.com")
    data = {"camera": "Gate\r\nBcc: b@example.com\u2028" + "x" * 500}
    outbox.notify([Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="Gate", data=data)], NOW)

    message = EmailChannel().render(Delivery.objects.get(), NOW)

    assert message.subject.startswith("[Control plane] Camera offline: Gate Bcc: b@example.com xxx")
    assert len(message.subject) <= 140
    assert "Bcc" not in message.message()


def test_without_a_mail_server_an_email_waits_and_the_log_says_why() -> None:
    delivery = notify("a@example.com")

    assert send_due(NOW) == (0, 1)

    delivery.refresh_from_db()
    assert delivery.state == "waiting"
    assert "EMAIL_HOST" in delivery.detail


def test_a_mail_server_takes_the_alert(mail_server: MailServer) -> None:
    delivery = notify("a@example.com\nb@example.com")

    assert send_due(NOW) == (1, 0)

    ((recipients, text),) = mail_server.taken
    assert recipients == ["a@example.com", "b@example.com"]
    assert "Subject: [Control plane] Camera offline" in text
    assert "Auto-Submitted: auto-generated" in text
    assert str(delivery.alert.pk) in text


def test_what_a_mail_server_refuses_for_good_is_given_up_and_the_log_says_why(mail_server: MailServer) -> None:
    delivery = notify("nobody@example.com")

    assert send_due(NOW) == (0, 1)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.detail) == (
        "given_up",
        "Refused for good nobody@example.com: 550 no such person.",
    )


def test_a_mail_server_that_hangs_holds_up_no_webhook(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 4.0)
    monkeypatch.setattr(smtp, "GREETING_SECONDS", 2.0)
    settings.EMAIL_SECURITY = "none"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        for n in range(15):
            subscribe("", name=f"mail {n}", channel="email", addresses="night@example.com")
        subscribe(receiver.url, name="hook")
        alerts = [Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="Gate is offline.") for _ in range(4)]
        outbox.notify(alerts, NOW)
        Delivery.objects.filter(subscription__channel="email").update(next_attempt_at=NOW - timedelta(seconds=1))

        assert send_due(NOW) == (4, 60)


class Dripping(socketserver.StreamRequestHandler):
    """Always about to say something: each read of a client succeeds, and none ends a line."""

    def handle(self) -> None:
        with suppress(OSError):
            while True:
                self.wfile.write(b"2")
                time.sleep(0.05)


def test_a_mail_server_that_drips_ends_with_the_round(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "GREETING_SECONDS", 1.0)
    settings.EMAIL_SECURITY = "none"
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
        delivery = notify("a@example.com")

        assert send_due(NOW) == (0, 1)

        server.shutdown()
    delivery.refresh_from_db()
    assert delivery.detail == "Not taken now a@example.com: TimeoutError."
