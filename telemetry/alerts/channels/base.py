"""What a channel is: one way to notify, from what a person enters to what became of an attempt."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from django.utils.functional import Promise

from telemetry.alerts.models import Delivery, Subscription
from telemetry.alerts.results import Result

M = TypeVar("M")


class NothingToSend(Exception):
    """A delivery of which no message can be made; the text says why, for the log of deliveries."""


class BaseChannel(ABC, Generic[M]):
    """One way to notify; `M` is what it sends. A channel holds no state: what it needs stands in the subscription.

    `fields` are the columns of a subscription that say where its messages go; those of other channels stay empty.
    `help_text` is shown at them in the admin. Of a channel that is `signed`, each subscription has a secret, which
    is made for it and shown once.
    """

    fields: ClassVar[tuple[str, ...]]
    help_text: ClassVar[str | Promise]
    signed: ClassVar[bool] = False

    def signs(self, subscription: Subscription) -> bool:
        """Whether what this subscription is sent is signed with its secret."""
        return self.signed

    @abstractmethod
    def clean(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The `fields` as they are stored, and what else is the channel's alone.

        Raises ValidationError that names each bad field.
        """

    @abstractmethod
    def describe(self, subscription: Subscription) -> str:
        """Where the messages go, on one line."""

    @abstractmethod
    def render(self, delivery: Delivery, now: datetime) -> M:
        """The whole message, so that sending it needs no database. Raises NothingToSend."""

    @abstractmethod
    async def send(self, message: M) -> Result:
        """Attempt once, in bounded time; returns what became of it.

        Never raises for what the other side does.
        """
