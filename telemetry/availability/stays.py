"""Whose time counts in a report, and where they stood: read off the cameras that exist and the change log."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Q

from cameras.models import Camera, Change, ChangeBlock, ChangeKind
from cameras.querysets import CameraQuerySet, ChangeQuerySet
from controlplane.access.scope import Scope
from telemetry.availability.places import Move, Place, Stay, stays_of
from telemetry.history.spans import Span

# Entries of the log are in the order of their commits, and dated a little before.
LOG_SLACK = timedelta(hours=1)


class Subject(NamedTuple):
    """What a report is about: cameras that exist, changes of those that may count, and which of their stays do."""

    cameras: CameraQuerySet
    changes: ChangeQuerySet
    counts: Callable[[UUID, UUID | None], bool]
    """Of a camera's id, and the id of the site at which it stood."""


class Stays(NamedTuple):
    """Where each camera stood in a range, as far as that counts."""

    by_camera: Mapping[UUID, list[Stay]]
    logged: Mapping[UUID, int]
    """A change of each camera of which there is one; of the others there is the camera."""


def of_camera(camera: Camera) -> Subject:
    """A camera, wherever it stood."""
    return Subject(
        Camera.objects.filter(pk=camera.pk), Change.objects.of_camera(camera.pk), lambda camera_id, site_id: True
    )


def of_site(site_id: UUID, scope: Scope) -> Subject:
    """The cameras of a site while they stood there, as far as they lie in a scope."""
    return Subject(
        Camera.objects.filter(site_id=site_id),
        Change.objects.filter(Q(site_before=site_id) | Q(site_after=site_id)),
        lambda camera_id, site: site == site_id and scope.covers(camera_id, site),
    )


def of_fleet(scope: Scope) -> Subject:
    """All cameras while they were in a scope."""
    return Subject(Camera.objects.within(scope), Change.objects.within(scope), scope.covers)


def read_stays(subject: Subject, whole: Span) -> Stays:
    """Where the subject's cameras stood in a range. A few queries, however many cameras there are."""
    moves: dict[UUID, list[Move]] = defaultdict(list)
    logged: dict[UUID, int] = {}
    for revision, camera_id, move in _moves(subject.changes, whole.start):
        moves[camera_id].append(move)
        logged[camera_id] = revision
    found: dict[UUID, list[Stay]] = {}
    for camera_id, site_id, created_at in subject.cameras.values_list("pk", "site_id", "created_at"):
        since = Span(max(whole.start, created_at), whole.end) if camera_id not in moves else whole
        found[camera_id] = stays_of(Place(site_id), moves.pop(camera_id, []), since)
    for camera_id, left in moves.items():
        found[camera_id] = stays_of(None, left, whole)
    counted = {
        camera_id: [stay for stay in stays if subject.counts(camera_id, stay.site_id)]
        for camera_id, stays in found.items()
    }
    return Stays({camera_id: stays for camera_id, stays in counted.items() if stays}, logged)


def _moves(changes: ChangeQuerySet, since: datetime) -> list[tuple[int, UUID, Move]]:
    """What was made, deleted or moved, in the order of the log."""
    first = (
        ChangeBlock.objects.filter(at__gte=since - LOG_SLACK).order_by("at").values_list("pk", flat=True).first()
    )
    if first is None:
        return []
    made_or_moved = ~Q(kind=ChangeKind.UPDATED) | ~Q(site_before=F("site_after"))
    rows = (
        changes.filter(made_or_moved, revision__gte=first, at__gte=since)
        .order_by("revision")
        .values_list("revision", "kind", "camera_id", "at", "site_before", "site_after")
    )
    return [
        (
            revision,
            camera_id,
            Move(
                at,
                None if kind == ChangeKind.CREATED else Place(site_before),
                None if kind == ChangeKind.DELETED else Place(site_after),
            ),
        )
        for revision, kind, camera_id, at, site_before, site_after in rows.iterator(chunk_size=2_000)
        if kind != ChangeKind.UPDATED or site_before != site_after
    ]
