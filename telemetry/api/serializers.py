"""Shapes of telemetry for the OpenAPI document. The rules stand in `telemetry.ingest.wire`."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cameras.models import DesiredState
from cameras.observed import MAX_MESSAGE, MAX_NODE
from cameras.reasons import WORKER_PHASES, WORKER_REASON_CODES

WORKER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
SLUG = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


@extend_schema_field({"$ref": "#/components/schemas/ErrorCode"})
class ErrorCodeField(serializers.CharField):
    """One of the codes of every problem."""


class SampleWrite(serializers.Serializer):
    """One observation of a worker."""

    timestamp = serializers.DateTimeField(help_text="RFC 3339 with an offset; finer than microseconds is cut.")
    occupancy = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    confidence = serializers.FloatField(min_value=0, max_value=1)
    zone = serializers.RegexField(
        SLUG, required=False, allow_null=True, help_text="A zone's id; absent or null for the whole frame."
    )
    generation = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2**63 - 1,
        help_text="Of the configuration that the worker runs.",
    )
    epoch = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2**63 - 1,
        help_text="Of the placement; an older one than that of the camera is refused.",
    )
    worker = serializers.RegexField(
        WORKER_NAME, required=False, allow_null=True, help_text="A name of the worker."
    )


class BatchItem(SampleWrite):
    """One observation of a batch."""

    camera_id = serializers.UUIDField()


class ReportWrite(serializers.Serializer):
    """What a worker says of itself."""

    phase = serializers.ChoiceField(choices=WORKER_PHASES)
    reason = serializers.ChoiceField(
        required=False,
        choices=WORKER_REASON_CODES,
        help_text="Required where the phase is `failed`.",
    )
    message = serializers.CharField(required=False, allow_null=True, max_length=MAX_MESSAGE)
    timestamp = serializers.DateTimeField(required=False, allow_null=True, help_text="As of a sample.")
    generation = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**63 - 1)
    worker = serializers.RegexField(
        WORKER_NAME, required=False, allow_null=True, help_text="A name of the worker."
    )
    version = serializers.CharField(required=False, allow_null=True, max_length=MAX_NODE)
    host = serializers.CharField(required=False, allow_null=True, max_length=MAX_NODE)
    epoch = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2**63 - 1,
        help_text="Of the placement; an older one than that of the camera is refused.",
    )
    metrics = serializers.DictField(
        child=serializers.FloatField(), required=False, allow_null=True, help_text="At most 16 numbers by name."
    )


class ReportItem(ReportWrite):
    """A report of a batch."""

    camera_id = serializers.UUIDField()


class SingleReceipt(serializers.Serializer):
    """What became of one observation, and what its camera should do."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    desired_state = serializers.ChoiceField(choices=DesiredState.choices)
    generation = serializers.IntegerField()
    server_time = serializers.DateTimeField()
    ignored = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Members that are not known, the first ten."
    )


class BatchError(serializers.Serializer):
    index = serializers.IntegerField(help_text="From 0, in the order of the batch.")
    code = ErrorCodeField()
    field = serializers.CharField(allow_blank=True)
    detail = serializers.CharField()


class BatchReceipt(serializers.Serializer):
    """What became of a batch."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = serializers.IntegerField()
    errors = BatchError(many=True, help_text="At most 100; the counts are exact.")  # type: ignore[assignment]
    stop = serializers.ListField(child=serializers.UUIDField(), help_text="Cameras that should not run.")
    server_time = serializers.DateTimeField()
    outdated = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="The generation of each camera whose worker is behind.",
    )
    fenced = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="The epoch of each camera whose worker was replaced: it is to stop.",
    )
    ignored = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Members that are not known, the first ten."
    )


class SampleShape(serializers.Serializer):
    timestamp = serializers.DateTimeField()
    zone = serializers.CharField(allow_blank=True, help_text="Empty for the whole frame.")
    occupancy = serializers.IntegerField()
    confidence = serializers.FloatField()


class BucketPoint(serializers.Serializer):
    """One bucket; count to avg, first and last are of its samples, null where it has none."""

    start = serializers.DateTimeField()
    count = serializers.IntegerField()
    min = serializers.IntegerField(allow_null=True)
    max = serializers.IntegerField(allow_null=True)
    avg = serializers.FloatField(allow_null=True)
    weighted_avg = serializers.FloatField(
        allow_null=True,
        help_text="Each value weighted by how long it held: until the next sample, or until the camera was stale.",
    )
    known_seconds = serializers.FloatField(help_text="For how long the occupancy was known.")
    first = serializers.IntegerField(allow_null=True)
    last = serializers.IntegerField(allow_null=True)


class Series(serializers.Serializer):
    """Raw samples, or points where a bucket was asked for. Buckets of which nothing is known are left out."""

    camera_id = serializers.UUIDField()
    samples = SampleShape(many=True, required=False)
    next = serializers.CharField(allow_null=True, required=False, help_text="Cursor of the next page, or null.")
    bucket = serializers.CharField(required=False)
    points = BucketPoint(many=True, required=False)


class Latest(serializers.Serializer):
    """A camera's newest whole-frame sample; null where there is none."""

    camera_id = serializers.UUIDField()
    timestamp = serializers.DateTimeField(allow_null=True)
    occupancy = serializers.IntegerField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    last_contact = serializers.DateTimeField(allow_null=True, help_text="By the server's clock.")


class GapShape(serializers.Serializer):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True, help_text="Null while it lasts.")


class Gaps(serializers.Serializer):
    camera_id = serializers.UUIDField()
    gaps = GapShape(many=True)


class SitePointShape(serializers.Serializer):
    start = serializers.DateTimeField()
    occupancy = serializers.FloatField(help_text="The weighted averages of the cameras known in it, added up.")
    cameras = serializers.IntegerField(help_text="How many are known in it.")
    known_seconds = serializers.FloatField(help_text="Of all cameras together.")


class SiteSeries(serializers.Serializer):
    """Points of a site. Buckets in which no camera is known are left out."""

    site_id = serializers.UUIDField()
    bucket = serializers.CharField()
    points = SitePointShape(many=True)
