"""The operations on cameras, as the OpenAPI document describes them: words, parameters, shapes, examples."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from cameras.api import feed, parameters
from cameras.api.examples import CAMERA, CAMERA_ID, SITE_ID
from cameras.api.representation import ORDERINGS
from cameras.api.serializers import (
    LIST_FIELDS,
    CameraDetail,
    CameraListItem,
    CameraUpdate,
    CameraWrite,
    ChangePage,
    Credentials,
    SavedCamera,
)
from cameras.api.statuses import STATUS_FIELDS
from controlplane.encoding import encode_json
from controlplane.negotiation import EVENT_STREAM, JSON
from controlplane.problem_types import CREDENTIAL_UNREADABLE, CURSOR_GONE, PRECONDITION_FAILED
from controlplane.schema import Exchange, Gives, operation

MAX_LIMIT = 1_000

_CAMERA = OpenApiParameter("id", parameters.ID, OpenApiParameter.PATH, description="Id of a camera.")
_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that was read: with another one the camera has changed, and nothing is done.",
)
_ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description="For If-Match only."
)

LIST_CAMERAS = operation(
    "list_cameras",
    "List cameras",
    parameters=[
        OpenApiParameter(
            "X-Cursor",
            str,
            OpenApiParameter.HEADER,
            response=[200],
            description="Where to watch the changes from.",
        ),
        OpenApiParameter(
            "Link", str, OpenApiParameter.HEADER, response=[200], description="The next page, where there is one."
        ),
        OpenApiParameter("ordering", str, enum=ORDERINGS, description="`name` unless given; see `search`."),
        OpenApiParameter(
            "fields",
            parameters.NOT_EMPTY,
            description="Names of the members wanted, with commas between; `id` comes in any case.",
        ),
        OpenApiParameter("limit", parameters.within(1, MAX_LIMIT), description="All cameras unless given."),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="From the `Link` header of the page before."),
    ],
    gives={200: Gives("The cameras, in order.", CameraListItem(many=True))},
    exchanges=[
        Exchange("The whole list", [{name: CAMERA[name] for name in LIST_FIELDS}]),
        Exchange(
            "Just some members of the cameras at a site",
            [{"id": CAMERA_ID, "status": "healthy"}],
            {"fields": "id,status", "site": SITE_ID, "limit": 100},
        ),
    ],
)

CREATE_CAMERA = operation(
    "create_camera",
    "Register a camera",
    takes=CameraWrite,
    parameters=[
        _ETAG,
        OpenApiParameter(
            "Location", str, OpenApiParameter.HEADER, response=[201], description="The camera's address."
        ),
    ],
    gives={201: Gives("The camera as it is stored.", SavedCamera)},
    exchanges=[
        Exchange(
            "A camera at the gate",
            CAMERA
            | {
                "id": "c1d5e8b2-7f40-4a96-b3ce-52e9a0d8174f",
                "name": "South Gate",
                "site": None,
                "location": "",
                "model_config": {},
                "zone_config": {
                    "type": "FeatureCollection",
                    "units": "normalised",
                    "features": [
                        {
                            "type": "Feature",
                            "id": "zone-1",
                            "properties": {"name": "zone-1", "kind": "area"},
                            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
                        }
                    ],
                },
                "desired_state": "stopped",
                "status": "stopped",
                "status_since": "2026-03-04T12:00:00.000000Z",
                "status_reason": "never_started: Nobody has started this camera yet.",
                "last_contact": None,
                "latest": None,
                "observed_generation": None,
            },
            body={
                "name": "South Gate",
                "connection_string": "rtsp://user:pass@10.0.0.5:554/stream",
                "zone_config": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
            },
            status=201,
        )
    ],
)

GET_CAMERA = operation(
    "get_camera",
    "Read a camera",
    parameters=[_CAMERA, _ETAG],
    gives={200: Gives("The camera.", CameraDetail)},
    exchanges=[Exchange("A camera that runs", CAMERA, {"id": CAMERA_ID})],
)

UPDATE_CAMERA = operation(
    "update_camera",
    "Change a camera",
    takes=CameraUpdate,
    parameters=[_CAMERA, _IF_MATCH, _ETAG],
    gives={200: Gives("The camera as it is stored now.", SavedCamera)},
    problems=[PRECONDITION_FAILED],
    exchanges=[
        Exchange(
            "Stop it",
            CAMERA
            | {
                "desired_state": "stopped",
                "generation": 2,
                "status": "stopping",
                "status_since": "2026-03-04T12:00:00.000000Z",
                "status_reason": "winding_down: Stopped; the worker may take a moment to learn of it.",
            },
            {"id": CAMERA_ID},
            {"desired_state": "stopped"},
        )
    ],
)

DELETE_CAMERA = operation(
    "delete_camera",
    "Delete a camera",
    parameters=[
        _CAMERA,
        _IF_MATCH,
        OpenApiParameter(
            "purge",
            str,
            enum=("0", "1"),
            description="1 erases it at once, and its samples: it cannot be restored.",
        ),
    ],
    gives={204: Gives("It is deleted.")},
    problems=[PRECONDITION_FAILED],
    exchanges=[Exchange("Remove it", None, {"id": CAMERA_ID}, status=204)],
)

GET_CREDENTIALS = operation(
    "get_camera_credentials",
    "Read a connection string in clear",
    parameters=[_CAMERA, _ETAG],
    gives={200: Gives("The connection string.", Credentials)},
    problems=[CREDENTIAL_UNREADABLE],
    exchanges=[
        Exchange(
            "For whoever starts the worker",
            {"connection_string": "rtsp://user:pass@10.0.0.5:554/stream", "generation": 1},
            {"id": CAMERA_ID},
        )
    ],
)

_WORDS = "A page of changes, empty where there is none after the cursor; or a stream of events, which goes on."
_CHANGE = {
    "revision": 4,
    "block": 4,
    "at": "2026-03-04T12:00:00.000000Z",
    "kind": "created",
    "camera_id": CAMERA_ID,
    "name": "North Lot Entrance",
    "generation": 1,
    "desired_state": "running",
    "by": "token:administrator",
    "fields": [
        "connection_string",
        "desired_state",
        "expected_interval_seconds",
        "location",
        "model_config",
        "name",
        "notes",
        "site",
        "zone_config",
    ],
}
_STATUS = {name: CAMERA[name] for name in STATUS_FIELDS}
_STREAM = (
    "retry: 3417\n\n"
    f"event: change\nid: 67e55044f1a2-4.1772625600\ndata: {encode_json(_CHANGE).decode()}\n\n"
    f"event: status\nid: 67e55044f1a2-4.1772625600\ndata: {encode_json(_STATUS).decode()}\n\n"
    "event: bookmark\nid: 67e55044f1a2-4.1772625601\n"
    'data: {"status_known_until":"2026-03-04T12:00:00.000000Z"}\n\n'
)

LIST_CHANGES = operation(
    "list_changes",
    "Watch what changes",
    parameters=[
        OpenApiParameter(
            "since",
            feed.SINCE,
            description="A cursor, or 0 for the oldest change kept; the id of an event of a stream too.",
        ),
        OpenApiParameter(
            "limit",
            parameters.within(1, feed.MAX_LIMIT),
            description=f"Of a page: changes looked through, {feed.DEFAULT_LIMIT:,} by default.",
        ),
        OpenApiParameter(
            "wait",
            parameters.within(0, feed.MAX_WAIT_SECONDS),
            description="Of a page: seconds to wait for a change.",
        ),
        OpenApiParameter(
            "include",
            str,
            enum=feed.INCLUDES,
            description="Of a stream: also how cameras are, whenever that changes.",
        ),
        OpenApiParameter(
            "Last-Event-ID",
            feed.EVENT_ID,
            OpenApiParameter.HEADER,
            description="Of a stream: the id of the last event that was read; it comes before `since`.",
        ),
    ],
    gives={
        (200, JSON): Gives(_WORDS, ChangePage),
        (200, EVENT_STREAM): Gives(_WORDS, OpenApiTypes.STR),
    },
    problems=[CURSOR_GONE],
    exchanges=[
        Exchange(
            "From the beginning",
            {"next": "67e55044f1a2-4", "changes": [_CHANGE], "more": True},
            {"since": "0", "limit": 1},
        ),
        Exchange("As a stream", _STREAM, {"include": "status"}, gives=EVENT_STREAM),
    ],
)
