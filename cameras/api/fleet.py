"""Many cameras at once over REST: what their workers run on, and the fleet in numbers."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cameras.api import fleet_operations as operations
from cameras.api import parameters
from cameras.api.answers import StrictViewSet, array_chunks, clean_or_problem, json_answer, streamed_answer
from cameras.api.serializers import FleetSummary
from cameras.conditions import ConditionType
from cameras.intent import InvalidIntent
from cameras.models import Camera
from cameras.rules import parse_uuid
from cameras.specs import MAX_SPECS, SPEC_COLUMNS, Spec, read_specs
from cameras.status import Status
from cameras.summary import summarise
from controlplane.access.authentication import author_of
from controlplane.compression import kept_plain, strong
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, shown_name

# Configurations may be long: so many are encoded at a time.
CHUNK = 50


@extend_schema(tags=["cameras"])
class FleetViewSet(StrictViewSet):
    """Many cameras at once."""

    queryset = Camera.objects.all()
    serializer_class = FleetSummary
    required_permissions = {"specs": "cameras.view_camera", "summary": "cameras.list_camera"}

    @operations.READ_SPECS
    def specs(self, request: Request) -> StreamingHttpResponse:
        """What the workers of up to 500 cameras run on, by id; for a cold start, and to find out what has changed.

        A camera is left out if the ETag that was sent with its id is still the present one, and if you may not see
        it or it is not there. With `credentials` the connection strings are in clear, which takes one entry of the
        audit trail for all; one that cannot be read is null, with a `reason`.
        """
        epoch = self.present.cursor.epoch
        revisions_seen, with_credentials = clean_or_problem(lambda: _asked(request.data, epoch))
        specs = clean_or_problem(
            lambda: read_specs(
                revisions_seen=revisions_seen,
                with_credentials=with_credentials,
                by=author_of(request),
                now=self.now,
            )
        )
        shown = (_shown(spec, epoch, with_credentials) for spec in specs)
        response = streamed_answer(request, array_chunks(_in_chunks(shown)))
        return kept_plain(response) if with_credentials else response

    @operations.GET_SUMMARY
    def summary(self, request: Request) -> HttpResponse:
        """How many cameras that you may see are in each status, have each condition, and stand at each site."""
        cameras = Camera.objects.within(self.scope)
        found = summarise(cameras, self.now, self.interruptions)
        return json_answer(
            {
                "cameras": found.by_status.total(),
                "by_status": {status.value: found.by_status[status.value] for status in Status},
                "by_condition": {one.value: found.by_condition[one.value] for one in ConditionType},
                "by_site": [
                    {
                        "site": site.site_id,
                        "name": site.name,
                        "cameras": site.by_status.total(),
                        "by_status": {status.value: site.by_status[status.value] for status in Status},
                    }
                    for site in found.by_site
                ],
            }
        )


def _asked(said: object, epoch: str) -> tuple[dict[UUID, Collection[int]], bool]:
    """The ids, each with the revisions that the caller holds; and whether credentials are asked for.

    Raises InvalidIntent.
    """
    if not isinstance(said, dict):
        raise InvalidIntent([FieldError("", "Must be a JSON object.")])
    errors = [
        FieldError(shown_name(name), "There is no such field.", ErrorCode.UNKNOWN)
        for name in said.keys() - {"ids", "credentials"}
    ]
    with_credentials = said.get("credentials", False)
    if not isinstance(with_credentials, bool):
        errors.append(FieldError("credentials", "Must be true or false."))
    ids = said.get("ids")
    revisions_seen: dict[UUID, Collection[int]] = {}
    if "ids" not in said:
        errors.append(FieldError("ids", "Is required.", ErrorCode.REQUIRED))
    elif not isinstance(ids, list | dict):
        errors.append(FieldError("ids", "Must be an array of ids, or an object of ids with their ETags."))
    elif len(ids) > MAX_SPECS:
        errors.append(FieldError("ids", f"Send at most {MAX_SPECS}; send several requests.", ErrorCode.TOO_LARGE))
    else:
        etags = ids if isinstance(ids, dict) else {}
        for place, text in enumerate(ids):
            camera_id, etag = parse_uuid(text), etags.get(text) if etags else None
            if camera_id is None:
                errors.append(FieldError(f"ids[{place}]", "Must be the id of a camera (a UUID)."))
            elif not isinstance(etag, str | None):
                errors.append(FieldError(f"ids.{camera_id}", "Must be an ETag, a text; or null for none."))
            else:
                revisions_seen[camera_id] = (etag and parameters.revisions_of(strong(etag), epoch)) or ()
    if errors:
        raise InvalidIntent(errors)
    return revisions_seen, bool(with_credentials)


def _shown(spec: Spec, epoch: str, with_credentials: bool) -> dict[str, Any]:
    camera = spec.camera
    shown = {
        "id": camera.pk,
        "generation": camera.generation,
        "etag": parameters.etag_of(epoch, camera.revision),
        **{name: getattr(camera, name) for name in SPEC_COLUMNS},
    }
    if with_credentials:
        shown["connection_string"] = spec.connection_string
        if spec.connection_string is None:
            shown["reason"] = spec.reason
    return shown


def _in_chunks(items: Iterator[Any]) -> Iterator[tuple[list[Any], None]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk, None
