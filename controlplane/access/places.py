"""What access asks about sites and cameras, which it does not know: the app of cameras registers the answers."""

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from controlplane.access.scope import Scope

NamesOfSites = Callable[[Scope], Mapping[UUID, str]]
SitesOfCameras = Callable[[Collection[UUID]], Mapping[UUID, UUID | None]]

_names: list[NamesOfSites] = []
_sites: list[SitesOfCameras] = []


def register(*, names_of_sites: NamesOfSites, sites_of_cameras: SitesOfCameras) -> None:
    """Each is one query."""
    _names[:], _sites[:] = [names_of_sites], [sites_of_cameras]


def names_of_sites(scope: Scope) -> dict[UUID, str]:
    """The sites within a scope and their names, by name."""
    return {site_id: name for read in _names for site_id, name in read(scope).items()}


def sites_of_cameras(camera_ids: Collection[UUID]) -> dict[UUID, UUID | None]:
    """At which site, or none, each of these cameras stands; those that are no more are left out."""
    if not camera_ids:
        return {}
    return {camera_id: site_id for read in _sites for camera_id, site_id in read(camera_ids).items()}
