"""What a group of events means for the vitals of one camera. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from telemetry.ingest.receipts import Outcome
from telemetry.ingest.wire import Event

SampleKey = tuple[UUID, datetime, str]

# Samples of this time dirty one range in the vitals; older ones each their hour.
RECENT = timedelta(hours=2)


@dataclass(slots=True)
class CameraTally:
    """One camera's part of a group: newest whole-frame sample, what its worker runs, which rollups it outdates.

    `newest` is the newest sample of any zone, `refused` the last fault of a sample.
    """

    camera_id: UUID
    storable: int = 0
    latest: Event | None = None
    newest: datetime | None = None
    observed_generation: int | None = None
    dirty_from_at: datetime | None = None
    dirty_until_at: datetime | None = None
    dirty_hours: set[datetime] | None = None
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    refused: Outcome | None = None

    def add_contact(self, event: Event) -> None:
        """Note what the worker runs; an event is contact, whatever becomes of its sample."""
        if event.generation is not None and event.epoch is None:  # of an epoch it is judged with its sender
            self.observed_generation = event.generation

    def add_sample(self, event: Event, recent_from: datetime) -> None:
        """Note a sample that may be stored. Before `recent_from` it dirties its hour, not the recent range."""
        timestamp = event.timestamp
        self.storable += 1
        if self.newest is None or timestamp > self.newest:
            self.newest = timestamp
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
        """Count an event that was not stored."""
        if outcome is Outcome.DUPLICATE:
            self.duplicates += 1
            return
        self.refused = outcome
        if outcome is Outcome.CONFLICT:
            self.conflicts += 1
        else:
            self.rejected += 1
