"""The one place that gives the channel for each member of `Channel`."""

from typing import Any, assert_never

from telemetry.alerts.channels.base import BaseChannel
from telemetry.alerts.channels.email import EmailChannel
from telemetry.alerts.channels.webhook import WebhookChannel
from telemetry.alerts.models import Channel


class UnknownChannel(ValueError):
    """A subscription's channel that this version does not know; the text says so in the log of deliveries."""


def channel_of(name: str) -> BaseChannel[Any]:
    """The channel by the value that a subscription stores. Raises UnknownChannel."""
    try:
        channel = Channel(name)
    except ValueError:  # a newer version runs on this database, or did
        raise UnknownChannel(f"This version knows no channel “{name}”.") from None
    match channel:
        case Channel.WEBHOOK:
            return WebhookChannel()
        case Channel.EMAIL:
            return EmailChannel()
        case _:
            assert_never(channel)  # a member without a case here does not pass mypy


def channels_with(field: str) -> list[Channel]:
    """Those that have their destination, or a part of it, in this column."""
    return [name for name in Channel if field in channel_of(name).fields]
