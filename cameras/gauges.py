"""A few gauges of each camera in Prometheus' text format, for who watches single cameras there."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from cameras.facts import Interruptions
from cameras.querysets import CameraQuerySet
from cameras.status import Status

# So many lines are made at a time.
CHUNK = 1_000
# Its worker reports, and samples come.
UP = {Status.HEALTHY, Status.DEGRADED}
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class _Row(NamedTuple):
    pk: UUID
    name: str
    site: str | None
    desired_state: str
    status: str
    last_contact: datetime | None
    latest_timestamp: datetime | None
    latest_occupancy: int | None


class _Gauge(NamedTuple):
    name: str
    help: str
    read: Callable[[_Row, datetime], float | None]
    """Its value; None where the camera has none."""


def _lag_seconds(row: _Row, now: datetime) -> float | None:
    return (now - row.latest_timestamp).total_seconds() if row.latest_timestamp else None


GAUGES = (
    _Gauge(
        "controlplane_camera_running",
        "Whether the camera should run: 1, or 0 where it is stopped.",
        lambda row, now: row.desired_state == "running",
    ),
    _Gauge(
        "controlplane_camera_up",
        "Whether the camera's worker reports and its samples come: 1 for healthy and degraded, else 0.",
        lambda row, now: row.status in UP,
    ),
    _Gauge(
        "controlplane_camera_last_contact_timestamp_seconds",
        "When the camera's worker was last in contact, by the server's clock.",
        lambda row, now: row.last_contact.timestamp() if row.last_contact else None,
    ),
    _Gauge(
        "controlplane_camera_occupancy",
        "What the camera's newest sample counted.",
        lambda row, now: row.latest_occupancy,
    ),
    _Gauge(
        "controlplane_camera_lag_seconds",
        "How old the camera's newest sample is, by the worker's clock; below 0 where that is ahead.",
        _lag_seconds,
    ),
)


def gauges_text(cameras: CameraQuerySet, now: datetime, interruptions: Interruptions) -> Iterator[bytes]:
    """All gauges of these cameras, in one query, some lines at a time; labels are escaped."""
    rows = [
        _Row(*values)
        for values in cameras.with_status(now, interruptions)
        .order_by("pk")
        .values_list(
            "pk",
            "name",
            "site__name",
            "desired_state",
            "derived_status",
            "vitals__last_contact",
            "vitals__latest_timestamp",
            "vitals__latest_occupancy",
        )
    ]
    labels = [_labels_of(row) for row in rows]
    for gauge in GAUGES:
        yield _head_of(gauge)
        yield from _lines_of(gauge, rows, labels, now)


def _lines_of(gauge: _Gauge, rows: Sequence[_Row], labels: Sequence[str], now: datetime) -> Iterator[bytes]:
    values = ((gauge.read(row, now), label) for row, label in zip(rows, labels, strict=True))
    lines = (f"{gauge.name}{label} {floatToGoString(value)}\n" for value, label in values if value is not None)
    while chunk := "".join(islice(lines, CHUNK)):
        yield chunk.encode()


def _labels_of(row: _Row) -> str:
    """Made once for all gauges: prometheus_client would make them for each."""
    name, site = row.name.translate(_ESCAPES), (row.site or "").translate(_ESCAPES)
    return f'{{camera="{row.pk}",name="{name}",site="{site}"}}'


class _Empty(Collector):
    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self.metric


def _head_of(gauge: _Gauge) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Empty(GaugeMetricFamily(gauge.name, gauge.help)))
    return generate_latest(registry)
