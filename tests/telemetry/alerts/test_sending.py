"""Deliveries against a real receiver on loopback: signed, repeated, bounded, and never lost."""

import base64
import hashlib
import hmac
import json
import re
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from telemetry.alerts import outbox, sending
from telemetry.alerts.admin.subscriptions import failing_channels
from telemetry.alerts.channels import destinations, posting
from telemetry.alerts.health import check_alerts
from telemetry.alerts.models import Alert, Delivery, Kind, Subscription
from telemetry.alerts.results import Result
from telemetry.alerts.sending import send_due
from telemetry.alerts.subscriptions import FIELDS, renew_secret, update_subscription, value_of
from tests.factories import AUTHOR, NOW
from tests.telemetry.alerts.conftest import Receiver, subscribe

pytestmark = pytest.mark.django_db


ROOT = Path(__file__).parents[3]


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def alert(kind: Kind = Kind.OFFLINE, text: str = "Gate is offline.") -> Alert:
    return Alert(kind=kind, at=NOW, created_at=NOW, text=text, data={"camera": "Gate"})


def one() -> Delivery:
    return Delivery.objects.get()


def notify_once(receiver: Receiver, answer: Any = None) -> str:
    receiver.answer = answer
    secret = subscribe(receiver.url)[1]
    outbox.notify([alert()], NOW)
    return secret


def answering(status: int, **headers: str) -> Any:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def test_a_webhook_is_signed_so_that_its_receiver_can_verify_it(receiver: Receiver) -> None:
    secret = notify_once(receiver)

    assert send_due(NOW) == (1, 0)

    ((headers, body),) = receiver.received
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == str(one().pk)
    assert abs(int(headers["webhook-timestamp"]) - NOW.timestamp()) < 60
    assert headers["host"] == receiver.url.split("/")[2]
    assert headers["content-type"] == "application/json"
    message = json.loads(body)
    assert (message["type"], message["timestamp"]) == ("camera.offline", "2026-03-04T12:00:00.000000Z")
    assert message["data"]["text"] == "Gate is offline."
    assert (one().state, one().attempts, one().detail) == ("delivered", 1, "")


def test_the_receiver_of_the_documentation_takes_what_is_genuine_and_nothing_else(receiver: Receiver) -> None:
    secret = notify_once(receiver)
    send_due(datetime.now(UTC))
    ((headers, body),) = receiver.received
    sample: dict[str, Any] = {}
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "reference" / "alerts.md").read_text(), re.DOTALL
    )
    exec(code, sample)  # noqa: S102
    verified = sample["verified"]

    assert verified(secret, headers, body)
    assert not verified(secret, headers, body + b" ")
    assert not verified(secret, {**headers, "webhook-id": "another"}, body)
    assert not verified(secret, {**headers, "webhook-timestamp": "1600000000"}, body)
    assert not verified("whsec_" + base64.b64encode(b"x" * 32).decode(), headers, body)


def test_the_log_holds_neither_the_url_nor_the_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    secret = notify_once(receiver, answering(500))

    assert send_due(NOW) == (0, 1)

    assert receiver.url not in caplog.text
    assert "key=1" not in caplog.text
    assert secret not in caplog.text


def test_what_fails_is_repeated_later_and_later_under_the_same_id(receiver: Receiver) -> None:
    notify_once(receiver, answering(500))
    now = NOW
    pauses = []
    for _ in range(3):
        assert send_due(now) == (0, 1)
        assert one().state == "waiting"
        pauses.append((one().next_attempt_at - now).total_seconds())
        assert send_due(now) == (0, 0)
        now = one().next_attempt_at
    receiver.answer = None

    assert send_due(now) == (1, 0)

    assert [round(pause / base) for pause, base in zip(pauses, (5, 10, 20), strict=True)] == [1, 1, 1]
    assert receiver.ids() == [str(one().pk)] * 4
    assert one().attempts == 4


def test_after_a_day_and_a_half_it_is_given_up_and_the_log_says_so(receiver: Receiver) -> None:
    notify_once(receiver, answering(503))
    waited = sum((outbox.retry_after(attempt) for attempt in range(1, outbox.ATTEMPTS)), timedelta())
    assert timedelta(days=1) < waited < timedelta(days=2)
    Delivery.objects.update(attempts=outbox.ATTEMPTS - 1)

    send_due(NOW)

    assert (one().state, one().detail, one().next_attempt_at) == ("given_up", "Answered 503.", None)
    assert send_due(later(999_999)) == (0, 0)


def test_what_was_claimed_by_a_process_that_died_is_sent_under_the_same_id(receiver: Receiver) -> None:
    notify_once(receiver)
    claimed = outbox.claim(NOW, 10, 10, ())
    assert [delivery.pk for delivery in claimed] == [one().pk]

    assert send_due(later(outbox.LEASE.total_seconds() - 1)) == (0, 0)
    assert send_due(later(outbox.LEASE.total_seconds())) == (1, 0)
    assert receiver.ids() == [str(one().pk)]


def test_a_late_result_of_an_attempt_that_was_repeated_changes_nothing(receiver: Receiver) -> None:
    notify_once(receiver, answering(500))
    (first,) = outbox.claim(NOW, 10, 10, ())
    (second,) = outbox.claim(later(100), 10, 10, ())

    outbox.settle(second, Result(), later(101))
    outbox.settle(first, Result("Answered 500."), later(102))

    assert (one().state, one().detail) == ("delivered", "")


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    notify_once(receiver, answering(307, Location=receiver.url))

    send_due(NOW)

    assert len(receiver.received) == 1
    assert one().detail == "Answered 307; redirects are not followed."


def test_a_receiver_that_trickles_or_hangs_holds_nobody_for_long(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 0.5)
    done = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not done.wait(0.05):
            try:
                handler.wfile.write(b"X-Slow: 1\r\n")
            except OSError:
                return

    notify_once(receiver, trickle)
    try:
        started = time.monotonic()
        assert send_due(NOW) == (0, 1)
    finally:
        done.set()

    assert time.monotonic() - started < 5  # a header of 8 KiB would take a minute
    assert one().detail.startswith("No whole answer within")


def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    written = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(100_000):
                handler.wfile.write(b"x" * 65_536)
                written.append(65_536)
        except OSError:
            return

    notify_once(receiver, endless)

    assert send_due(NOW) == (1, 0)
    assert sum(written) < 1_000_000_000


@pytest.mark.parametrize("length", ["", "100"])
def test_a_2xx_that_breaks_off_or_never_ends_is_success(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, length: str
) -> None:
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 1)
    done = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if length:
            handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(b"x")
        if not length:
            done.wait(10)

    notify_once(receiver, answer)
    try:
        assert send_due(NOW) == (1, 0)
    finally:
        done.set()


def test_a_receiver_that_is_away_is_logged_in_words(receiver: Receiver) -> None:
    subscribe("http://127.0.0.1:9/hook")
    outbox.notify([alert()], NOW)

    send_due(NOW)

    assert one().detail == "The connection failed (ConnectError)."


def test_an_address_that_became_private_since_it_was_saved_is_not_called(
    receiver: Receiver, settings: Any
) -> None:
    notify_once(receiver)
    settings.WEBHOOK_ALLOWED_NETWORKS = []

    send_due(NOW)

    assert receiver.received == []
    assert one().detail.startswith("Refused: ")


def test_a_name_is_looked_up_once_and_that_address_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    monkeypatch.setattr(destinations, "resolve", resolve)
    subscribe(f"http://hooks.example:{port}/hook")
    outbox.notify([alert()], NOW)
    asked.clear()

    assert send_due(NOW) == (1, 0)

    assert asked == ["hooks.example"]
    assert receiver.received[0][0]["host"] == f"hooks.example:{port}"


def test_where_one_address_of_a_name_cannot_be_reached_the_next_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    monkeypatch.setattr(destinations, "resolve", lambda host, port: ["::1", "127.0.0.1"])
    subscribe(f"http://hooks.example:{port}/hook")
    outbox.notify([alert()], NOW)

    assert send_due(NOW) == (1, 0)
    assert len(receiver.received) == 1


def test_one_receiver_that_fails_does_not_keep_others_from_being_notified(receiver: Receiver) -> None:
    subscribe("http://127.0.0.1:9/hook", name="away")
    subscribe(receiver.url, name="there")
    outbox.notify([alert(text=f"Alert {n}") for n in range(40)], NOW)
    Delivery.objects.filter(subscription__name="away").update(next_attempt_at=later(-999))

    arrived, failed = send_due(NOW)

    assert (arrived, failed) == (40, sending.EACH)
    assert len(set(receiver.ids())) == len(receiver.received) == 40


def test_tls_is_verified_against_the_name(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=hooks.example"
        f" -addext subjectAltName=DNS:hooks.example -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = type(
        "Handler", (BaseHTTPRequestHandler,), {"do_POST": answering(204), "log_message": lambda *_: None}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setattr(destinations, "resolve", lambda host, port: ["127.0.0.1"])
    for name in ("hooks.example", "other.example"):
        subscribe(f"https://{name}:{server.server_port}/", name=name)
    outbox.notify([alert()], NOW)

    posting._trusted.cache_clear()
    assert send_due(NOW) == (0, 2)  # nobody vouches for it
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    posting._trusted.cache_clear()
    assert send_due(later(10)) == (1, 1)
    server.shutdown()
    server.server_close()
    thread.join()
    posting._trusted.cache_clear()

    details = dict(Delivery.objects.values_list("subscription__name", "detail"))
    assert details["hooks.example"] == ""
    assert details["other.example"].startswith("TLS failed")


# --- Secrets ----------------------------------------------------------------------------------------------


def test_a_change_of_the_key_takes_the_secrets_along(receiver: Receiver, settings: Any) -> None:
    notify_once(receiver)
    old = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *old]
    with pytest.raises(CommandError, match="Keep all keys"):
        call_command("rotate_field_keys", "--check")
    call_command("rotate_field_keys")
    call_command("rotate_field_keys", "--check")
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]

    assert send_due(NOW) == (1, 0)


def test_a_secret_that_cannot_be_opened_is_logged_and_waits(receiver: Receiver, settings: Any) -> None:
    notify_once(receiver)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert send_due(NOW) == (0, 1)

    assert "FIELD_ENCRYPTION_KEYS" in one().detail
    assert one().state == "waiting"


# --- What is over ---------------------------------------------------------------------------------------


def test_what_was_settled_long_ago_is_forgotten_and_what_waits_is_not(receiver: Receiver) -> None:
    notify_once(receiver)
    send_due(NOW)
    outbox.notify([alert()], NOW)

    assert outbox.forget_old(later(86_400 * 29)) == 0
    assert outbox.forget_old(later(86_400 * 31)) == 1
    assert one().state == "waiting"


# --- What a receiver asks for ----------------------------------------------------------------------------


def test_a_receiver_that_is_gone_ends_its_subscription_until_somebody_looks(receiver: Receiver) -> None:
    notify_once(receiver, answering(410))
    outbox.notify([alert()], NOW)

    send_due(NOW)
    ended = Subscription.objects.get()
    called = len(receiver.received)
    outbox.notify([alert()], NOW)

    assert (ended.is_active, ended.ended_at is None) == (False, False)
    assert ended.last_error.startswith("Answered 410")
    assert "given_up" in set(Delivery.objects.values_list("state", flat=True))
    assert send_due(later(999_999)) == (0, 0)
    assert len(receiver.received) == called <= 2
    values = {name: value_of(ended, name) for name in FIELDS} | {"is_active": True}
    looked = update_subscription(subscription=ended, values=values, by=AUTHOR, now=NOW)
    assert (looked.is_active, looked.ended_at, looked.failing_since, looked.last_error) == (True, None, None, "")


@pytest.mark.parametrize(
    ("status", "asked", "least", "most"),
    [
        (429, "120", 120, 120),
        (503, "1", 4, 6),  # sooner than it would be repeated anyway
        (429, "99999999", 14_400, 14_400),
        (429, "soon", 4, 6),
        (429, "Thu, 01 Jan 1970 00:00:00 GMT", 4, 6),
        (503, "Fri, 31 Dec 9999 23:59:59 GMT", 14_400, 14_400),
    ],
)
def test_how_long_a_receiver_asks_to_be_left_alone_is_obeyed_up_to_four_hours(
    receiver: Receiver, status: int, asked: str, least: int, most: int
) -> None:
    notify_once(receiver, answering(status, **{"Retry-After": asked}))

    before = time.monotonic()
    send_due(NOW)

    waited = (one().next_attempt_at - NOW).total_seconds()
    assert least <= waited <= most + (time.monotonic() - before)


def test_a_new_secret_signs_beside_the_one_before_for_a_day(receiver: Receiver) -> None:
    old = notify_once(receiver)
    new = renew_secret(subscription=Subscription.objects.get(), by=AUTHOR, now=NOW)
    send_due(later(86_399 - 60))
    outbox.notify([alert()], NOW)
    send_due(later(86_400))

    (headers, body), (headers_later, body_later) = receiver.received
    assert headers["webhook-signature"].split() == [signature_of(secret, headers, body) for secret in (new, old)]
    assert headers_later["webhook-signature"] == signature_of(new, headers_later, body_later)


def signature_of(secret: str, headers: dict[str, str], body: bytes) -> str:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_channel_that_fails_is_known_since_when_until_it_works(receiver: Receiver) -> None:
    notify_once(receiver, answering(500))
    send_due(NOW)
    send_due(later(60))
    failing = Subscription.objects.get()
    assert "Control room" in check_alerts(later(120)).detail
    assert check_alerts(later(120)).ok
    assert [notice.text for notice in failing_channels(later(120))] == ["Alerts do not arrive by: Control room."]
    receiver.answer = None
    send_due(later(999))

    assert NOW <= failing.failing_since < later(30)
    assert failing.last_error == "Answered 500."
    assert (Subscription.objects.get().failing_since, Subscription.objects.get().last_error) == (None, "")
