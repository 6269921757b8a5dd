"""Placements over REST: what an orchestrator says of the workers that it runs."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from cameras import placements
from cameras.api import parameters, placement_operations
from cameras.api.answers import StrictViewSet, clean_or_problem, json_answer, no_such
from cameras.api.representation import PLACEMENT_FIELDS
from cameras.api.serializers import PlacementWrite
from cameras.intent import InvalidIntent
from cameras.models import Camera, Placement
from cameras.placements import MAX_PLACEMENTS, Placed, Refused
from cameras.rules import parse_uuid
from controlplane.access.authentication import author_of
from controlplane.problem_types import EPOCH_AHEAD, PLACEMENT_REFUSED, ErrorCode
from controlplane.problems import FieldError, Problem


class PlacementViewSet(StrictViewSet):
    """Where workers run, as their orchestrator says."""

    queryset = Camera.objects.all()
    serializer_class = PlacementWrite
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    http_method_names = ["put", "delete"]
    required_permissions = {
        "update": placements.PLACE,
        "update_many": placements.PLACE,
        "destroy": placements.PLACE,
    }
    query_parameters = {"destroy": ("epoch",)}

    @placement_operations.PLACE_WORKER
    def update(self, request: Request, id: str) -> HttpResponse:
        """Claim the worker of a camera, which gives an epoch to hand to it; or, with that epoch, report on it."""
        camera_id = parameters.id_in_path(id)
        wanted = clean_or_problem(lambda: placements.clean_placement(camera_id, request.data))
        (answer,) = placements.place([wanted], by=author_of(request), now=self.now)
        if isinstance(answer, Refused):
            raise _problem(answer)
        return json_answer(_shown(answer))

    @placement_operations.PLACE_WORKERS
    def update_many(self, request: Request) -> HttpResponse:
        """Claim, and report on, the workers of up to 1,000 cameras; each is taken or refused by itself."""
        said = request.data
        if not isinstance(said, list) or not said:
            raise Problem(
                400, "The body must be a JSON array of placements.", [FieldError("", "Must be an array.")]
            )
        if len(said) > MAX_PLACEMENTS:
            raise Problem(413, f"Send at most {MAX_PLACEMENTS:,} placements; send several requests.")
        answers: list[dict[str, Any] | None] = []
        wanted = []
        for each in said:
            try:
                wanted.append(placements.clean_placement(None, each))
                answers.append(None)
            except InvalidIntent as error:
                named = each.get("camera_id") if isinstance(each, dict) else None
                camera_id = parse_uuid(named)
                answers.append({"camera_id": camera_id, "code": ErrorCode.INVALID.value, "detail": str(error)})
        placed = iter(placements.place(wanted, by=author_of(request), now=self.now))
        return json_answer([answer or _shown(next(placed)) for answer in answers])

    @placement_operations.END_PLACEMENT
    def destroy(self, request: Request, id: str) -> Response:
        """End a claim: the worker is gone. The epoch stays, so that it is refused if it is not."""
        camera = self.find_camera(parameters.id_in_path(id))
        if "epoch" not in request.query_params:
            parameters.refuse("epoch", "Is required: the epoch of the claim that ends.")
        epoch = parameters.epoch_of(request.query_params["epoch"])
        refused = placements.end_placement(camera_id=camera.pk, epoch=epoch, by=author_of(request), now=self.now)
        if refused:
            raise _problem(refused)
        return Response(status=204)


def _shown(answer: Placed | Refused) -> dict[str, Any]:
    if isinstance(answer, Placed):
        return answer._asdict()
    return {"camera_id": answer.camera_id, "code": answer.code.value, "detail": answer.detail}


def _problem(refused: Refused) -> Problem:
    if refused.code is ErrorCode.UNKNOWN_CAMERA:
        return no_such("camera")
    errors = [FieldError(refused.field, refused.detail, refused.code)] if refused.field else []
    if refused.code is ErrorCode.EPOCH_AHEAD:
        return Problem(400, refused.detail, errors, kind=EPOCH_AHEAD)
    if refused.code is ErrorCode.FORBIDDEN:
        return Problem(403, refused.detail)
    members: dict[str, Any] = {"code": refused.code.value, "present": _present(refused.present)}
    return Problem(409, refused.detail, errors, kind=PLACEMENT_REFUSED, **members)


def _present(placement: Placement | None) -> dict[str, Any] | None:
    return {name: getattr(placement, name) for name in PLACEMENT_FIELDS} if placement else None
