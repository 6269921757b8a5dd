"""The operations on many cameras at once, as the OpenAPI document describes them."""

from cameras.api.examples import CAMERA, CAMERA_ID, SITE, SITE_ID
from cameras.api.serializers import FleetSummary, SpecShape, SpecsWanted
from cameras.conditions import ConditionType
from cameras.specs import SPEC_COLUMNS
from cameras.status import Status
from controlplane.schema import Exchange, Gives, operation

_SPEC = {
    "id": CAMERA_ID,
    "generation": 1,
    "etag": '"67e55044f1a2-1"',
    **{name: CAMERA[name] for name in SPEC_COLUMNS},
}
_ONE_HEALTHY = {status.value: int(status is Status.HEALTHY) for status in Status}

READ_SPECS = operation(
    "read_camera_specs",
    "Read what many workers run on",
    takes=SpecsWanted,
    gives={200: Gives("The cameras that are not as the caller knows them, by id.", SpecShape(many=True))},
    exchanges=[
        Exchange(
            "A cold start",
            [{**_SPEC, "connection_string": "rtsp://user:pass@10.0.0.5:554/stream"}],
            body={"ids": [CAMERA_ID], "credentials": True},
        ),
        Exchange("Whether a camera has changed", [_SPEC], body={"ids": {CAMERA_ID: '"67e55044f1a2-0"'}}),
    ],
)

GET_SUMMARY = operation(
    "get_fleet_summary",
    "Count cameras",
    gives={200: Gives("The cameras in numbers.", FleetSummary)},
    exchanges=[
        Exchange(
            "One camera, which is well",
            {
                "cameras": 1,
                "by_status": _ONE_HEALTHY,
                "by_condition": {condition.value: 0 for condition in ConditionType},
                "by_site": [{"site": SITE_ID, "name": SITE["name"], "cameras": 1, "by_status": _ONE_HEALTHY}],
            },
        )
    ],
)
