"""Rollups through the ORM and Python, on every database. Runs in the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from telemetry.history.spans import HOUR, MINUTE, Grid, Span, widened
from telemetry.history.summaries import RawPart, SiteSum, Sources, Summary, by_zone, fold, summarise
from telemetry.models import HourRollup, MinuteRollup, Sample

COLUMNS = (
    "camera_id", "zone", "start_at", "count", "sum", "min", "max", "first", "last", "last_at", "integral", "known",
)  # fmt: skip
ROWS_AT_ONCE = 500


def write(sources: Sources) -> int:
    """Compute the minutes of `sources.raw_parts` and their hours anew; returns how many minutes were written."""
    written = 0
    for part in sources.raw_parts:
        minutes = _summaries(part, sources, None, MINUTE)
        _replace(MinuteRollup, part.camera_id, part.span, minutes)
        hours = widened(part.span, HOUR)
        found = sorted(_rows(MinuteRollup, [part.camera_id], hours, None), key=lambda row: (row.zone, row.start))
        _replace(HourRollup, part.camera_id, hours, _folded(found, Grid(HOUR)))
        written += len(minutes)
    return written


def read(sources: Sources, zone: str, grid: Grid, limit: int) -> list[Summary]:
    """What is known of each camera in each bucket, by camera, oldest first; at most `limit` of them."""
    found: list[Summary] = []
    for model, spans in ((HourRollup, sources.hours), (MinuteRollup, sources.minutes)):
        cameras_of: defaultdict[Span, list[UUID]] = defaultdict(list)
        for camera_id, span in spans:
            cameras_of[span].append(camera_id)
        for span, cameras in cameras_of.items():
            found += _rows(model, cameras, span, zone)
    for part in sources.raw_parts:
        found += _summaries(part, sources, zone, grid.part)
    found.sort(key=lambda row: (row.camera_id, row.start))
    return _folded(found, grid)[:limit]


def read_sums(sources: Sources, zone: str, grid: Grid, limit: int) -> list[SiteSum]:
    """The averages of all cameras added up, bucket by bucket; at most `limit` of them."""
    sums: dict[datetime, SiteSum] = {}
    for row in read(sources, zone, grid, limit=limit * 1_000):
        if row.known:
            before = sums.get(row.start, SiteSum(row.start, 0.0, 0, 0))
            occupancy = before.occupancy + row.integral / row.known
            sums[row.start] = SiteSum(row.start, occupancy, before.cameras + 1, before.known + row.known)
    return sorted(sums.values())[:limit]


def _summaries(part: RawPart, sources: Sources, zone: str | None, width: timedelta) -> list[Summary]:
    """Summaries of a part by buckets of `width`, of one zone or, with None, of each."""
    (start, end), validity = part.span, part.validity
    earliest = max(start - validity, sources.raw_from or start - validity)
    samples = _of_zone(Sample.objects.of_camera(part.camera_id), zone).between(earliest, end)
    carried = [
        sample[1:]
        for sample in sources.carried
        if sample.camera_id == part.camera_id and zone in (None, sample.zone)
    ]
    seen = [*carried, *samples.oldest_first().values_list("zone", "timestamp", "occupancy")]
    return [summary for name, series in by_zone(seen).items() for summary in summarise(part, name, series, width)]


def _rows(model: Any, cameras: Sequence[UUID], span: Span, zone: str | None) -> list[Summary]:
    rows = _of_zone(model.objects.filter(camera_id__in=cameras), zone).between(*span)
    return [Summary(*row) for row in rows.values_list(*COLUMNS)]


def _of_zone(rows: Any, zone: str | None) -> Any:
    return rows if zone is None else rows.of_zone(zone)


def _replace(model: Any, camera_id: UUID, span: Span, summaries: Iterable[Summary]) -> None:
    model.objects.of_camera(camera_id).between(*span).delete()
    rows = (model(**dict(zip(COLUMNS, summary, strict=True))) for summary in summaries)
    model.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)


def _folded(summaries: Iterable[Summary], grid: Grid) -> list[Summary]:
    """Summaries, sorted by camera and time, folded into one for each camera, zone and bucket."""
    groups = groupby(summaries, key=lambda row: (row.camera_id, row.zone, grid.start_of(row.start)))
    return [fold(list(group))._replace(start=start) for (_, _, start), group in groups]
