"""The operations on deleted cameras, as the OpenAPI document describes them."""

from drf_spectacular.utils import OpenApiParameter

from cameras.api import parameters
from cameras.api.examples import CAMERA, DELETED_CAMERA, DELETED_CAMERA_ID, ZONES
from cameras.api.serializers import DeletedCameraShape, RestoredCamera
from controlplane.problem_types import CAMERA_ERASED
from controlplane.schema import Exchange, Gives, operation

DEFAULT_LIMIT = 500
MAX_LIMIT = 1_000

_DELETED = OpenApiParameter(
    "id", parameters.ID, OpenApiParameter.PATH, description="Id that the camera had, and will have again."
)
# What nobody decided, or what is not as it was.
_ANEW = {
    "status": "stopped",
    "status_reason": "never_started: Nobody has started this camera yet.",
    "last_contact": None,
    "latest": None,
    "observed_generation": None,
    "generation": DELETED_CAMERA["generation"] + 1,
    "status_since": "2026-03-04T12:00:00.000000Z",
}

LIST_DELETED_CAMERAS = operation(
    "list_deleted_cameras",
    "List deleted cameras",
    parameters=[
        OpenApiParameter(
            "Link", str, OpenApiParameter.HEADER, response=[200], description="The next page, where there is one."
        ),
        OpenApiParameter(
            "limit", parameters.within(1, MAX_LIMIT), description=f"Cameras a page, {DEFAULT_LIMIT:,} by default."
        ),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="From the `Link` header of the page before."),
    ],
    gives={200: Gives("A page of the bin, the latest first.", DeletedCameraShape(many=True))},
    exchanges=[Exchange("What can be restored", [DELETED_CAMERA], {"limit": 100})],
)

RESTORE_CAMERA = operation(
    "restore_camera",
    "Restore a deleted camera",
    parameters=[
        _DELETED,
        OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200], description="For If-Match only."),
        OpenApiParameter(
            "Location", str, OpenApiParameter.HEADER, response=[200], description="The camera's address."
        ),
    ],
    gives={200: Gives("The camera as it is again.", RestoredCamera)},
    problems=[CAMERA_ERASED],
    exchanges=[
        Exchange(
            "Bring it back",
            CAMERA
            | {name: DELETED_CAMERA[name] for name in ("id", "name", "site", "desired_state")}
            | {"location": "", "model_config": {}, "zone_config": ZONES | {"features": []}}
            | _ANEW
            | {"warnings": []},
            {"id": DELETED_CAMERA_ID},
        )
    ],
)

ERASE_CAMERA = operation(
    "erase_camera",
    "Erase a deleted camera at once",
    parameters=[_DELETED],
    gives={204: Gives("It is erased, and its samples are purged from now on.")},
    exchanges=[Exchange("Erase it", None, {"id": DELETED_CAMERA_ID}, status=204)],
)
