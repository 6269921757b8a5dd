"""What a plan says of cameras whose names look the same at one site: they are stored, and people are warned."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from cameras import names
from cameras.models import Camera

NAMED_AT_MOST = 5


class Place(NamedTuple):
    """Where a row of a file puts a camera. `is_new` where the file gives it its name or its site."""

    number: int
    camera_id: UUID | None
    name: str
    site: UUID | str | None
    is_new: bool


def remarks_on_twins(
    places: Sequence[Place], stored: Mapping[str, Iterable[Camera]]
) -> Iterator[tuple[Place, str]]:
    """The new places that have a twin, in the file or among the `stored` cameras by key of their name."""
    moved = {place.camera_id for place in places}
    by_look: dict[tuple[object, str], list[Place]] = defaultdict(list)
    for place in places:
        by_look[place.site, names.key(place.name)].append(place)
    for (site, key), group in by_look.items():
        others = [one for one in stored.get(key, ()) if one.site_id == site and one.pk not in moved]
        for place in filter(lambda place: place.is_new, group):
            numbers = [str(other.number) for other in group if other is not place]
            if numbers:
                yield place, f"Looks the same by name as the camera at {_listed(numbers)} of this file."
            if others:
                known = _listed([f"“{other.name}”" for other in others])
                yield place, f"Looks the same by name as another camera of the site: {known}."


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:NAMED_AT_MOST]) + (", …" if len(words) > NAMED_AT_MOST else "")
