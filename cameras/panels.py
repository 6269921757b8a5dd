"""What other apps know of cameras, for the admin to show: they register it here, as cameras cannot import them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from controlplane.access.principals import Principal
from controlplane.access.scope import Scope

# Occupancy of each whole hour of the last day, oldest first; None where it is unknown.
LastDay = Sequence[float | None]
HOURS = 24


class Notice(NamedTuple):
    """A message about the service as a whole on the first page, in the reader's language."""

    level: str
    """`danger` and `warning` stand on top, `info` below everything."""
    text: str
    url: str = ""


class LogLine(NamedTuple):
    """A change of a camera's status: when, to which, and why in words."""

    at: datetime
    status: str
    reason: str


class StatusSpan(NamedTuple):
    """A time in which a camera had one status, and why in words; `end` is None where it lasts."""

    start: datetime
    end: datetime | None
    status: str
    reason: str


class OpenIncident(NamedTuple):
    """What somebody may have to do something about, in the reader's words; `label` is a colour and a word."""

    title: str
    url: str
    site: str
    label: tuple[str, str]
    life: str
    text: str
    """What was said last of why, in the words of the alert."""


class OpenIncidents(NamedTuple):
    """The open incidents that a person sees."""

    shown: Sequence[OpenIncident]
    are_more: bool
    covered: Q
    """A condition on cameras: those that the incidents are about."""


class Uptime(NamedTuple):
    """Seconds of all cameras together, and how much of up and down was up; None where both are 0."""

    up: float
    down: float
    left_out: float
    unknown: float
    percent: float | None


class Downtime(NamedTuple):
    """When a camera was down, in which status, and why in words; `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    seconds: float
    status: str
    reason: str


class Availability(NamedTuple):
    """A range in total and by day, oldest first; the downtimes, oldest first, are those of a single camera."""

    total: Uptime
    days: Sequence[tuple[date, Uptime]]
    downtimes: Sequence[Downtime] = ()


class Asked(NamedTuple):
    """A range of time, the time zone whose days it is divided into, and when it is asked for."""

    start: datetime
    end: datetime
    zone: tzinfo
    now: datetime


class ZoneNow(NamedTuple):
    """The newest occupancy that was reported of a zone, and when by the worker's clock."""

    occupancy: int
    at: datetime


DayOfCameras = Callable[[Collection[UUID], datetime], Mapping[UUID, LastDay]]
DayOfSites = Callable[[Collection[UUID], datetime], Mapping[UUID, LastDay]]
Notices = Callable[[datetime], Iterable[Notice]]
LogOfCamera = Callable[[UUID, datetime], Iterable[LogLine]]
StatusSpans = Callable[[UUID, datetime, datetime], Iterable[StatusSpan]]
ReadOpenIncidents = Callable[[Principal, datetime], OpenIncidents]
# None where there is too much to read at once.
AvailabilityOfCamera = Callable[[Any, Asked], Availability | None]
AvailabilityOfSite = Callable[[UUID, Scope, Asked], Availability | None]
ZonesNow = Callable[[UUID, datetime], Mapping[str, ZoneNow]]

_day_of_cameras: list[DayOfCameras] = []
_day_of_sites: list[DayOfSites] = []
_notices: list[Notices] = []
_logs: list[LogOfCamera] = []
_spans: list[StatusSpans] = []
_open_incidents: list[ReadOpenIncidents] = []
_availability: list[tuple[AvailabilityOfCamera, AvailabilityOfSite]] = []
_zones_now: list[ZonesNow] = []


def add_last_day(*, of_cameras: DayOfCameras, of_sites: DayOfSites) -> None:
    """Each is one query, or a few, whatever the number of ids."""
    _day_of_cameras.append(of_cameras)
    _day_of_sites.append(of_sites)


def add_notices(source: Notices) -> None:
    _notices.append(source)


def add_log_of_camera(read: LogOfCamera) -> None:
    _logs.append(read)


def add_status_spans(read: StatusSpans) -> None:
    _spans.append(read)


def add_open_incidents(read: ReadOpenIncidents) -> None:
    _open_incidents.append(read)


def add_availability(*, of_camera: AvailabilityOfCamera, of_site: AvailabilityOfSite) -> None:
    _availability.append((of_camera, of_site))


def add_zones_now(read: ZonesNow) -> None:
    _zones_now.append(read)


def last_day_of_cameras(camera_ids: Collection[UUID], now: datetime) -> dict[UUID, LastDay]:
    return {camera_id: day for read in _day_of_cameras for camera_id, day in read(camera_ids, now).items()}


def last_day_of_sites(site_ids: Collection[UUID], now: datetime) -> dict[UUID, LastDay]:
    return {site_id: day for read in _day_of_sites for site_id, day in read(site_ids, now).items()}


def notices(now: datetime) -> list[Notice]:
    return [notice for source in _notices for notice in source(now)]


def log_of_camera(camera_id: UUID, now: datetime) -> list[LogLine]:
    """The changes of a camera's status, newest first."""
    lines = [line for read in _logs for line in read(camera_id, now)]
    return sorted(lines, key=lambda line: line.at, reverse=True)


def status_spans(camera_id: UUID, start: datetime, end: datetime) -> list[StatusSpan]:
    """What status a camera had in [start, end), oldest first; the first may have begun earlier."""
    return sorted(span for read in _spans for span in read(camera_id, start, end))


def open_incidents(principal: Principal, now: datetime) -> list[OpenIncidents]:
    """One for each who knows of incidents."""
    return [read(principal, now) for read in _open_incidents]


def availability_of_camera(camera: Any, asked: Asked) -> Availability | None:
    """How available a camera was; None where there is too much to read, or nobody knows."""
    return next((of_camera(camera, asked) for of_camera, _ in _availability), None)


def availability_of_site(site_id: UUID, scope: Scope, asked: Asked) -> Availability | None:
    """The same of the cameras of a site that lie in a scope, while they stood there."""
    return next((of_site(site_id, scope, asked) for _, of_site in _availability), None)


def zones_now(camera_id: UUID, latest: datetime) -> dict[str, ZoneNow]:
    """The newest occupancy of a camera's zones by their ids, where its newest sample is from `latest`."""
    return {zone: now for read in _zones_now for zone, now in read(camera_id, latest).items()}
