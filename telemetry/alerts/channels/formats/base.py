"""What a format is: the body that one tool takes, by its published rule."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from telemetry.alerts.channels.telling import Telling
from telemetry.alerts.models import Alert


class Order(NamedTuple):
    """All that a body is made of. `key` is what a tool wants beside its URL, for most of them empty.

    `tell` makes the words for people, which programs do without; it takes queries.
    """

    alert: Alert
    tell: Callable[[], Telling]
    url: str
    key: str


class BaseFormat(ABC):
    """How one tool wants to be posted to. It holds no state.

    `accepted` are the answers that mean success, None for any 2xx.
    """

    accepted: ClassVar[frozenset[int] | None] = None

    def clean(self, url: str, key: str) -> dict[str, str]:
        """The `url` and the `key` as they are stored. Raises ValidationError that names each bad field."""
        return {"url": url, "key": ""}

    def target(self, url: str) -> str:
        """The URL that is posted to."""
        return url

    @abstractmethod
    def body(self, order: Order) -> Mapping[str, Any]:
        """What is posted, as JSON."""
