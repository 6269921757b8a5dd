"""What /readyz and /metrics report of cameras. Registers itself with `controlplane.observability`."""

from collections.abc import Iterable
from datetime import datetime

from django.db import OperationalError, connection
from prometheus_client.core import GaugeMetricFamily, Metric

from cameras import credentials
from cameras.change_feed import current_cursor
from cameras.conditions import ConditionType
from cameras.interruptions import read_interruptions
from cameras.key_rotation import key_ring_fits
from cameras.models import Camera, Purge
from cameras.status import FleetCondition, Status, fleet_condition
from cameras.summary import count_cameras
from controlplane.databases.schema_age import missing_migrations
from controlplane.observability import Finding, add_fleet_metrics, add_ready_check
from controlplane.problems import words_of


def check_database(now: datetime) -> Finding:
    """The database answers, its schema is there, and it can be written to."""
    current_cursor()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            if cursor.fetchone() == ("on",):
                return Finding(False, "The database is read-only: a standby, or one whose disk is full.")
    return Finding(True)


def check_pooler(now: datetime) -> Finding:
    """A pooler between this process and PostgreSQL keeps a session for each of its connections."""
    if connection.vendor != "postgresql":
        return Finding(True)
    try:
        connection.ensure_connection()
    except OperationalError as error:
        if words := words_of(error):
            return Finding(False, words)
        raise
    return Finding(True, connection.what_sits_between())  # type: ignore[attr-defined]  # of our own backend


def check_migrations(now: datetime) -> Finding:
    """The database has the tables and columns of this code; it may have newer ones."""
    if missing := missing_migrations():
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return Finding(False, f"Run `manage.py migrate`: the database lacks {', '.join(missing[:3])}{more}.")
    return Finding(True)


def check_key_ring(now: datetime) -> Finding:
    """The key ring is the one that this database was sealed with."""
    if not key_ring_fits():
        return Finding(False, "FIELD_ENCRYPTION_KEYS does not hold the key of this database: put it back.")
    if unreadable := len(credentials.unreadable):
        return Finding(True, f"Warning: {unreadable} connection strings could not be opened.")
    return Finding(True)


def check_fleet(now: datetime) -> Finding:
    """A warning during an ingest outage or a mass silence; the service stays ready."""
    condition, since = fleet_condition(read_interruptions(now))
    if condition is FleetCondition.INGEST_OUTAGE:
        return Finding(True, f"Warning: no ingest process has run since {since:%Y-%m-%d %H:%M:%S} UTC.")
    if condition is FleetCondition.MASS_SILENCE:
        return Finding(True, f"Warning: most of the fleet is silent since {since:%Y-%m-%d %H:%M:%S} UTC.")
    return Finding(True)


def fleet_metrics(now: datetime) -> Iterable[Metric]:
    interruptions = read_interruptions(now)
    condition = GaugeMetricFamily(
        "controlplane_fleet_condition", "1 for what holds for the fleet as a whole.", labels=["condition"]
    )
    for name in FleetCondition:
        condition.add_metric([name.value], name == fleet_condition(interruptions)[0])
    yield condition
    by_status = GaugeMetricFamily("controlplane_cameras", "Cameras by derived status.", labels=["status"])
    by_condition = GaugeMetricFamily(
        "controlplane_camera_conditions", "Cameras that have a condition.", labels=["condition"]
    )
    counts = count_cameras(Camera.objects.all(), now, interruptions)
    for status in Status:
        by_status.add_metric([status.value], counts.by_status[status])
    yield by_status
    for type in ConditionType:
        by_condition.add_metric([type.value], counts.by_condition[type])
    yield by_condition
    purges = GaugeMetricFamily("controlplane_purges_open", "Deleted cameras whose samples wait for `maintain`.")
    purges.add_metric([], Purge.objects.count())
    yield purges


add_ready_check("database", check_database)
add_ready_check("pooler", check_pooler)
add_ready_check("migrations", check_migrations)
add_ready_check("key_ring", check_key_ring)
add_ready_check("fleet", check_fleet)
add_fleet_metrics(fleet_metrics)
