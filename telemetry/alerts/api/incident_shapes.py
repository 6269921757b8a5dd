"""Shapes of incidents, for the OpenAPI document and for the order of their fields."""

from rest_framework import serializers

from telemetry.alerts.incident_models import MAX_NOTE, IncidentEvent, IncidentState
from telemetry.alerts.models import Kind


class IncidentShape(serializers.Serializer):
    """One cause with a life: the fleet, a site, a camera or a zone, from its beginning to its end."""

    id = serializers.UUIDField()
    key = serializers.CharField(
        help_text="Of what: `fleet`, `site:ID`, `camera:ID` or `zone:CAMERA/ZONE`. At most one of a key holds."
    )
    title = serializers.CharField(help_text="The name of what it is of, as it was when it began.")
    state = serializers.ChoiceField(
        choices=IncidentState.choices,
        help_text="`merged` is what is told as part of a greater one: acknowledge that.",
    )
    causes = serializers.ListField(
        child=serializers.ChoiceField(choices=Kind.choices),
        help_text="The types of the alerts that began what holds; the last of them once it is over.",
    )
    camera_id = serializers.UUIDField(allow_null=True)
    site_id = serializers.UUIDField(allow_null=True, help_text="Where it was when it began.")
    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Null while it holds.")
    acknowledged_by = serializers.CharField(help_text="Empty until somebody does.")
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    merged_into = serializers.UUIDField(
        source="merged_into_id", allow_null=True, help_text="The greater incident that this is part of."
    )
    reopened = serializers.IntegerField(help_text="How often it came back within five minutes of its end.")


class IncidentEntryShape(serializers.Serializer):
    at = serializers.DateTimeField()
    event = serializers.ChoiceField(choices=IncidentEvent.choices)
    by = serializers.CharField(help_text="Who; empty where nobody did it.")
    text = serializers.CharField()


class IncidentDetail(IncidentShape):
    timeline = IncidentEntryShape(
        many=True, help_text="What became of it, oldest first, the last 500; with the notes of what is part of it."
    )


class IncidentAcknowledgement(serializers.Serializer):
    note = serializers.CharField(required=False, allow_blank=True, max_length=MAX_NOTE)


class IncidentNote(serializers.Serializer):
    note = serializers.CharField(max_length=MAX_NOTE)
