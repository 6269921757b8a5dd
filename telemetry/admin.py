"""What the admin of cameras shows of telemetry: it registers itself with `cameras.panels`."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, FloatField
from django.db.models.functions import Cast
from django.utils.translation import gettext

from cameras.models import Camera
from cameras.panels import HOURS, LastDay, Notice, ZoneNow, add_last_day, add_notices, add_zones_now
from telemetry.availability import panel
from telemetry.history.spans import HOUR, MICROSECOND, floor_to
from telemetry.models import HourRollup, Sample
from telemetry.storage.forecast import Forecast, forecast

# Measuring tables takes a while, and they grow slowly.
FORECAST_EVERY = timedelta(minutes=10)
SOON_FULL_DAYS = 30
# Zones are reported with their camera, or somewhat more seldom.
ZONES_WITHIN, ZONES_AMONG = timedelta(minutes=10), 500

_forecasts: list[tuple[datetime, Forecast]] = []


def last_day_of_cameras(camera_ids: Collection[UUID], now: datetime) -> dict[UUID, LastDay]:
    """The mean, weighted by time, of each of the last 24 hours, the present one included; None where unknown."""
    first = floor_to(now, HOUR) - (HOURS - 1) * HOUR
    rows = (
        HourRollup.objects.filter(camera_id__in=list(camera_ids), known__gt=0)
        .of_zone("")
        .between(first, now)
        .values_list("camera_id", "start_at", Cast("integral", FloatField()) / F("known"))
    )
    return _days(first, rows)


# Rollups have no foreign key to the camera, so Django's ORM would look up the site in a subquery for each row: ten
# times as slow.
LAST_DAY_OF_SITES = """
SELECT camera.site_id, rollup.start_at, sum(CAST(rollup.integral AS double precision) / rollup.known)
FROM telemetry_hourrollup AS rollup JOIN cameras_camera AS camera ON camera.id = rollup.camera_id
WHERE camera.site_id IN ({sites}) AND rollup.zone = '' AND rollup.known > 0
    AND rollup.start_at >= %s AND rollup.start_at < %s
GROUP BY camera.site_id, rollup.start_at
"""


def last_day_of_sites(site_ids: Collection[UUID], now: datetime) -> dict[UUID, LastDay]:
    """As `last_day_of_cameras`, summed up over those cameras of each site that are known in an hour."""
    first = floor_to(now, HOUR) - (HOURS - 1) * HOUR
    if not site_ids:
        return {}
    column, moment = Camera._meta.get_field("site"), HourRollup._meta.get_field("start_at")
    given = [column.get_db_prep_value(site_id, connection) for site_id in site_ids]
    bounds = [moment.get_db_prep_value(at, connection) for at in (first, now)]
    statement = LAST_DAY_OF_SITES.format(sites=", ".join(["%s"] * len(given)))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*given, *bounds])
        rows = [(_as_uuid(site_id), _as_utc(at), total) for site_id, at, total in cursor.fetchall()]
    return _days(first, rows)


def _as_uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _as_utc(value: datetime | str) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _days(first: datetime, rows: Iterable[tuple[UUID, datetime, float]]) -> dict[UUID, LastDay]:
    days: dict[UUID, list[float | None]] = defaultdict(lambda: [None] * HOURS)
    for row_id, start_at, value in rows:
        days[row_id][(start_at - first) // HOUR] = value
    return dict(days)


def zones_now(camera_id: UUID, latest: datetime) -> dict[str, ZoneNow]:
    """One query for few rows: a zone that is not among the newest samples is left out."""
    rows = (
        Sample.objects.of_camera(camera_id)
        .between(latest - ZONES_WITHIN, latest + MICROSECOND)
        .order_by("-timestamp")
        .values_list("zone", "occupancy", "timestamp")[:ZONES_AMONG]
    )
    newest: dict[str, ZoneNow] = {}
    for zone, occupancy, at in rows:
        newest.setdefault(zone, ZoneNow(occupancy, at))
    return newest


def room_for_telemetry(now: datetime) -> Iterable[Notice]:
    """How full the disk is and will be, measured every ten minutes in each process."""
    if not _forecasts or now - _forecasts[-1][0] > FORECAST_EVERY:
        _forecasts[:] = [(now, forecast(now))]
    room = _forecasts[-1][1]
    soon = room.full_in_days is not None and room.full_in_days < SOON_FULL_DAYS
    yield Notice("warning" if soon else "info", gettext("Telemetry: %(forecast)s.") % {"forecast": room})


__all__ = ["panel"]  # registers itself

add_last_day(of_cameras=last_day_of_cameras, of_sites=last_day_of_sites)
add_notices(room_for_telemetry)
add_zones_now(zones_now)
