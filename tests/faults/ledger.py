"""What was sent and what was acknowledged, and the checker that compares it with what is stored."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

SampleKey = tuple[str, datetime, str]


class Event(NamedTuple):
    camera: str
    timestamp: datetime
    zone: str
    occupancy: int
    confidence: float

    @property
    def key(self) -> SampleKey:
        return self[:3]

    def wire(self, *, item: bool) -> dict[str, Any]:
        """As it is sent; `item` for a batch."""
        body: dict[str, Any] = {
            "timestamp": self.timestamp.isoformat(),
            "occupancy": self.occupancy,
            "confidence": self.confidence,
        }
        if self.zone:
            body["zone"] = self.zone
        return {"camera_id": self.camera, **body} if item else body


class Ledger:
    """The events of one test on cameras that no other test uses."""

    def __init__(self, cameras: list[str]) -> None:
        self.cameras = cameras
        self.acknowledged: dict[SampleKey, Event] = {}
        self.accepted = 0  # as the answers said
        self.duplicates = 0
        self.statuses: Counter[int] = Counter()
        self.problems: Counter[str] = Counter()  # what the answers of 503 said
        self.unanswered = 0
        self._next = datetime.now(UTC) - timedelta(hours=1)

    def make_event(self, camera: str = "") -> Event:
        """One that was never sent; arrivals are not in the order of time."""
        self._next += timedelta(microseconds=1)
        ago = timedelta(seconds=random.randrange(3_000))
        return Event(
            camera or random.choice(self.cameras),
            self._next - ago,
            random.choice(("", "", "door")),
            random.randrange(100),
            random.randrange(101) / 100,
        )

    def acknowledge(self, events: list[Event], *, accepted: int, duplicates: int) -> None:
        self.acknowledged.update({event.key: event for event in events})
        self.accepted += accepted
        self.duplicates += duplicates

    def check(self, connection: psycopg.Connection[Any]) -> None:
        """None missing, none twice, nothing that was not sent; counters and `latest` exact.

        For when everything that was sent has been acknowledged.
        """
        stored: dict[SampleKey, tuple[int, float]] = {}
        for camera, timestamp, zone, *values in connection.execute(
            "SELECT camera_id::text, timestamp, zone, occupancy, confidence FROM telemetry_sample"
            " WHERE camera_id = ANY(%s::uuid[])",
            [self.cameras],
        ):
            key = (camera, timestamp, zone)
            assert key not in stored, f"stored twice: {key}"
            stored[key] = (values[0], values[1])
        sent = {key: (event.occupancy, event.confidence) for key, event in self.acknowledged.items()}
        missing, unknown = sent.keys() - stored.keys(), stored.keys() - sent.keys()
        assert not missing, f"{len(missing)} of {len(sent)} acknowledged events are lost: {sorted(missing)[:3]}"
        assert not unknown, f"{len(unknown)} stored events were never acknowledged: {sorted(unknown)[:3]}"
        assert stored == sent
        # An answer that did not come may have been for the first storing, and its repetition was a duplicate.
        assert self.accepted <= len(stored) <= self.accepted + self.duplicates
        self._check_vitals(connection, stored)

    def _check_vitals(
        self, connection: psycopg.Connection[Any], stored: dict[SampleKey, tuple[int, float]]
    ) -> None:
        counts = Counter(camera for camera, _, _ in stored)
        newest: dict[str, SampleKey] = {}
        for key in stored:
            camera, timestamp, zone = key
            if not zone and (camera not in newest or timestamp > newest[camera][1]):
                newest[camera] = key
        duplicates = 0
        for camera, accepted, repeated, at, *values in connection.execute(
            "SELECT camera_id::text, accepted_count, duplicate_count, latest_timestamp, latest_occupancy,"
            " latest_confidence FROM cameras_cameravitals WHERE camera_id = ANY(%s::uuid[])",
            [self.cameras],
        ):
            duplicates += repeated
            assert accepted == counts.pop(camera, 0), f"accepted_count of {camera}"
            latest = newest.get(camera)
            assert at == (latest and latest[1]), f"latest of {camera}"
            assert tuple(values) == (stored[latest] if latest else (None, None)), f"latest of {camera}"
        assert not counts, "cameras without vitals"
        assert duplicates >= self.duplicates
