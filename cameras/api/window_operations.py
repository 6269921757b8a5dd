"""The operations on windows, as the OpenAPI document describes them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from cameras.api import parameters
from cameras.api.examples import CAMERA, CAMERA_ID, SITE_ID, WINDOW, WINDOW_ID
from cameras.api.window_shapes import (
    WindowCalendar,
    WindowExtension,
    WindowPreview,
    WindowShape,
    WindowUpdate,
    WindowWrite,
)
from controlplane.problem_types import NOT_ACCEPTABLE
from controlplane.schema import Exchange, Gives, operation

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
CALENDAR = "text/calendar"

_WINDOW = OpenApiParameter("id", parameters.ID, OpenApiParameter.PATH, description="Id of a window.")
_NIGHTS: dict[str, Any] = {
    "action": "stop",
    "cameras": [CAMERA_ID],
    "starts": "2030-03-04T22:00:00",
    "ends": "2030-03-05T06:00:00",
    "zone": "Europe/Berlin",
    "rule": "FREQ=DAILY;COUNT=2",
    "reason": "Painting",
}

_CALENDAR_OF_ONE = "\r\n".join(
    [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Control plane//Windows//EN",
        "BEGIN:VEVENT",
        f"UID:{WINDOW_ID}",
        "DTSTAMP:20260304T120000Z",
        "DTSTART;TZID=Europe/Berlin:20260304T130000",
        "DTEND;TZID=Europe/Berlin:20300101T000000",
        "SUMMARY:Painting",
        "CATEGORIES:mute",
        "LOCATION:North Lot",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
)

LIST_WINDOWS = operation(
    "list_windows",
    "List windows",
    parameters=[
        OpenApiParameter(
            "Link", str, OpenApiParameter.HEADER, response=[200], description="The next page, where there is one."
        ),
        OpenApiParameter(
            "limit", parameters.within(1, MAX_LIMIT), description=f"Windows in a page, {DEFAULT_LIMIT} by default."
        ),
        OpenApiParameter("cursor", parameters.NOT_EMPTY, description="From the `Link` header of the page before."),
    ],
    gives={200: Gives("The windows, the newest first.", WindowShape(many=True))},
    exchanges=[Exchange("A page", [WINDOW], {"limit": 10})],
)

CREATE_WINDOW = operation(
    "create_window",
    "Schedule a window",
    takes=WindowWrite,
    parameters=[
        OpenApiParameter(
            "Location", str, OpenApiParameter.HEADER, response=[201], description="The window's address."
        )
    ],
    gives={201: Gives("The window as it is stored.", WindowShape)},
    exchanges=[
        Exchange(
            "Two nights",
            WINDOW
            | {"id": "7b1f0a35-2f0e-4a57-9a3c-5a86f0b1c9d4", "site": None, "everything": False}
            | _NIGHTS
            | {"next_at": "2030-03-04T21:00:00.000000Z", "lasts_until": None},
            body=_NIGHTS,
            status=201,
        )
    ],
)

PREVIEW_WINDOW = operation(
    "preview_window",
    "See what a window would do",
    takes=WindowWrite,
    gives={200: Gives("When it would begin and end, and which cameras run now.", WindowPreview)},
    exchanges=[
        Exchange(
            "Two nights",
            {
                "occurrences": [
                    {"starts_at": "2030-03-04T21:00:00.000000Z", "ends_at": "2030-03-05T05:00:00.000000Z"},
                    {"starts_at": "2030-03-05T21:00:00.000000Z", "ends_at": "2030-03-06T05:00:00.000000Z"},
                ],
                "camera_count": 1,
                "running_count": 1,
                "running": [{"id": CAMERA_ID, "name": CAMERA["name"]}],
            },
            body=_NIGHTS,
        )
    ],
)

EXPORT_CALENDAR = operation(
    "export_window_calendar",
    "Read windows as a calendar",
    problems=[NOT_ACCEPTABLE],
    gives={(200, CALENDAR): Gives("A file of iCalendar (RFC 5545).", OpenApiTypes.STR)},
    exchanges=[Exchange("A calendar", _CALENDAR_OF_ONE, gives=CALENDAR)],
)

IMPORT_CALENDAR = operation(
    "import_window_calendar",
    "Schedule windows from a calendar",
    takes=WindowCalendar,
    gives={201: Gives("The windows as they are stored.", WindowShape(many=True))},
    exchanges=[
        Exchange(
            "A visit of the roofer",
            [
                WINDOW
                | {"id": "7b1f0a35-2f0e-4a57-9a3c-5a86f0b1c9d4", "action": "stop", "reason": "Roofer"}
                | {"starts": "2030-03-04T08:00:00", "ends": "2030-03-04T16:00:00", "lasts_until": None}
                | {"next_at": "2030-03-04T07:00:00.000000Z"}
            ],
            body={
                "action": "stop",
                "site": SITE_ID,
                "calendar": "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20300304T080000\r\nDURATION:PT8H\r\n"
                "SUMMARY:Roofer\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            },
            status=201,
        )
    ],
)

GET_WINDOW = operation(
    "get_window",
    "Read a window",
    parameters=[_WINDOW],
    gives={200: Gives("The window.", WindowShape)},
    exchanges=[Exchange("A site is muted", WINDOW, {"id": WINDOW_ID})],
)

UPDATE_WINDOW = operation(
    "update_window",
    "Change a window",
    takes=WindowUpdate,
    parameters=[_WINDOW],
    gives={200: Gives("The window as it is stored now.", WindowShape)},
    exchanges=[
        Exchange("Another reason", WINDOW | {"reason": "Snow"}, {"id": WINDOW_ID}, {"reason": "Snow"}),
        Exchange(
            "Another end",
            WINDOW
            | {"reason": "Snow", "ends": "2029-01-01T00:00:00", "lasts_until": "2028-12-31T23:00:00.000000Z"},
            {"id": WINDOW_ID},
            {"ends": "2029-01-01T00:00:00", "site": SITE_ID},
        ),
    ],
)

DELETE_WINDOW = operation(
    "delete_window",
    "Remove a window",
    parameters=[_WINDOW],
    gives={204: Gives("It is removed.")},
    exchanges=[Exchange("It is not needed", None, {"id": WINDOW_ID}, status=204)],
)

END_WINDOW = operation(
    "end_window",
    "End a window now",
    parameters=[_WINDOW],
    gives={200: Gives("The window; if it repeats, it comes again.", WindowShape)},
    exchanges=[Exchange("Done early", WINDOW | {"lasts_until": None}, {"id": WINDOW_ID})],
)

EXTEND_WINDOW = operation(
    "extend_window",
    "Let a window last longer",
    takes=WindowExtension,
    parameters=[_WINDOW],
    gives={200: Gives("The window.", WindowShape)},
    exchanges=[
        Exchange(
            "Not done yet",
            WINDOW | {"ends": "2031-01-01T00:00:00", "lasts_until": "2030-12-31T23:00:00.000000Z"},
            {"id": WINDOW_ID},
            {"until": "2031-01-01T00:00:00+01:00"},
        )
    ],
)
