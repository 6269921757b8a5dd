"""The operations on placements, as the OpenAPI document describes them."""

from drf_spectacular.utils import OpenApiParameter

from cameras.api import parameters
from cameras.api.examples import CAMERA_ID
from cameras.api.serializers import PlacementAnswer, PlacementItem, PlacementResult, PlacementWrite
from controlplane.problem_types import EPOCH_AHEAD, PLACEMENT_REFUSED
from controlplane.schema import Exchange, Gives, operation

_CAMERA = OpenApiParameter("id", parameters.ID, OpenApiParameter.PATH, description="Id of a camera.")
_EPOCH = OpenApiParameter(
    "epoch", {"type": "integer", "minimum": 0}, required=True, description="The epoch of the claim that ends."
)
_CLAIM = {"node": "north-1", "container": "worker-7", "image": "vision:1.4", "phase": "pulling"}
_ANSWER = {"camera_id": CAMERA_ID, "epoch": 1772625600, "desired_state": "running", "generation": 1}

PLACE_WORKER = operation(
    "place_worker",
    "Claim the worker of a camera, or report on it",
    takes=PlacementWrite,
    parameters=[_CAMERA],
    gives={200: Gives("The claim or the report is taken.", PlacementAnswer)},
    problems=[EPOCH_AHEAD, PLACEMENT_REFUSED],
    exchanges=[Exchange("A claim", _ANSWER, {"id": CAMERA_ID}, _CLAIM)],
)

PLACE_WORKERS = operation(
    "place_workers",
    "Claim and report on many workers",
    takes=PlacementItem(many=True),
    gives={200: Gives("What each would have been answered, in order.", PlacementResult(many=True))},
    exchanges=[
        Exchange(
            "A claim, and a camera that is gone",
            [
                _ANSWER,
                {
                    "camera_id": "c1d5e8b2-7f40-4a96-b3ce-52e9a0d8174f",
                    "code": "unknown_camera",
                    "detail": "There is no camera with this id.",
                },
            ],
            body=[
                {"camera_id": CAMERA_ID, **_CLAIM},
                {"camera_id": "c1d5e8b2-7f40-4a96-b3ce-52e9a0d8174f", **_CLAIM},
            ],
        )
    ],
)

END_PLACEMENT = operation(
    "end_placement",
    "End the claim of a worker",
    parameters=[_CAMERA, _EPOCH],
    gives={204: Gives("It is ended, or was before.")},
    problems=[EPOCH_AHEAD, PLACEMENT_REFUSED],
    exchanges=[Exchange("The worker is gone", None, {"id": CAMERA_ID, "epoch": 0}, status=204)],
)
