"""Each address of an e-mail for itself, against a real mail server that refuses, defers, is slow or drops the line."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection

from telemetry.alerts import outbox, sending
from telemetry.alerts.models import Alert, Delivery, Kind, Subscription
from telemetry.alerts.sending import send_due
from tests.factories import NOW
from tests.telemetry.alerts.conftest import subscribe

pytestmark = pytest.mark.django_db
A, B, C = "a@example.com", "b@example.com", "c@example.com"


class Server:
    """What each address gets, and how the server behaves."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.asked: list[str] = []
        self.recipient_answers: dict[str, list[str]] = {}
        self.data_answers: list[str] = []
        self.drops: list[str] = []
        self.slow_seconds = 0.0

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, name: str, answers: Any) -> Any:
        await asyncio.sleep(self.slow_seconds)
        session.host_name = name
        return answers

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        await asyncio.sleep(self.slow_seconds)
        envelope.mail_from = address
        return "250 ok"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        await asyncio.sleep(self.slow_seconds)
        self.asked.append(address)
        answers = self.recipient_answers.get(address)
        answer = answers.pop(0) if answers else "250 ok"
        if answer == "drop":
            server.transport.abort()
        elif answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await asyncio.sleep(self.slow_seconds)
        drop = self.drops.pop(0) if self.drops else ""
        answer = self.data_answers.pop(0) if self.data_answers else "250 taken"
        if answer.startswith("250") and drop != "before it is taken":
            self.taken.update(envelope.rcpt_tos)
        if drop in ("before it is taken", "before the answer"):
            server.transport.abort()
        elif drop == "after the answer":
            asyncio.get_running_loop().call_later(0.05, server.transport.abort)
        return answer


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    handler = Server()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_SECURITY = "none"
    yield handler
    controller.stop()


def notify(*addresses: str) -> Delivery:
    subscribe("", channel="email", addresses="\n".join(addresses))
    outbox.notify([Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="Gate is offline.")], NOW)
    return Delivery.objects.get()


def state() -> tuple[str, dict[str, str]]:
    delivery = Delivery.objects.get()
    return delivery.state, {name: one["state"] for name, one in (delivery.addresses or {}).items()}


def send_until_settled() -> None:
    now = NOW
    for _ in range(4):
        send_due(now)
        now += timedelta(minutes=5)


def test_where_one_of_three_is_refused_the_others_are_told_once_and_it_is_shown(server: Server) -> None:
    server.recipient_answers[B] = ["550 no such person"] * 9
    notify(A, B, C)

    send_until_settled()

    assert server.taken == {A: 1, C: 1}
    assert server.asked == [A, B, C]
    assert state() == ("given_up", {A: "told", B: "refused", C: "told"})
    detail = Delivery.objects.get().detail
    assert detail == f"Told {A}, {C}. Refused for good {B}: 550 no such person."
    assert Subscription.objects.get().last_error == detail


def test_a_greylisted_address_is_tried_again_alone(server: Server) -> None:
    server.recipient_answers[B] = ["451 come back later"]
    notify(A, B, C)

    assert send_due(NOW) == (0, 1)
    assert state() == ("waiting", {A: "told", B: "deferred", C: "told"})
    send_until_settled()

    assert server.taken == {A: 1, B: 1, C: 1}
    assert server.asked == [A, B, C, B]
    assert state() == ("delivered", dict.fromkeys((A, B, C), "told"))
    assert Subscription.objects.get().failing_since is None


@pytest.mark.parametrize("drop", ["", "after the answer"])
def test_what_was_answered_is_sent_once_whatever_becomes_of_the_line(server: Server, drop: str) -> None:
    server.drops = [drop]
    notify(A, B)

    send_until_settled()

    assert server.taken == {A: 1, B: 1}
    assert state()[0] == "delivered"


def test_a_line_that_drops_before_the_message_is_taken_costs_nobody_a_second_one(server: Server) -> None:
    server.recipient_answers[B] = ["drop"]
    server.drops = ["before it is taken"]
    notify(A, B)

    send_until_settled()

    assert server.taken == {A: 1, B: 1}
    assert state()[0] == "delivered"


def test_a_line_that_drops_before_the_answer_leaves_it_unknown_and_only_those_are_sent_it_again(
    server: Server,
) -> None:
    server.recipient_answers[C] = ["550 no such person"] * 9
    server.drops = ["before the answer"]
    notify(A, B, C)

    send_until_settled()

    assert server.taken == {A: 2, B: 2}  # the protocol has no way to tell
    assert state() == ("given_up", {A: "told", B: "told", C: "refused"})


@pytest.mark.parametrize(
    ("answer", "taken", "expected"),
    [("554 spam", 0, "given_up"), ("451 later", 1, "delivered"), ("552 too many", 1, "delivered")],
)
def test_an_answer_after_the_message_is_for_all_of_its_addresses(
    server: Server, answer: str, taken: int, expected: str
) -> None:
    server.data_answers = [answer]
    notify(A, B)

    send_until_settled()

    assert (server.taken[A], server.taken[B], state()[0]) == (taken, taken, expected)


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_slow_at_each_step_gets_one_mail_though_others_look_meanwhile(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.slow_seconds = 0.6  # two leases and more in all
    monkeypatch.setattr(outbox, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr(sending, "KEEP_SECONDS", 0.1)
    monkeypatch.setattr(sending, "ROUND_SECONDS", 0.2)
    notify(A)
    claimed_elsewhere: list[Delivery] = []
    over = threading.Event()
    began = time.monotonic()

    def look() -> None:
        while Delivery.objects.get().attempts == 0 and not over.wait(0.02):
            pass
        while not over.wait(0.1):
            passed = timedelta(seconds=time.monotonic() - began)
            claimed_elsewhere.extend(outbox.claim(NOW + passed, 10, 10, ()))
        connection.close()

    other = threading.Thread(target=look)
    other.start()
    try:
        assert send_due(NOW) == (1, 0)
    finally:
        over.set()
        other.join()

    assert claimed_elsewhere == []
    assert server.taken == {A: 1}


def test_who_stops_the_service_waits_no_ten_minutes_for_a_mail_server(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.slow_seconds = 5.0
    monkeypatch.setattr(sending, "LAST_SECONDS", 0.2)
    notify(A)
    stopped: list[bool] = []

    def stopping() -> bool:
        stopped.append(True)
        return len(stopped) > 2

    assert send_due(NOW, stopping=stopping) == (0, 1)
    assert server.taken == {}
