"""Sending what is due, each by its channel: many at once, in a bounded time a round.

No transaction is open while something is sent. One receiver that hangs holds up only its own deliveries, and only
until the round is over.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from telemetry.alerts import outbox
from telemetry.alerts.channels.base import NothingToSend
from telemetry.alerts.channels.table import UnknownChannel, channel_of
from telemetry.alerts.models import Delivery, Outcome

Attempt = Callable[[], Awaitable[str]]

ROUND_SECONDS = 20.0
AT_ONCE = 64
# Of one subscription: a receiver is not flooded, and leaves room for others.
EACH = 4


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
            with transaction.atomic():
                outbox.settle(delivery, fault, clock())
                outcome = Outcome.FAILED if fault else Outcome.DELIVERED
                outbox.count_attempt(delivery.subscription.channel, outcome)
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
        return _failed("The subscription is not active.")
    try:
        channel = channel_of(subscription.channel)
        message = channel.render(delivery, now)
    except (UnknownChannel, NothingToSend) as error:
        return _failed(str(error))
    return lambda: channel.send(message)


def _failed(fault: str) -> Attempt:
    async def attempt() -> str:
        return fault

    return attempt
