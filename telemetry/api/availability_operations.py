"""The operations on availability, as the OpenAPI document describes them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from cameras.api import parameters
from cameras.api.examples import CAMERA_ID, SITE_ID
from cameras.status import STATUS_CHOICES
from controlplane.problem_types import NOT_ACCEPTABLE
from controlplane.schema import Exchange, Gives, operation
from telemetry.api.formats import CSV, FORMATS, JSON

DEFAULT_DAYS = 30
MAX_DAYS = 400


class TotalsShape(serializers.Serializer):
    """Seconds of all cameras together, and how much of those that are judged they were up."""

    up_seconds = serializers.FloatField(help_text="Healthy or degraded.")
    down_seconds = serializers.FloatField(
        help_text="Offline or failing; and late, where that ended so or the site or the fleet was silent."
    )
    left_out_seconds = serializers.FloatField(
        help_text="Not to be judged: not started yet, stopped, in a window, or while this service was out."
    )
    unknown_seconds = serializers.FloatField(help_text="Nothing is known, or the camera was only late.")
    percent = serializers.FloatField(
        allow_null=True, help_text="Of up and down together how much was up; null where both are 0."
    )


class AvailabilityDay(TotalsShape):
    date = serializers.DateField(help_text="By the calendar of the time zone.")
    start = serializers.DateTimeField(help_text="When the day begins, or the range in it.")


class DowntimeShape(serializers.Serializer):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True, help_text="Null while it lasts.")
    seconds = serializers.FloatField()
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    reason = serializers.CharField(allow_blank=True, help_text="The code of why.")


class FleetAvailability(TotalsShape):
    """A range, in total and by day."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField(help_text="Now, where a later moment was asked for.")
    timezone = serializers.CharField()
    days = AvailabilityDay(many=True)


class SiteAvailability(FleetAvailability):
    site_id = serializers.UUIDField()


class CameraAvailability(FleetAvailability):
    camera_id = serializers.UUIDField()
    downtimes = DowntimeShape(many=True, help_text="Oldest first, cut at the ends of the range.")


_RANGE = {"from": "2026-03-04T00:00:00Z", "to": "2026-03-04T12:00:00Z"}
# Of a camera that is made at the end of the range.
_NOTHING = {
    "up_seconds": 0.0,
    "down_seconds": 0.0,
    "left_out_seconds": 0.0,
    "unknown_seconds": 0.0,
    "percent": None,
}


def _answered(timezone: str) -> dict[str, Any]:
    start, end = (moment.replace("Z", ".000000Z") for moment in _RANGE.values())
    day = {"date": "2026-03-04", "start": start, **_NOTHING}
    return {"start": start, "end": end, "timezone": timezone, **_NOTHING, "days": [day]}


def _availability(name: str, summary: str, shape: Any, example: dict[str, Any], **path: Any) -> Any:
    of_path = [
        OpenApiParameter(noun, parameters.ID, OpenApiParameter.PATH, description=words)
        for noun, (words, _) in path.items()
    ]
    ids = {noun: value for noun, (_, value) in path.items()}
    return operation(
        name,
        summary,
        parameters=[
            *of_path,
            OpenApiParameter(
                "from",
                OpenApiTypes.DATETIME,
                description=f"The first moment; {DEFAULT_DAYS} days before the end if absent, at most {MAX_DAYS}.",
            ),
            OpenApiParameter(
                "to", OpenApiTypes.DATETIME, description="The first moment after it; now unless given."
            ),
            OpenApiParameter(
                "timezone",
                parameters.NOT_EMPTY,
                description="Whose days: `site`, or an IANA name. Unless given, the site's, and UTC without one.",
            ),
            OpenApiParameter("format", str, enum=FORMATS, description="Comes before the Accept header."),
        ],
        gives={
            (200, JSON): Gives("The totals, and those of each day.", shape),
            (200, CSV): Gives("A line for each day.", OpenApiTypes.STR),
        },
        problems=[NOT_ACCEPTABLE],
        exchanges=[
            Exchange("A day up to noon", example, {**ids, **_RANGE}),
            Exchange(
                "As a table",
                "date,start,up_seconds,down_seconds,left_out_seconds,unknown_seconds,percent\r\n"
                f"2026-03-04,{example['start']},0.0,0.0,0.0,0.0,\r\n",
                {**ids, **_RANGE},
                gives=CSV,
            ),
        ],
    )


READ_OF_CAMERA = _availability(
    "read_camera_availability",
    "Read how available a camera was",
    CameraAvailability,
    {"camera_id": CAMERA_ID, **_answered("Europe/Berlin"), "downtimes": []},
    id=("Id of a camera.", CAMERA_ID),
)
READ_OF_SITE = _availability(
    "read_site_availability",
    "Read how available a site was",
    SiteAvailability,
    {"site_id": SITE_ID, **_answered("Europe/Berlin")},
    id=("Id of a site.", SITE_ID),
)
READ_OF_FLEET = _availability(
    "read_availability", "Read how available the fleet was", FleetAvailability, _answered("UTC")
)
