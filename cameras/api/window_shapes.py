"""Shapes of windows, for the OpenAPI document."""

from rest_framework import serializers

from cameras.windows.models import MAX_CAMERAS, MAX_REASON, WindowAction
from cameras.windows.recurrence import MAX_RULE

_WALL = "On the clocks of `zone`, without an offset. What does not exist there moves forward by the gap."


class WindowUpdate(serializers.Serializer):
    """One of `site`, `cameras` and `everything` says what it is over."""

    action = serializers.ChoiceField(choices=WindowAction.choices, required=False)
    site = serializers.UUIDField(required=False, allow_null=True)
    cameras = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MAX_CAMERAS)
    everything = serializers.BooleanField(required=False)
    starts = serializers.CharField(required=False, help_text=f"{_WALL} Left out, it begins now.")
    ends = serializers.CharField(required=False, help_text=f"{_WALL} One that comes twice is the second.")
    zone = serializers.CharField(required=False, help_text="IANA name; by default that of the site, or UTC.")
    rule = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_RULE,
        help_text="RRULE of RFC 5545, DAILY or longer, with COUNT or UNTIL; empty: once.",
    )
    reason = serializers.CharField(required=False, allow_blank=True, max_length=MAX_REASON)


class WindowWrite(WindowUpdate):
    """One of `site`, `cameras` and `everything` says what it is over."""

    action = serializers.ChoiceField(choices=WindowAction.choices)
    ends = serializers.CharField(help_text=f"{_WALL} One that comes twice is the second.")


class WindowShape(serializers.Serializer):
    id = serializers.UUIDField()
    action = serializers.ChoiceField(choices=WindowAction.choices)
    site = serializers.UUIDField(allow_null=True)
    cameras = serializers.ListField(child=serializers.UUIDField(), help_text="Those that the principal may see.")
    everything = serializers.BooleanField()
    starts = serializers.CharField()
    ends = serializers.CharField()
    zone = serializers.CharField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="When it begins next; null for never again.")
    lasts_until = serializers.DateTimeField(allow_null=True, help_text="Null where it does not last now.")


class WindowSpan(serializers.Serializer):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class WindowCameraName(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class WindowPreview(serializers.Serializer):
    """What a window would do, as things stand."""

    occurrences = WindowSpan(many=True, help_text="The next five.")
    camera_count = serializers.IntegerField(help_text="How many cameras it is over.")
    running_count = serializers.IntegerField(help_text="How many of them run: a stop would stop these.")
    running = WindowCameraName(many=True, help_text="The first twenty that run, by name.")


class WindowCalendar(serializers.Serializer):
    """One of `site`, `cameras` and `everything` says what its windows are over."""

    action = serializers.ChoiceField(choices=WindowAction.choices)
    site = serializers.UUIDField(required=False, allow_null=True)
    cameras = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MAX_CAMERAS)
    everything = serializers.BooleanField(required=False)
    calendar = serializers.CharField(help_text="A file of iCalendar (RFC 5545), with at most 100 events.")


class WindowExtension(serializers.Serializer):
    until = serializers.DateTimeField(help_text="With an offset.")
