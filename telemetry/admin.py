"""What the admin of cameras shows of telemetry: it registers itself with `cameras.observations`."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Avg
from django.db.models.functions import TruncHour

from cameras.models import Camera
from cameras.observations import HOURS, LastDay, add_last_day
from telemetry.models import Sample


def last_day_of_cameras(camera_ids: Collection[UUID], now: datetime) -> dict[UUID, LastDay]:
    """The mean of each of the last 24 hours, the present one included; None where nothing was reported."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    rows = (
        Sample.objects.filter(camera_id__in=list(camera_ids))
        .of_zone("")
        .between(first, now)
        .annotate(hour=TruncHour("timestamp"))
        .values_list("camera_id", "hour")
        .annotate(Avg("occupancy"))
        .order_by()
    )
    days: dict[UUID, list[float | None]] = defaultdict(lambda: [None] * HOURS)
    for camera_id, hour, mean in rows:
        days[camera_id][int((hour - first) / timedelta(hours=1))] = mean
    return dict(days)


def last_day_of_sites(site_ids: Collection[UUID], now: datetime) -> dict[UUID, LastDay]:
    """The sum over the cameras of each site that reported in the hour."""
    sites = dict(Camera.objects.filter(site_id__in=list(site_ids)).values_list("pk", "site_id"))
    totals: dict[UUID, list[float | None]] = defaultdict(lambda: [None] * HOURS)
    for camera_id, day in last_day_of_cameras(sites.keys(), now).items():
        total = totals[sites[camera_id]]
        for hour, mean in enumerate(day):
            if mean is not None:
                total[hour] = (total[hour] or 0) + mean
    return dict(totals)


add_last_day(of_cameras=last_day_of_cameras, of_sites=last_day_of_sites)
