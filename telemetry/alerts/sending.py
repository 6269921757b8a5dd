"""Sending what is due, each by its channel: many at once, in a bounded time a round.

No transaction is open while something is sent. One receiver that hangs holds up only its own deliveries: whatever
else becomes due meanwhile is sent beside it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction

from telemetry.alerts import outbox
from telemetry.alerts.channels.base import NothingToSend
from telemetry.alerts.channels.table import UnknownChannel, channel_of
from telemetry.alerts.models import Delivery, Outcome
from telemetry.alerts.results import Result

Attempt = Callable[[], Awaitable[Result]]

ROUND_SECONDS = 20.0
AT_ONCE = 64
# Of one subscription: a receiver is not flooded, and leaves room for others.
EACH = 4
# How soon what becomes due is seen while something is being sent.
LOOK_SECONDS = 0.25
# How often what takes long is kept from being sent by others.
KEEP_SECONDS = 20.0
# How long what is under way may still take once the service is stopped, and how long a test may take.
LAST_SECONDS = 10.0


def send_due(
    now: datetime, *, stopping: Callable[[], bool] = lambda: False, excluded: Iterable[object] = ()
) -> tuple[int, int]:
    """Send what is due until there is no more, or the round is over; returns how many arrived and how many not.

    A subscription that failed once waits for the next round with all that it has. The `excluded` are left out.
    What takes longer than a round, as a slow mail server may, holds up nothing: the next round begins beside it.
    """
    started = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    left_out = set(excluded)
    outcomes: Counter[Outcome] = Counter()
    under_way: dict[Future[Result], Delivery] = {}
    round_began = kept = started
    # Of the few threads that asyncio has for all, resolvers that hang would take each.
    with ThreadPoolExecutor(AT_ONCE, "send") as threads:
        while True:
            if under_way and time.monotonic() - round_began >= ROUND_SECONDS:
                left_out, round_began = set(excluded), time.monotonic()
            if not stopping() and time.monotonic() - round_began < ROUND_SECONDS:
                busy = {delivery.subscription_id for delivery in under_way.values()}
                for delivery in outbox.claim(clock(), AT_ONCE - len(under_way), EACH, left_out | busy):
                    under_way[threads.submit(_run, _attempt(delivery, clock()), stopping)] = delivery
            if not under_way:
                break
            done, _ = wait(under_way, LOOK_SECONDS, FIRST_COMPLETED)
            if time.monotonic() - kept >= KEEP_SECONDS:
                kept = time.monotonic()
                outbox.keep(under_way.values(), clock())
            for attempt in done:
                delivery = under_way.pop(attempt)
                outcome = _settle(delivery, attempt.result(), clock())
                outcomes[outcome] += 1
                if outcome is Outcome.FAILED:
                    left_out.add(delivery.subscription_id)
    return outcomes[Outcome.DELIVERED], outcomes[Outcome.FAILED]


def send(delivery: Delivery, now: datetime) -> Result:
    """Attempt it once, for LAST_SECONDS at most, as somebody waits; returns what became of it."""
    return _run(_attempt(delivery, now), lambda: True)


def _settle(delivery: Delivery, result: Result, now: datetime) -> Outcome:
    outcome = Outcome.FAILED if result.fault else Outcome.DELIVERED
    with transaction.atomic():
        outbox.settle(delivery, result, now)
        outbox.count_attempt(delivery.subscription.channel, outcome)
    return outcome


def _run(attempt: Attempt, stopping: Callable[[], bool]) -> Result:
    async def run() -> Result:
        task = asyncio.ensure_future(attempt())
        while not task.done() and not stopping():
            await asyncio.wait({task}, timeout=LOOK_SECONDS)
        await asyncio.wait({task}, timeout=LAST_SECONDS)
        if task.done():
            return task.result()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return Result(f"No answer within {LAST_SECONDS:.0f} seconds; nobody waited longer.")

    return asyncio.run(run())


def _attempt(delivery: Delivery, now: datetime) -> Attempt:
    """The attempt, with all that it needs from the database read beforehand."""
    subscription = delivery.subscription
    try:
        channel = channel_of(subscription.channel)
        message = channel.render(delivery, now)
    except (UnknownChannel, NothingToSend) as error:
        return _failed(str(error))
    return lambda: channel.send(message)


def _failed(fault: str) -> Attempt:
    async def attempt() -> Result:
        return Result(fault)

    return attempt
