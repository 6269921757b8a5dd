"""A camera's history for tests: what workers send, and the brute-force model of its buckets."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.test import override_settings

from cameras.models import CameraVitals
from telemetry.ingest.accept import Submission, accept
from telemetry.ingest.wire import Event
from telemetry.models import Sample
from tests.factories import NOW, make_principal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
EVERY = timedelta(seconds=10)
WIDTHS = {"1m": 1, "5m": 5, "15m": 15}
WORKER_PRINCIPAL = make_principal("worker")

Samples = Mapping[tuple[str, datetime], int]


def report(camera_id: UUID, samples: Iterable[tuple[str, datetime, int]], now: datetime) -> None:
    """Send samples of (zone, timestamp, occupancy) in, all at once."""
    events = [Event(camera_id, timestamp, zone, occupancy, 1.0, None) for zone, timestamp, occupancy in samples]
    accept([Submission(WORKER_PRINCIPAL, events)], now)


def number_of(moment: datetime) -> int:
    """Minutes since the Unix epoch."""
    return (moment - EPOCH) // MINUTE


@cache
def label(bucket: str, zone: tzinfo, minute: int) -> Hashable:
    """What the bucket of a minute is called at a place: an hour by what the clock shows, with how it is set then."""
    if bucket in WIDTHS:
        return minute // WIDTHS[bucket]
    local = (EPOCH + minute * MINUTE).astimezone(zone)
    names: dict[str, Hashable] = {
        "1h": (local.date(), local.hour, local.utcoffset()),
        "1d": local.date(),
        "1w": local.isocalendar()[:2],
        "1mo": (local.year, local.month),
    }
    return names[bucket]


class Model:
    """Buckets computed minute by minute from all samples, without any cleverness."""

    def __init__(self, samples: Samples, zone: str, validity: timedelta, now: datetime) -> None:
        self.seen = sorted((at, count) for (name, at), count in samples.items() if name == zone and at < now)
        self.valid: list[tuple[int, int, int]] = []  # in which minute, which value, for how many microseconds
        for (at, count), (after, _) in pairwise([*self.seen, (now, 0)]):
            until, moment = min(after, at + validity, now), at
            while moment < until:
                edge = min(EPOCH + (number_of(moment) + 1) * MINUTE, until)
                self.valid.append((number_of(moment), count, (edge - moment) // MICROSECOND))
                moment = edge

    def points(self, bucket: str, start: datetime, end: datetime, zone: tzinfo) -> list[dict[str, Any]]:
        """The points of all buckets that overlap [start, end)."""

        def name_of(minute: int) -> Hashable:
            return label(bucket, zone, minute)

        first = number_of(start)
        while name_of(first - 1) == name_of(first):  # a range is widened to whole buckets
            first -= 1
        begins: dict[Hashable, int] = {}  # the first minute of each
        for minute in range(first, number_of(end - MICROSECOND) + 1):
            begins.setdefault(name_of(minute), minute)
        valid: dict[Hashable, list[tuple[int, int]]] = {}
        for minute, count, length in self.valid:
            valid.setdefault(name_of(minute), []).append((count, length))
        seen: dict[Hashable, list[int]] = {}
        for at, count in self.seen:
            seen.setdefault(name_of(number_of(at)), []).append(count)
        points = []
        for name, minute in begins.items():
            counts, pieces = seen.get(name, []), valid.get(name, [])
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


def fill(
    camera_id: UUID, count: int, zones: tuple[str, ...] = ("",), start: datetime = NOW, every: timedelta = EVERY
) -> None:
    """So many samples in a row, past ingest."""
    Sample.objects.bulk_create(
        Sample(
            camera_id=camera_id,
            timestamp=start + number * every,
            zone=zone,
            occupancy=1,
            confidence=0.9,
            received_at=NOW,
        )
        for number in range(count)
        for zone in zones
    )
    CameraVitals.objects.filter(pk=camera_id).update(accepted_count=count)


def kept_for(**limits: int) -> Any:
    """Settings: how many days of each level are kept, and `most` bytes of all."""
    given = {"raw": 10, "minutes": 20, "hours": 40, "most": 0} | limits
    return override_settings(
        TELEMETRY_RETENTION_DAYS=given["raw"],
        TELEMETRY_MINUTE_RETENTION_DAYS=given["minutes"],
        TELEMETRY_HOUR_RETENTION_DAYS=given["hours"],
        TELEMETRY_MAX_BYTES=given["most"],
    )
