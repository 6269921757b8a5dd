"""Which cameras the senders of a group may speak of."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from cameras.models import Camera
from controlplane.access.scope import Scope


def sites_of(asked: Iterable[tuple[Scope, Iterable[UUID]]]) -> dict[UUID, UUID | None]:
    """The sites of the cameras that principals who are bound to sites speak of; one query, or none."""
    camera_ids = {camera_id for scope, ids in asked if scope.sites for camera_id in ids}
    return dict(Camera.objects.filter(pk__in=camera_ids).values_list("pk", "site_id")) if camera_ids else {}


def is_outside(scope: Scope, camera_id: UUID, sites: Mapping[UUID, UUID | None]) -> bool:
    """Whether a principal with this scope may not speak of a camera."""
    if scope.covers(camera_id, sites.get(camera_id)):
        return False
    # To who is bound to sites, a camera that there is not is unknown, as it is to everybody.
    return camera_id in sites or not scope.sites
