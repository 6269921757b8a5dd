"""History to read and to drop, on the database of a server that is measured.

python -m tests.benchmarks.history fill       one camera at 1 Hz for 30 days, 100 of a site for a day, all summed up
python -m tests.benchmarks.history read WHAT  read it several times; milliseconds of database time as JSON
python -m tests.benchmarks.history day ROWS   a day of so many samples that is due to be dropped
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import django

READS = 7
DAYS = 30
SITE = "Benchmark"


def main(command: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    django.setup()
    {"fill": _fill, "read": _read, "day": _fill_day}[command](*arguments)


def _fill() -> None:
    from django.db import connection  # noqa: PLC0415  # models come after the set-up

    from cameras.models import Camera, Site  # noqa: PLC0415
    from telemetry.history.rollups import compute_rollups  # noqa: PLC0415
    from telemetry.models import RollupWork  # noqa: PLC0415
    from telemetry.storage.partitions import TABLES, make_partitions  # noqa: PLC0415

    now = _now()
    for day in range(DAYS + 1, -1, -1):
        make_partitions(now - timedelta(days=day))
    site, _ = Site.objects.get_or_create(name=SITE)
    busy, *cameras = Camera.objects.order_by("name", "pk")[:101]
    Camera.objects.filter(pk=busy.pk).update(expected_interval_seconds=1)
    Camera.objects.filter(pk__in=[camera.pk for camera in cameras]).update(site=site)
    spans = [(busy, timedelta(days=DAYS), 1), *((camera, timedelta(hours=26), 10) for camera in cameras)]
    with connection.cursor() as cursor:
        for camera, length, step in spans:
            cursor.execute(
                "INSERT INTO telemetry_sample (camera_id, timestamp, zone, occupancy, confidence, received_at)"
                " SELECT %s, at, '', extract(epoch FROM at)::bigint * 7919 %% 50, 0.95, at"
                " FROM generate_series(%s::timestamptz, %s::timestamptz, %s * interval '1 second') AS at",
                [camera.pk, now - length, now, step],
            )
            RollupWork.objects.create(camera_id=camera.pk, start_at=now - length, end_at=now)
    began = time.perf_counter()
    written = compute_rollups(now)
    seconds = time.perf_counter() - began
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table.name}")
    sys.stdout.write(json.dumps({"minutes": written, "seconds": seconds}) + "\n")


def _read(what: str) -> None:
    from django.db import connection  # noqa: PLC0415

    from cameras.models import Camera, CameraVitals, Site  # noqa: PLC0415
    from telemetry.history import series  # noqa: PLC0415
    from telemetry.history.summaries import validity_of  # noqa: PLC0415
    from telemetry.models import RollupWork, Sample  # noqa: PLC0415

    busy = Camera.objects.get(expected_interval_seconds=1)
    site = Site.objects.get(name=SITE)
    # As while samples come in: the last two minutes are not summed up yet.
    now = Sample.objects.of_camera(busy.pk).latest("timestamp").timestamp
    CameraVitals.objects.update(dirty_from_at=now - timedelta(minutes=2), dirty_until_at=now)
    series.STATEMENT_TIMEOUT = "300s"
    validity = validity_of(1)
    validities = dict.fromkeys(Camera.objects.filter(site=site).values_list("pk", flat=True), validity_of(10))

    def query(bucket: str, days: int) -> Any:
        return series.SeriesQuery(bucket, now - timedelta(days=days), None, "", UTC, now)

    reads: dict[str, Callable[[], Any]] = {
        "hours": lambda: series.points_of(busy.pk, validity, query("1h", DAYS)),
        "samples": lambda: series.points_of(busy.pk, validity, query("1h", DAYS)),
        "minutes": lambda: series.points_of(busy.pk, validity, query("1m", 1)),
        "site-hours": lambda: series.site_points_of(validities, query("1h", 1)),
        "site-minutes": lambda: series.site_points_of(validities, query("1m", 1)),
    }
    if what == "samples":  # a dirty range over all of it, so that the same is computed from samples
        RollupWork.objects.create(camera_id=busy.pk, start_at=now - timedelta(days=DAYS), end_at=now)
    took: list[float] = []

    def timed(execute: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            took[-1] += (time.perf_counter() - began) * 1_000

    points = 0
    with connection.execute_wrapper(timed):
        for _ in range(2 if what == "samples" else READS):
            took.append(0.0)
            points = len(reads[what]())
    RollupWork.objects.all().delete()
    sys.stdout.write(json.dumps({"ms": statistics.median(took[1:]), "points": points}) + "\n")


def _fill_day(rows: str) -> None:
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from telemetry.models import KeptFrom  # noqa: PLC0415
    from telemetry.storage.partitions import make_partitions  # noqa: PLC0415

    KeptFrom.objects.all().delete()  # a round before the same day was removed, and is not made again
    day = _now().replace(hour=0) - timedelta(days=settings.TELEMETRY_RETENTION_DAYS + 2)
    make_partitions(day)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO telemetry_sample_{day:%Y%m%d}"
            " (camera_id, timestamp, zone, occupancy, confidence, received_at)"
            " SELECT id, at, '', number % 50, 0.95, at FROM (SELECT id FROM cameras_camera ORDER BY id) AS camera,"
            f" generate_series(0, {rows} / (SELECT count(*) FROM cameras_camera) - 1) AS number,"
            f" LATERAL (SELECT '{day:%Y-%m-%d}T00:00:00Z'::timestamptz + number * interval '1 second' AS at) AS moment"
        )
        cursor.execute("CHECKPOINT")


def _now() -> Any:
    from django.utils import timezone  # noqa: PLC0415

    return timezone.now().replace(minute=0, second=0, microsecond=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
