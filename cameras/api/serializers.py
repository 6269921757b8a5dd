"""Shapes of the API for its OpenAPI document. The rules of the fields stand in `cameras.intent`."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from cameras.fields import MAX_INTERVAL_SECONDS, DesiredState
from cameras.models import ChangeKind
from cameras.status import STATUS_CHOICES


class CameraListItem(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    status_reason = serializers.CharField(help_text="`code: words`; the code does not change.")
    desired_state = serializers.ChoiceField(choices=DesiredState.choices)
    site = serializers.UUIDField(allow_null=True)
    address = serializers.CharField(help_text="host:port")
    last_contact = serializers.DateTimeField(allow_null=True)
    generation = serializers.IntegerField()


class LatestSample(serializers.Serializer):
    timestamp = serializers.DateTimeField()
    occupancy = serializers.IntegerField()
    confidence = serializers.FloatField()


class CameraDetail(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    site = serializers.UUIDField(allow_null=True)
    location = serializers.CharField()
    connection_string = serializers.CharField(help_text="Redacted; see /cameras/{id}/credentials.")
    address = serializers.CharField(help_text="host:port")
    model_config = serializers.DictField()
    zone_config = serializers.DictField(help_text="A GeoJSON FeatureCollection with `units`.")
    desired_state = serializers.ChoiceField(choices=DesiredState.choices)
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    status_reason = serializers.CharField(help_text="`code: words`; the code does not change.")
    status_since = serializers.DateTimeField(allow_null=True)
    last_contact = serializers.DateTimeField(allow_null=True)
    latest = LatestSample(allow_null=True)
    generation = serializers.IntegerField(help_text="Rises when what a worker runs on changes.")
    observed_generation = serializers.IntegerField(allow_null=True)
    expected_interval_seconds = serializers.IntegerField()
    notes = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A camera at the gate",
            value={
                "name": "South Gate",
                "connection_string": "rtsp://10.0.0.5:554/stream",
                "zone_config": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
            },
            request_only=True,
        )
    ]
)
class CameraWrite(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    connection_string = serializers.RegexField(
        r"^\s*[Rr][Tt][Ss][Pp][Ss]?://.+",
        max_length=2048,
        help_text="rtsp:// or rtsps://, with user and password where the camera asks for them. Never shown again.",
    )
    site = serializers.UUIDField(required=False, allow_null=True)
    location = serializers.CharField(required=False, allow_blank=True, max_length=500)
    model_config = serializers.DictField(required=False)
    zone_config = serializers.DictField(required=False, help_text="GeoJSON; {} for no zones.")
    desired_state = serializers.ChoiceField(choices=DesiredState.choices, required=False)
    expected_interval_seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_INTERVAL_SECONDS
    )
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class Credentials(serializers.Serializer):
    connection_string = serializers.CharField()


class SiteShape(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=200)
    timezone = serializers.CharField(required=False, help_text="IANA name; UTC unless given.")
    location = serializers.CharField(required=False, allow_blank=True, max_length=500)
    latitude = serializers.FloatField(required=False, allow_null=True, min_value=-90, max_value=90)
    longitude = serializers.FloatField(required=False, allow_null=True, min_value=-180, max_value=180)


class ChangeShape(serializers.Serializer):
    revision = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=ChangeKind.choices)
    camera_id = serializers.UUIDField()
    name = serializers.CharField()
    generation = serializers.IntegerField()
    desired_state = serializers.ChoiceField(choices=DesiredState.choices)
    by = serializers.CharField()
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]


class ChangePage(serializers.Serializer):
    next = serializers.CharField(help_text="The cursor to go on from.")
    changes = ChangeShape(many=True)
    more = serializers.BooleanField(help_text="Whether there is more already.")
