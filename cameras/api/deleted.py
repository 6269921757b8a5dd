"""Deleted cameras over REST: which can be restored, bringing one back, and erasing one at once."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cameras import restores
from cameras.api import deleted_operations as operations
from cameras.api import newest_first, parameters
from cameras.api.answers import StrictViewSet, clean_or_problem, json_answer
from cameras.api.representation import camera_detail, deleted_detail
from cameras.api.serializers import DeletedCameraShape
from cameras.look_alikes import warnings_about
from cameras.models import Camera, DeletedCamera, Purge
from cameras.querysets import DeletedCameraQuerySet
from controlplane.access.authentication import author_of
from controlplane.problem_types import CAMERA_ERASED
from controlplane.problems import Problem


@extend_schema(tags=["cameras"])
class DeletedCameraViewSet(StrictViewSet):
    """The cameras in the bin."""

    queryset = DeletedCamera.objects.all()
    serializer_class = DeletedCameraShape
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    required_permissions = {
        "list": "cameras.delete_camera",
        "restore": "cameras.delete_camera",
        "destroy": "cameras.delete_camera",
    }
    query_parameters = {"list": ("limit", "cursor")}

    def get_queryset(self) -> DeletedCameraQuerySet:
        return DeletedCamera.objects.within(self.scope)

    @operations.LIST_DELETED_CAMERAS
    def list(self, request: Request) -> HttpResponse:
        """Deleted cameras that can be restored, the latest first, in pages."""
        return newest_first.page(
            request,
            self.get_queryset(),
            "deleted_at",
            deleted_detail,
            default_limit=operations.DEFAULT_LIMIT,
            max_limit=operations.MAX_LIMIT,
        )

    @operations.RESTORE_CAMERA
    def restore(self, request: Request, id: str) -> HttpResponse:
        """Bring a deleted camera back, with its id and its samples; one that is back already is only answered."""
        camera_id = parameters.id_in_path(id)
        if not self.get_queryset().filter(pk=camera_id).exists():
            return self._not_in_bin(camera_id)
        try:
            restored = clean_or_problem(
                lambda: restores.restore_camera(camera_id=camera_id, by=author_of(request), now=self.now)
            )
        except (DeletedCamera.DoesNotExist, restores.PurgeBegun):  # somebody else was first
            return self._not_in_bin(camera_id)
        return self._detail(restored.camera.pk, restored.lost_site)

    @operations.ERASE_CAMERA
    def destroy(self, request: Request, id: str) -> Response:
        """Erase a deleted camera at once: it cannot be restored any more, and its samples are purged."""
        camera_id = parameters.id_in_path(id)
        if not self.get_queryset().filter(pk=camera_id).exists():
            raise _no_such()
        try:
            restores.erase_camera(camera_id=camera_id, by=author_of(request), now=self.now)
        except DeletedCamera.DoesNotExist:
            raise _no_such() from None
        return Response(status=204)

    def _not_in_bin(self, camera_id: UUID) -> HttpResponse:
        if Purge.objects.within(self.scope).filter(pk=camera_id).exists():
            detail = "The camera was erased and its samples are being purged: it cannot be restored."
            raise Problem(409, detail, kind=CAMERA_ERASED)
        if Camera.objects.within(self.scope).filter(pk=camera_id).exists():
            return self._detail(camera_id)
        raise _no_such()

    def _detail(self, camera_id: UUID, lost_site: str = "") -> HttpResponse:
        camera = self.find_camera(camera_id)
        warnings = []
        if lost_site:
            warnings.append("The site where the camera stood is gone: it is at no site now.")
        warnings += warnings_about(camera, self.principal)
        found = camera_detail(camera_id, self.now, self.interruptions)
        if found is None:  # deleted again since
            raise _no_such()
        detail, revision = found
        response = json_answer({**detail, "warnings": warnings})
        response["ETag"] = parameters.etag_of(self.present.cursor.epoch, revision)
        response["Location"] = f"/cameras/{camera.pk}"
        return response


def _no_such() -> Problem:
    return Problem(404, "There is no deleted camera with this id that you may see.")
