"""One simulated vision worker: what it observes along the curve of a day, and when.

Must not import models or anything else of the service.
"""

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from telemetry.simulation.behaviour import WORKS, Behaviour, Kind

DEFAULT_INTERVAL_SECONDS = 10
# By the names of its nodes a simulated orchestrator knows which workers are simulated.
NODE, NODES, IMAGE = "simulated", 3, "simulated/worker:1"
# A worker that is slow to start loads its model for so long.
STARTS_FOR = timedelta(minutes=10)
# Of a worker that is late: between stale, after three, and offline, after six.
LATE_INTERVALS = 5


def busyness(hour: float) -> float:
    """How busy a place is at an hour of its day, from 0 to 1: quiet at night, with peaks morning and evening."""

    def peak(at: float, width: float) -> float:
        distance = min(abs(hour - at), 24 - abs(hour - at))
        return math.exp(-((distance / width) ** 2) / 2)

    return min(1.0, 0.02 + 0.75 * peak(8.5, 1.4) + 0.45 * peak(13, 2.5) + 0.85 * peak(17.75, 1.8))


class Observation(NamedTuple):
    """What a worker saw at one moment, in the whole frame or in one zone, as it is sent."""

    camera_id: UUID
    sample: dict[str, Any]


@dataclass(slots=True)
class Worker:
    """A vision worker of one camera: what it observes, and when it does so again."""

    # So many of its observations repeat the last one, as after a restart; so many of its pauses last for minutes;
    # so many of its observations are of the zones too.
    RESTARTS = 1 / 250
    SILENCES = 1 / 300
    ZONES_REPORTED = 1 / 3

    camera_id: UUID
    generation: int
    interval_seconds: float = DEFAULT_INTERVAL_SECONDS
    zones: tuple[str, ...] = ()
    timezone: tzinfo = UTC
    speed: float = 1.0
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    wanted: bool = True
    behaviour: Behaviour = WORKS
    name: str = field(default_factory=lambda: f"simulated-{uuid4().hex[:8]}")
    epoch: int | None = None
    phase: str = ""
    _random: random.Random = field(init=False)
    _scale: float = field(init=False)
    _last: list[Observation] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        # A camera's traffic is its own, and the same in every run.
        self._scale = random.Random(self.camera_id.int).uniform(4, 45)  # noqa: S311  # made-up people
        self._random = random.Random()  # noqa: S311  # made-up people

    def observe(self, now: datetime) -> list[Observation]:
        """What it sees now, or after a restart what it had sent last; nothing where it plays that it cannot."""
        if not self.behaviour.sees or self._is_starting(now):
            return []
        if self._last and self._random.random() < self.RESTARTS:
            return self._last
        chance = self._random
        confidence = chance.uniform(0.8, 0.98)
        expected = self._scale * busyness(self._hour(now))
        count = max(0, round(chance.gauss(expected, math.sqrt(expected) / 2 + 0.3)))
        seen = {"": count}
        if self.zones and chance.random() < self.ZONES_REPORTED:
            seen |= {zone: chance.randint(0, count) for zone in self.zones}
        self._last = [
            Observation(
                self.camera_id,
                {
                    "timestamp": now.isoformat(),
                    "occupancy": occupancy,
                    "confidence": round(min(0.99, confidence + chance.uniform(-0.02, 0.01)), 3),
                    **self._what_runs(),
                    **({"zone": zone} if zone else {}),
                },
            )
            for zone, occupancy in seen.items()
        ]
        return self._last

    def claim(self, after: int) -> dict[str, Any]:
        """What an orchestrator says of it: that it runs, unless it is played that it cannot be run.

        `after` is the epoch that the claim replaces.
        """
        is_failed = self.behaviour.kind is Kind.NOT_PLACED
        return {
            "camera_id": str(self.camera_id),
            "node": f"{NODE}-{self.camera_id.int % NODES + 1}",
            "container": self.name,
            "image": IMAGE,
            "after": after,
            **({"phase": "failed", "reason": self.behaviour.reason} if is_failed else {"phase": "running"}),
        }

    def report(self, now: datetime) -> dict[str, Any] | None:
        """What it says of itself now, where that is new or has to be said again."""
        if self.behaviour.is_mute:
            return None
        phase_before, self.phase = self.phase, "running"
        reason = {}
        if self.behaviour.kind is Kind.FAILED:
            self.phase = "failed"
            reason = {"reason": self.behaviour.reason, "message": "Played by simulate_workers."}
        elif self._is_starting(now):
            self.phase = "starting"
        elif self.behaviour.kind is not Kind.CONTENDED and phase_before == "running":
            return None
        report = {"phase": self.phase, **reason, "timestamp": now.isoformat(), **self._what_runs()}
        if self.behaviour.kind is Kind.CONTENDED and self._random.random() < 0.5:
            report["worker"] = f"{self.name}-b"
        return report

    def _what_runs(self) -> dict[str, Any]:
        is_outdated = self.behaviour.kind is Kind.OUTDATED
        return {
            "generation": max(1, self.generation - 1) if is_outdated else self.generation,
            "worker": self.name,
            **({"epoch": self.epoch} if self.epoch else {}),
        }

    def _is_starting(self, now: datetime) -> bool:
        return self.behaviour.kind is Kind.STARTING and now < self.began_at + STARTS_FOR

    def pause_seconds(self) -> float:
        """How long until it observes again: about the interval, seldom some minutes."""
        if self._random.random() < self.SILENCES:
            return self._random.uniform(120, 360) / self.speed
        intervals = LATE_INTERVALS if self.behaviour.kind is Kind.LATE else 1
        return intervals * self.interval_seconds * self._random.uniform(0.9, 1.1) / self.speed

    def first_pause_seconds(self) -> float:
        """Spread over an interval, as the workers of a fleet are."""
        return self._random.uniform(0, self.interval_seconds) / self.speed

    def _hour(self, now: datetime) -> float:
        """The hour of the camera's day, which passes `speed` times as fast."""
        at = (self.began_at + (now - self.began_at) * self.speed).astimezone(self.timezone)
        return (at - at.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(hours=1)
