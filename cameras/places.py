"""What access asks about sites and cameras: registered with `controlplane.access.places`."""

from collections.abc import Collection
from uuid import UUID

from cameras.models import Camera, Site
from controlplane.access import places
from controlplane.access.scope import Scope


def names_of_sites(scope: Scope) -> dict[UUID, str]:
    return dict(Site.objects.within(scope).order_by("name").values_list("pk", "name"))


def sites_of_cameras(camera_ids: Collection[UUID]) -> dict[UUID, UUID | None]:
    return dict(Camera.objects.filter(pk__in=camera_ids).values_list("pk", "site_id"))


places.register(names_of_sites=names_of_sites, sites_of_cameras=sites_of_cameras)
