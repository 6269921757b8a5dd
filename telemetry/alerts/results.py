"""What became of one attempt to deliver. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple


class AddressState(StrEnum):
    """What became of one address of an e-mail."""

    TOLD = "told"
    REFUSED = "refused"
    """For good: it is not tried again."""
    DEFERRED = "deferred"
    """It is tried again, alone."""


SETTLED = (AddressState.TOLD, AddressState.REFUSED)


class AddressResult(NamedTuple):
    """Of one address, with what the mail server said."""

    state: AddressState
    detail: str = ""


class Result(NamedTuple):
    """Of one attempt; without a fault it has arrived everywhere."""

    fault: str = ""
    """What went wrong, in words for the log."""
    is_final: bool = False
    """It is not to be tried again."""
    is_gone: bool = False
    """The receiver asks never to be called again."""
    wait: timedelta = timedelta()
    """How long the receiver asks to be left alone."""
    addresses: Mapping[str, AddressResult] = {}
