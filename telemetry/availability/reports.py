"""Availability of a camera, of a site and of the fleet, in total and by day, read in parts of a bounded size."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from cameras.models import Camera, Change, KnownStatus
from cameras.status import Status
from telemetry.alerts.models import Transition
from telemetry.alerts.transitions import KEPT
from telemetry.availability.places import Stay, Surroundings
from telemetry.availability.rule import Became, Downtime, History, downtimes_of
from telemetry.availability.stays import Stays, Subject, read_stays
from telemetry.availability.sums import Totals, added_up, totals_between
from telemetry.availability.surroundings import known_until, read_surroundings
from telemetry.history.calendars import Buckets
from telemetry.history.spans import Span

CAMERAS_AT_ONCE = 1_000
# What is read for one report: about three seconds of work.
MAX_TRANSITIONS = 150_000
TRANSITION = ("camera_id", "at", "to_status", "reason", "from_status")
# As what a camera begins, where nothing is known from before.
BEGINNINGS = (Status.PENDING, Status.STOPPED)


class TooManyTransitions(ValueError):
    """The range has more than MAX_TRANSITIONS changes of status."""


class Day(NamedTuple):
    """A day of a time zone, or what of it lies in the range."""

    day: date
    start: datetime
    totals: Totals


class Report(NamedTuple):
    """The totals of a range, and of its days, oldest first."""

    span: Span
    days: Sequence[Day]

    @property
    def totals(self) -> Totals:
        return added_up(day.totals for day in self.days)


def report_of(subject: Subject, span: Span, timezone: tzinfo, now: datetime) -> Report:
    """How available the subject was in a range, which ends at `now` at the latest. Raises TooManyTransitions."""
    return _report(Counter(_histories(subject, span, now)), span, timezone)


def report_with_downtimes(
    subject: Subject, span: Span, timezone: tzinfo, now: datetime
) -> tuple[Report, list[Downtime]]:
    """The same of one camera, with when it was down, oldest first."""
    histories = list(_histories(subject, span, now))
    downtimes = [downtime for history in histories for downtime in downtimes_of(history)]
    return _report(Counter(histories), span, timezone), downtimes


def _report(histories: Mapping[History, int], span: Span, timezone: tzinfo) -> Report:
    if span.start >= span.end:
        return Report(span, [])
    ((_, grid),) = Buckets("1d", timezone).grids(span)
    edges = [span.start, *(edge for edge in grid.edges if span.start < edge < span.end), span.end]
    totals = totals_between(histories, edges)
    days = [(start.astimezone(timezone).date(), start) for start in edges[:-1]]
    return Report(span, [Day(*day, each) for day, each in zip(days, totals, strict=True)])


# --- Reading ----------------------------------------------------------------------------------------------


def _histories(subject: Subject, span: Span, now: datetime) -> Iterator[History]:
    """The history of each camera that counts, a chunk of cameras at a time."""
    if span.start >= span.end:
        return
    # First: a change that is stored from here on may be missed, and what comes after this moment is not counted.
    until = known_until(now)
    stays = read_stays(subject, span)
    surroundings = read_surroundings(stays, span, now)
    ids, left = iter(sorted(stays.by_camera)), MAX_TRANSITIONS
    while chunk := list(islice(ids, CAMERAS_AT_ONCE)):
        changes = _changes(chunk, stays, span, now, left)
        left -= sum(map(len, changes.values()))
        for camera_id in chunk:
            yield _history(camera_id, stays.by_camera[camera_id], changes.get(camera_id, []), surroundings, until)


def _history(
    camera_id: UUID, stays: Sequence[Stay], changes: Sequence[Became], surroundings: Surroundings, until: datetime
) -> History:
    if stays[-1].span.end >= until:
        changes = [*(change for change in changes if change.at <= until), Became(until, None)]
    return History(
        tuple(stay.span for stay in stays),
        tuple(changes),
        surroundings.excused(camera_id, stays),
        surroundings.shared(stays),
    )


def _changes(
    camera_ids: Sequence[UUID], stays: Stays, span: Span, now: datetime, at_most: int
) -> dict[UUID, list[Became]]:
    """The changes of these cameras in a range, with the last before and the first after it, dated to its ends."""
    logged = [stays.logged[camera_id] for camera_id in camera_ids if camera_id in stays.logged]
    others = [camera_id for camera_id in camera_ids if camera_id not in stays.logged]
    beside = _beside(Change.objects.filter(pk__in=logged), "camera_id", span)
    beside += _beside(Camera.objects.filter(pk__in=others), "pk", span)
    within = Q(at__gte=span.start, at__lt=span.end, camera_id__in=camera_ids)
    rows = Transition.objects.filter(within | Q(pk__in=beside)).order_by("camera_id", "at", "pk")
    found: dict[UUID, list[Became]] = {}
    begun_as: dict[UUID, Status] = {}
    for camera_id, at, status, reason, before in rows.values_list(*TRANSITION)[: at_most + 1]:
        if camera_id not in found and at >= span.start and before not in BEGINNINGS:
            begun_as[camera_id] = Status(before)
        dated = min(max(at, span.start), span.end)
        found.setdefault(camera_id, []).append(Became(dated, Status(status), reason))
    if sum(map(len, found.values())) > at_most:
        raise TooManyTransitions
    for camera_id in _older_than_transitions(begun_as, now):
        found[camera_id].insert(0, Became(span.start, begun_as[camera_id]))
    return found | _steady([camera_id for camera_id in camera_ids if camera_id not in found], span)


def _older_than_transitions(camera_ids: Collection[UUID], now: datetime) -> Iterable[UUID]:
    """Those whose first transitions were removed: the first that is left knows the status before it."""
    return Camera.objects.filter(pk__in=camera_ids, created_at__lt=now - KEPT).values_list("pk", flat=True)


def _steady(camera_ids: Sequence[UUID], span: Span) -> dict[UUID, list[Became]]:
    """The status of cameras without a transition: the same since it was first known, or for very long."""
    rows = KnownStatus.objects.filter(pk__in=camera_ids, since_at__lt=span.end)
    return {
        camera_id: [Became(max(at, span.start), Status(status))]
        for camera_id, at, status in rows.values_list("pk", "since_at", "status")
    }


def _beside(rows: QuerySet[Any], camera: str, span: Span) -> list[int]:
    """The keys of the last transition before a range, and of the first after it, for each of the rows."""
    of_camera = Transition.objects.filter(camera_id=OuterRef(camera))
    before = of_camera.between(None, span.start).newest_first().values("pk")[:1]
    after = of_camera.between(span.end, None).oldest_first().values("pk")[:1]
    found = rows.order_by().values_list(Subquery(before), Subquery(after))
    return [key for pair in found for key in pair if key is not None]
