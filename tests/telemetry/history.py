"""A camera's history for tests: samples with the marks that ingest sets, and the brute-force model of its buckets."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from uuid import UUID

from cameras.models import CameraVitals
from telemetry.models import DirtyHour, Sample

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
WIDTHS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
RECENT = timedelta(hours=2)

Samples = Mapping[tuple[str, datetime], int]


def report(camera_id: UUID, samples: Iterable[tuple[str, datetime, int]], now: datetime) -> None:
    """Store samples of (zone, timestamp, occupancy) as ingest does: the first of a key, with marks, in one go."""
    known = set(Sample.objects.filter(camera_id=camera_id).values_list("zone", "timestamp"))
    fresh: dict[tuple[str, datetime], int] = {}
    for zone, timestamp, occupancy in samples:
        if (zone, timestamp) not in known:
            fresh.setdefault((zone, timestamp), occupancy)
    Sample.objects.bulk_create(
        Sample(camera_id=camera_id, timestamp=at, zone=zone, occupancy=count, confidence=1, received_at=now)
        for (zone, at), count in fresh.items()
    )
    recent = [timestamp for _, timestamp in fresh if timestamp >= now - RECENT]
    if recent:
        vitals = CameraVitals.objects.get(pk=camera_id)
        vitals.dirty_from_at = min([*recent, vitals.dirty_from_at or recent[0]])
        vitals.dirty_until_at = max([*recent, vitals.dirty_until_at or recent[0]])
        vitals.save(update_fields=["dirty_from_at", "dirty_until_at"])
    hours = {timestamp.replace(minute=0, second=0, microsecond=0) for _, timestamp in fresh} - {None}
    old = {hour for hour in hours if hour < now - RECENT}
    DirtyHour.objects.bulk_create(
        (DirtyHour(camera_id=camera_id, start_at=hour, marked_at=now) for hour in old), ignore_conflicts=True
    )


def number_of(moment: datetime) -> int:
    """Minutes since the Unix epoch."""
    return (moment - EPOCH) // MINUTE


class Model:
    """Buckets computed minute by minute from all samples, without any cleverness."""

    def __init__(self, samples: Samples, zone: str, hold: timedelta, now: datetime) -> None:
        self.seen = sorted((at, count) for (name, at), count in samples.items() if name == zone and at < now)
        self.held: list[tuple[int, int, int]] = []  # in which minute, which value, for how many microseconds
        for (at, count), (after, _) in pairwise([*self.seen, (now, 0)]):
            until, moment = min(after, at + hold, now), at
            while moment < until:
                edge = min(EPOCH + (number_of(moment) + 1) * MINUTE, until)
                self.held.append((number_of(moment), count, (edge - moment) // MICROSECOND))
                moment = edge

    def points(self, bucket: str, start: datetime, end: datetime, zone: tzinfo) -> list[dict[str, Any]]:
        """The points of all buckets that overlap [start, end)."""

        def label(minute: int) -> Any:
            if bucket == "1d":
                return (EPOCH + minute * MINUTE).astimezone(zone).date()
            return minute // WIDTHS[bucket]

        first, last = label(number_of(start)), label(number_of(end - MICROSECOND))
        begins: dict[Any, int] = {}  # the first minute of each
        for minute in range(number_of(start) - 60 * 26, number_of(end - MICROSECOND) + 1):
            if first <= (name := label(minute)) <= last:
                begins.setdefault(name, minute)
        held: dict[Any, list[tuple[int, int]]] = {}
        for minute, count, length in self.held:
            held.setdefault(label(minute), []).append((count, length))
        seen: dict[Any, list[int]] = {}
        for at, count in self.seen:
            seen.setdefault(label(number_of(at)), []).append(count)
        points = []
        for name, minute in begins.items():
            counts, pieces = seen.get(name, []), held.get(name, [])
            if not counts and not pieces:
                continue
            known = sum(length for _, length in pieces)
            points.append(
                {
                    "start": EPOCH + minute * MINUTE,
                    "count": len(counts),
                    "min": min(counts, default=None),
                    "max": max(counts, default=None),
                    "avg": sum(counts) / len(counts) if counts else None,
                    "weighted_avg": sum(count * length for count, length in pieces) / known if known else None,
                    "known_seconds": known / 1_000_000,
                    "first": counts[0] if counts else None,
                    "last": counts[-1] if counts else None,
                }
            )
        return points
