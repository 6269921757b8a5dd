"""The counter of attempts, which are made in one process and scraped from another."""

import re
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest

from telemetry.alerts import outbox
from telemetry.alerts.models import Alert, AttemptTotal, Delivery, Kind, Outcome
from telemetry.alerts.sending import send_due
from tests.factories import NOW, ApiClient
from tests.manage_process import begin_command, wait_for_line
from tests.telemetry.alerts.conftest import Receiver, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.once

EVERY = {("email", "delivered"): 0, ("email", "failed"): 0, ("webhook", "delivered"): 0, ("webhook", "failed"): 0}


def counted(viewer: ApiClient) -> dict[tuple[str, str], int]:
    """What /metrics shows of this process, which sends nothing."""
    text = viewer.get("/metrics").content.decode()
    assert "# TYPE controlplane_alert_attempts_total counter" in text
    pattern = r'^controlplane_alert_attempts_total\{channel="(\w+)",outcome="(\w+)"\} (\d+)\.0$'
    return {(channel, outcome): int(count) for channel, outcome, count in re.findall(pattern, text, re.MULTILINE)}


def make_alert(now: datetime) -> None:
    alert = Alert(kind=Kind.MASS_SILENCE_BEGAN, at=now, created_at=now, text="Most of the fleet is silent.")
    outbox.notify([alert], now)


def refuse(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(500)
    handler.end_headers()


@pytest.mark.django_db(transaction=True)
def test_what_maintain_sends_is_counted_for_whoever_is_scraped(receiver: Receiver, viewer: ApiClient) -> None:
    receiver.answer = refuse
    subscribe(receiver.url)
    assert counted(viewer) == EVERY

    # By cron: the process is gone when its failure is scraped.
    for count in (1, 2):
        make_alert(datetime.now(UTC))
        Delivery.objects.update(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))
        before = len(receiver.received)
        once = begin_command("maintain", "--once", WEBHOOK_ALLOWED_NETWORKS="127.0.0.1")
        output, errors = once.communicate(timeout=60)
        assert once.returncode == 0, output + errors
        assert len(receiver.received) > before
        failed = counted(viewer)[("webhook", "failed")]
        assert failed == len(receiver.received) >= count

    receiver.answer = None
    Delivery.objects.update(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))
    loop = begin_command("maintain", "--interval", "0.5", WEBHOOK_ALLOWED_NETWORKS="127.0.0.1")
    try:
        wait_for_line(loop, "maintenance started")
        wait_until(lambda: counted(viewer)[("webhook", "delivered")] == 2)
    finally:
        loop.terminate()
        loop.communicate(timeout=30)
    assert counted(viewer) == EVERY | {("webhook", "delivered"): 2, ("webhook", "failed"): failed}


@pytest.mark.django_db
def test_the_counter_does_not_fall_when_old_deliveries_are_removed(receiver: Receiver, viewer: ApiClient) -> None:
    subscribe(receiver.url)
    make_alert(NOW)
    assert send_due(NOW) == (1, 0)

    assert outbox.forget_old(NOW + timedelta(days=31)) == 1

    assert not Delivery.objects.exists()
    assert counted(viewer) == EVERY | {("webhook", "delivered"): 1}
    assert AttemptTotal.objects.get().outcome == Outcome.DELIVERED
