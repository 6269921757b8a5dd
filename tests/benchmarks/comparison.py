"""What a scenario is: series that are measured in turn, and targets that compare them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.benchmarks.load import Window

Round = Mapping[str, Window]


@dataclass(frozen=True)
class Target:
    """A figure of one round, and the bound that its median should keep."""

    text: str
    figure: Callable[[Round], float]
    bound: float
    at_least: bool = True
    unit: str = ""


@dataclass(frozen=True)
class Scenario:
    """Series that are measured in turn, round after round; each makes one window."""

    name: str
    title: str
    series: Mapping[str, Callable[[], Window]]
    targets: list[Target] = field(default_factory=list)
    large: bool = False
    once: bool = False
    needs_before: bool = False
    per: str = "events/s"


def ratio(one: str, other: str, figure: str = "rate") -> Callable[[Round], float]:
    return lambda measured: measured[one][figure] / measured[other][figure]
