"""A camera's history for tests: samples with the marks that ingest sets, and the brute-force model of its buckets."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from uuid import UUID

from cameras.models import CameraVitals
from telemetry.models import DirtyHour, Sample

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


class Model:
    """Buckets computed minute by minute from all samples, without any cleverness."""

    def __init__(self, samples: Samples, zone: str, hold: timedelta, now: datetime) -> None:
        self.now = now
        self.seen = sorted((at, count) for (name, at), count in samples.items() if name == zone and at < now)
        self.held: dict[datetime, list[tuple[int, int]]] = {}
        for (at, count), (after, _) in pairwise([*self.seen, (now, 0)]):
            until, moment = min(after, at + hold, now), at
            while moment < until:
                minute = moment.replace(second=0, microsecond=0)
                edge = min(minute + MINUTE, until)
                self.held.setdefault(minute, []).append((count, (edge - moment) // MICROSECOND))
                moment = edge

    def points(self, bucket: str, start: datetime, end: datetime, zone: tzinfo) -> list[dict[str, Any]]:
        def label(moment: datetime) -> Any:
            if bucket == "1d":
                return moment.astimezone(zone).date()
            return int(moment.timestamp()) // 60 // WIDTHS[bucket]

        wanted: dict[Any, datetime] = {}  # the first minute of each
        minute = start.replace(second=0, microsecond=0) - timedelta(days=1, hours=2)
        first, last = label(start), label(end - MICROSECOND)
        while minute < end:
            if first <= label(minute) <= last:
                wanted.setdefault(label(minute), minute)
            minute += MINUTE
        held: dict[Any, list[tuple[int, int]]] = {}
        for minute, pieces in self.held.items():
            held.setdefault(label(minute), []).extend(pieces)
        seen: dict[Any, list[int]] = {}
        for at, count in self.seen:
            seen.setdefault(label(at), []).append(count)
        points = []
        for name, begins in wanted.items():
            counts, pieces = seen.get(name, []), held.get(name, [])
            if not counts and not pieces:
                continue
            known = sum(length for _, length in pieces)
            points.append(
                {
                    "start": begins.astimezone(UTC),
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
