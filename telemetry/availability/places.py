"""Where cameras stood when, and what covered them there: windows, outages, incidents. Pure: no Django."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from telemetry.history.spans import Span, clipped, merged


class Place(NamedTuple):
    """A site, or none."""

    site_id: UUID | None


class Move(NamedTuple):
    """A camera came to a place, or from one; None where it did not exist."""

    at: datetime
    before: Place | None
    after: Place | None


class Stay(NamedTuple):
    """A time in which a camera stood at a site, or at none."""

    span: Span
    site_id: UUID | None


class Planned(NamedTuple):
    """An occurrence of a window: over everything, over a site, or over cameras."""

    span: Span
    site_id: UUID | None
    is_everything: bool
    camera_ids: Collection[UUID]


class SharedSilence(NamedTuple):
    """An incident of a site, or of the fleet where it names none."""

    span: Span
    site_id: UUID | None


def stays_of(place: Place | None, moves: Sequence[Move], whole: Span) -> list[Stay]:
    """Where a camera stood in a range, oldest first; `place` is where it stands now, `moves` all since then."""
    at, stays = whole.start, []
    here = moves[0].before if moves else place
    for move in (*moves, Move(whole.end, None, None)):
        until = min(max(move.at, at), whole.end)
        if here and at < until:
            stays.append(Stay(Span(at, until), here.site_id))
        at, here = until, move.after
    return stays


class Surroundings:
    """What is known beside statuses in a range: says what of a camera's stays is excused, and what shared."""

    def __init__(
        self, planned: Iterable[Planned], outages: Iterable[Span], silences: Iterable[SharedSilence]
    ) -> None:
        self._everywhere: list[Span] = list(outages)
        self._fleet: list[Span] = []
        self._excused_at, self._excused_of, self._shared_at = (
            defaultdict[UUID, list[Span]](list) for _ in range(3)
        )
        for window in planned:
            if window.is_everything:
                self._everywhere.append(window.span)
            elif window.site_id:
                self._excused_at[window.site_id].append(window.span)
            for camera_id in window.camera_ids:
                self._excused_of[camera_id].append(window.span)
        for silence in silences:
            (self._shared_at[silence.site_id] if silence.site_id else self._fleet).append(silence.span)
        self._known: dict[Stay, tuple[tuple[Span, ...], tuple[Span, ...]]] = {}

    def excused(self, camera_id: UUID, stays: Iterable[Stay]) -> tuple[Span, ...]:
        """The times in which a window covered the camera, or ingest was out."""
        at_sites = tuple(span for stay in stays for span in self._at(stay)[0])
        own = self._excused_of.get(camera_id)
        return tuple(merged([*at_sites, *own])) if own else at_sites

    def shared(self, stays: Iterable[Stay]) -> tuple[Span, ...]:
        """The times in which the camera's site was dark, or the fleet."""
        return tuple(span for stay in stays for span in self._at(stay)[1])

    def _at(self, stay: Stay) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        if stay not in self._known:
            site_id = stay.site_id
            excused, shared = list(self._everywhere), list(self._fleet)
            if site_id:
                excused += self._excused_at.get(site_id, [])
                shared += self._shared_at.get(site_id, [])
            self._known[stay] = (
                tuple(merged(clipped(excused, stay.span))),
                tuple(merged(clipped(shared, stay.span))),
            )
        return self._known[stay]
