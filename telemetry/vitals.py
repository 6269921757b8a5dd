"""What a group of events means for the vitals of one camera. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telemetry.receipts import Outcome
from telemetry.wire import Event

Key = tuple[UUID, datetime, str]


@dataclass(slots=True)
class CameraTally:
    """One camera's part of a group: its newest whole-frame sample, what its worker runs, and counts."""

    latest: Event | None = None
    observed_generation: int | None = None
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0

    def hear(self, event: Event) -> None:
        """The worker made contact, whatever becomes of its sample."""
        if event.generation is not None:
            self.observed_generation = event.generation

    def see(self, event: Event) -> None:
        """A sample that may be stored."""
        newer = self.latest is None or event.timestamp > self.latest.timestamp
        if event.zone == "" and newer:
            self.latest = event

    def count(self, outcome: Outcome) -> None:
        if outcome is Outcome.STORED:
            self.accepted += 1
        elif outcome is Outcome.DUPLICATE:
            self.duplicates += 1
        elif outcome is Outcome.CONFLICT:
            self.conflicts += 1
        else:
            self.rejected += 1
