"""The one place that gives the format for each member of `Format`."""

from typing import assert_never

from telemetry.alerts.channels.formats.base import BaseFormat
from telemetry.alerts.channels.formats.discord import DiscordFormat
from telemetry.alerts.channels.formats.mattermost import MattermostFormat
from telemetry.alerts.channels.formats.ntfy import NtfyFormat
from telemetry.alerts.channels.formats.pagerduty import PagerDutyFormat
from telemetry.alerts.channels.formats.slack import SlackFormat
from telemetry.alerts.channels.formats.standard import StandardFormat
from telemetry.alerts.channels.formats.teams import TeamsFormat
from telemetry.alerts.models import Format


class UnknownFormat(ValueError):
    """A subscription's format that this version does not know; the text says so in the log of deliveries."""


def format_of(name: str) -> BaseFormat:
    """The format by the value that a subscription stores. Raises UnknownFormat."""
    try:
        member = Format(name)
    except ValueError:  # a newer version runs on this database, or did
        raise UnknownFormat(f"This version knows no format “{name}”.") from None
    return _format_of(member)


def _format_of(member: Format) -> BaseFormat:  # a case for each
    match member:
        case Format.STANDARD:
            return StandardFormat()
        case Format.SLACK:
            return SlackFormat()
        case Format.DISCORD:
            return DiscordFormat()
        case Format.TEAMS:
            return TeamsFormat()
        case Format.MATTERMOST:
            return MattermostFormat()
        case Format.PAGERDUTY:
            return PagerDutyFormat()
        case Format.NTFY:
            return NtfyFormat()
        case _:
            assert_never(member)
