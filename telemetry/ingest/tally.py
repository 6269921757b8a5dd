"""What a group of events means for the vitals of one camera. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from telemetry.ingest.receipts import Outcome
from telemetry.ingest.wire import Event

SampleKey = tuple[UUID, datetime, str]

# Rollups that samples of so late belong to are marked in the vitals, as one range; older ones hour by hour.
RECENT = timedelta(hours=2)


@dataclass(slots=True)
class CameraTally:
    """One camera's part of a group: newest whole-frame sample, what its worker runs, the rollups it dirties."""

    camera_id: UUID
    storable: int = 0
    latest: Event | None = None
    observed_generation: int | None = None
    dirty_from_at: datetime | None = None
    dirty_until_at: datetime | None = None
    dirty_hours: set[datetime] | None = None
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0

    def hear(self, event: Event) -> None:
        """The worker made contact, whatever becomes of its sample."""
        if event.generation is not None:
            self.observed_generation = event.generation

    def see(self, event: Event, recent_from: datetime) -> None:
        """A sample that may be stored."""
        timestamp = event.timestamp
        self.storable += 1
        if not event.zone and (self.latest is None or timestamp > self.latest.timestamp):
            self.latest = event
        if timestamp < recent_from:
            self.dirty_hours = self.dirty_hours or set()
            self.dirty_hours.add(timestamp.replace(minute=0, second=0, microsecond=0))
            return
        if self.dirty_from_at is None or timestamp < self.dirty_from_at:
            self.dirty_from_at = timestamp
        if self.dirty_until_at is None or timestamp > self.dirty_until_at:
            self.dirty_until_at = timestamp

    def count(self, outcome: Outcome) -> None:
        """An event that was not stored."""
        if outcome is Outcome.DUPLICATE:
            self.duplicates += 1
        elif outcome is Outcome.CONFLICT:
            self.conflicts += 1
        else:
            self.rejected += 1
