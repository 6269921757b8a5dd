"""Sending what is due: by webhook or e-mail, many at once, in a bounded time a round.

No transaction is open while something is sent. One receiver that hangs holds up only its own deliveries, and only
until the round is over. Must not import doors.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import aiosmtplib
import msgspec
from django.conf import settings
from django.core.mail import EmailMessage
from prometheus_client import Counter

from cameras import credentials
from telemetry.alerts import outbox, webhooks
from telemetry.alerts.models import Channel, Delivery
from telemetry.alerts.signature import signed_headers
from telemetry.alerts.webhooks import Message

Attempt = Callable[[], Awaitable[str]]

ROUND_SECONDS = 20.0
AT_ONCE = 64
# Of one subscription: a receiver is not flooded, and leaves room for others.
EACH = 4
# The whole of an e-mail: a server that sends a byte now and then holds up nobody for longer.
EMAIL_SECONDS = 10.0
GOODBYE_SECONDS = 1.0

ATTEMPTS = Counter("controlplane_alert_attempts_total", "Attempts to deliver an alert.", ["channel", "outcome"])


def send_due(now: datetime, *, stopping: Callable[[], bool] = lambda: False) -> tuple[int, int]:
    """Send what is due until there is no more, or the round is over; returns how many arrived and how many not.

    A subscription that failed once waits for the next round with all that it has.
    """
    started = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    arrived = failed = 0
    failing: set[UUID] = set()
    while not stopping() and time.monotonic() - started < ROUND_SECONDS:
        taken = outbox.claim(clock(), AT_ONCE, EACH, failing)
        if not taken:
            break
        for delivery, fault in zip(taken, send(taken, clock()), strict=True):
            outbox.settle(delivery, fault, clock())
            ATTEMPTS.labels(delivery.subscription.channel, "failed" if fault else "delivered").inc()
            failed += bool(fault)
            arrived += not fault
            if fault:
                failing.add(delivery.subscription_id)
    return arrived, failed


def send(deliveries: Iterable[Delivery], now: datetime) -> list[str]:
    """Attempt each once; returns what went wrong with each, in words, empty where it arrived."""
    attempts = [_attempt(delivery, now) for delivery in deliveries]

    async def all_at_once() -> list[str]:
        # A thread for each: of the few that asyncio has, a resolver that hangs would take all.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE))
        return await asyncio.gather(*(attempt() for attempt in attempts))

    return asyncio.run(all_at_once())


def _attempt(delivery: Delivery, now: datetime) -> Attempt:
    """The attempt, with all that it needs from the database read beforehand."""
    subscription = delivery.subscription
    if not subscription.is_active:
        return _just("The subscription is not active.")
    if subscription.channel == Channel.EMAIL:
        email = email_of(delivery)
        return lambda: _email(email)
    try:
        message = message_of(delivery, now)
    except credentials.UnreadableCredential:
        return _just("The secret cannot be opened with FIELD_ENCRYPTION_KEYS: make a new one.")
    return lambda: webhooks.post(message)


def _just(fault: str) -> Attempt:
    async def tell() -> str:
        return fault

    return tell


def message_of(delivery: Delivery, now: datetime) -> Message:
    """The signed webhook. Raises credentials.UnreadableCredential."""
    alert, subscription = delivery.alert, delivery.subscription
    body = msgspec.json.encode(
        {
            "type": alert.kind,
            "timestamp": alert.at,
            "data": {"alert_id": alert.pk, "text": alert.text, "noticed_at": alert.created_at, **alert.data},
        }
    )
    secret = credentials.unseal(subscription.pk, subscription.sealed_secret)
    return Message(subscription.url, signed_headers(secret, delivery.pk, now, body), body)


def email_of(delivery: Delivery) -> EmailMessage:
    alert = delivery.alert
    subject = " ".join(alert.text.split())
    return EmailMessage(
        subject=f"[Control plane] {subject[:120]}",
        body=f"{alert.text}\n\nSubscription: {delivery.subscription.name}\nAlert: {alert.pk}\n",
        to=delivery.subscription.addresses.split(),
        headers={"Message-ID": f"<{delivery.pk}@controlplane>", "Auto-Submitted": "auto-generated"},
    )


async def _email(email: EmailMessage) -> str:
    if not settings.EMAIL_HOST:
        return "No e-mail can be sent: EMAIL_HOST is not set."
    server = aiosmtplib.SMTP(
        hostname=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT,
        username=settings.EMAIL_HOST_USER or None,
        password=settings.EMAIL_HOST_PASSWORD or None,
        use_tls=settings.EMAIL_SECURITY == "tls",
        start_tls=settings.EMAIL_SECURITY == "starttls",
    )
    try:
        async with asyncio.timeout(EMAIL_SECONDS):
            await server.connect()
            await server.send_message(email.message())
        with suppress(Exception):  # it has taken the e-mail, whatever it says to this
            async with asyncio.timeout(GOODBYE_SECONDS):
                await server.quit()
    except Exception as error:  # whatever a mail server does is told in the log
        return f"The mail server did not take it ({type(error).__name__})."
    finally:
        server.close()
    return ""
