"""Shapes of the API, for its OpenAPI document and for the order in which an answer names its fields.

What people decide is taken from `cameras.fields`; the rules that judge it are there too.
"""

from collections.abc import Iterable, Mapping
from typing import assert_never

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cameras.conditions import CONDITION_CHOICES
from cameras.fields import CAMERA_FIELDS, SITE_FIELDS, DesiredState, Field, Kind
from cameras.models import ChangeKind
from cameras.observed import MAX_MESSAGE, MAX_NODE
from cameras.reasons import PLACEMENT_PHASES, PLACEMENT_REASON_CODES, WORKER_PHASES
from cameras.specs import MAX_SPECS
from cameras.status import STATUS_CHOICES

Shape = serializers.Field

# The order in which fields were published; a field that is not named here comes after these.
# What the list gives unless it is asked for others of the detail's fields.
_LISTED = ("id", "name", "status", "status_reason", "desired_state", "site")
_LISTED_TOO = ("address", "last_contact", "generation", "observed_generation", "conditions")
LIST_FIELDS = tuple(
    dict.fromkeys((*_LISTED, *_LISTED_TOO, *(field.name for field in CAMERA_FIELDS if field.is_listed)))
)
_DETAIL_ORDER = (
    "id", "name", "site", "location", "connection_string", "address", "model_config", "zone_config",
    "desired_state", "status", "status_reason", "status_since", "conditions", "last_contact", "latest",
    "generation",     "observed_generation", "report", "placement", "expected_interval_seconds", "notes",
)  # fmt: skip
_WRITE_ORDER = ("name", "connection_string", "site", "location", "model_config", "zone_config")


def _shape_to_read(field: Field) -> Shape:
    match field.kind:
        case Kind.TEXT | Kind.LINES | Kind.TIME_ZONE:
            return serializers.CharField()
        case Kind.CONNECTION:
            return serializers.CharField(help_text="Redacted; see /cameras/{id}/credentials.")
        case Kind.CHOICE:
            return serializers.ChoiceField(choices=field.choices)
        case Kind.SECONDS:
            return serializers.IntegerField()
        case Kind.DEGREES:
            return serializers.FloatField(allow_null=True)
        case Kind.SITE:
            return serializers.UUIDField(allow_null=True)
        case Kind.JSON:
            return serializers.DictField()
        case Kind.ZONES:
            return serializers.DictField(help_text="A GeoJSON FeatureCollection with `units`.")
        case _:
            assert_never(field.kind)


def _shape_to_write(field: Field) -> Shape:
    required = field.is_required
    minimum, maximum = field.limits or (None, None)
    match field.kind:
        case Kind.TEXT | Kind.LINES:
            return serializers.CharField(
                required=required,
                allow_blank=not required,
                min_length=1 if required else None,
                max_length=field.max_length,
            )
        case Kind.CONNECTION:
            return serializers.RegexField(
                r"^\s*[Rr][Tt][Ss][Pp][Ss]?://.+",
                required=required,
                max_length=field.max_length,
                help_text="rtsp:// or rtsps://, with user and password where the camera asks for them."
                " Never shown again.",
            )
        case Kind.CHOICE:
            return serializers.ChoiceField(required=required, choices=field.choices)
        case Kind.SECONDS:
            return serializers.IntegerField(required=required, min_value=minimum, max_value=maximum)
        case Kind.DEGREES:
            return serializers.FloatField(required=required, allow_null=True, min_value=minimum, max_value=maximum)
        case Kind.TIME_ZONE:
            return serializers.CharField(required=required, min_length=1, help_text="IANA name; UTC unless given.")
        case Kind.SITE:
            return serializers.UUIDField(required=required, allow_null=True)
        case Kind.JSON:
            return serializers.DictField(required=required)
        case Kind.ZONES:
            return serializers.DictField(required=required, help_text="GeoJSON; {} for no zones.")
        case _:
            assert_never(field.kind)


def _in_order(shapes: Mapping[str, Shape], order: Iterable[str]) -> dict[str, Shape]:
    return {name: shapes[name] for name in dict.fromkeys((*order, *shapes))}


def _optional(shapes: dict[str, Shape]) -> dict[str, Shape]:
    for shape in shapes.values():
        shape.required = False
    return shapes


class ConditionShape(serializers.Serializer):
    type = serializers.ChoiceField(choices=CONDITION_CHOICES)
    reason = serializers.CharField(help_text="A short code that does not change.")
    message = serializers.CharField(help_text="For people; redacted.")
    since = serializers.DateTimeField()


class LatestSample(serializers.Serializer):
    timestamp = serializers.DateTimeField()
    occupancy = serializers.IntegerField()
    confidence = serializers.FloatField()


class ReportShape(serializers.Serializer):
    received_at = serializers.DateTimeField(help_text="By the server's clock.")
    timestamp = serializers.DateTimeField(allow_null=True, help_text="By the worker's clock.")
    phase = serializers.ChoiceField(choices=WORKER_PHASES)
    reason = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True, help_text="Redacted.")
    generation = serializers.IntegerField(allow_null=True)
    worker = serializers.CharField(allow_blank=True)
    version = serializers.CharField(allow_blank=True)
    host = serializers.CharField(allow_blank=True)
    epoch = serializers.IntegerField(allow_null=True)
    metrics = serializers.DictField(child=serializers.FloatField())


class PlacementShape(serializers.Serializer):
    epoch = serializers.IntegerField(help_text="Hand it to the worker: what an older one sends is refused.")
    node = serializers.CharField(allow_blank=True)
    container = serializers.CharField(allow_blank=True)
    image = serializers.CharField(allow_blank=True)
    phase = serializers.ChoiceField(choices=PLACEMENT_PHASES)
    reason = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True, help_text="Redacted.")
    observed_generation = serializers.IntegerField(allow_null=True)
    reported_at = serializers.DateTimeField(help_text="By the server's clock.")


class PlacementWrite(serializers.Serializer):
    node = serializers.CharField(required=False, allow_null=True, max_length=MAX_NODE)
    container = serializers.CharField(required=False, allow_null=True, max_length=MAX_NODE)
    image = serializers.CharField(required=False, allow_null=True, max_length=MAX_NODE)
    phase = serializers.ChoiceField(
        required=False, choices=PLACEMENT_PHASES, help_text="`scheduled` unless given; required in a report."
    )
    reason = serializers.ChoiceField(
        required=False, choices=PLACEMENT_REASON_CODES, help_text="Required where it `failed`."
    )
    message = serializers.CharField(required=False, allow_null=True, max_length=MAX_MESSAGE)
    observed_generation = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    epoch = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text="Of the claim that is reported on; none is a claim.",
    )
    after = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, help_text="The epoch that a claim replaces; 0 for none."
    )


class PlacementItem(PlacementWrite):
    camera_id = serializers.UUIDField()


class PlacementAnswer(serializers.Serializer):
    camera_id = serializers.UUIDField()
    epoch = serializers.IntegerField(help_text="Hand it to the worker, which sends it along.")
    desired_state = serializers.ChoiceField(choices=DesiredState.choices)
    generation = serializers.IntegerField()


class PlacementResult(serializers.Serializer):
    """What a placement of a batch would have been answered, or why it was refused."""

    camera_id = serializers.UUIDField(allow_null=True)
    epoch = serializers.IntegerField(required=False)
    desired_state = serializers.ChoiceField(required=False, choices=DesiredState.choices)
    generation = serializers.IntegerField(required=False)
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)


class CameraDetail(serializers.Serializer):
    id = serializers.UUIDField()
    address = serializers.CharField(help_text="host:port")
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    status_reason = serializers.CharField(help_text="`code: words`; the code does not change.")
    status_since = serializers.DateTimeField(allow_null=True)
    last_contact = serializers.DateTimeField(allow_null=True)
    latest = LatestSample(allow_null=True)
    generation = serializers.IntegerField(help_text="Rises when what a worker runs on changes.")
    observed_generation = serializers.IntegerField(allow_null=True)
    conditions = ConditionShape(many=True)
    report = ReportShape(allow_null=True)
    placement = PlacementShape(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Shape]:
        decided = {field.name: _shape_to_read(field) for field in CAMERA_FIELDS}
        return _in_order(super().get_fields() | decided, _DETAIL_ORDER)


class CameraListItem(CameraDetail):
    """One camera of the list. `fields` chooses among its members; `id` is always there."""

    def get_fields(self) -> dict[str, Shape]:
        shapes = super().get_fields()
        return {"id": shapes.pop("id"), **_optional(shapes)}


class SavedCamera(CameraDetail):
    """A camera as it was stored."""

    warnings = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Only where there are some: what was stored but may not be meant, such as a name that looks like"
        " that of another camera of the site.",
    )


class RestoredCamera(CameraDetail):
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What is not as it was, such as a site that is gone."
    )


class DeletedCameraShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    site = serializers.UUIDField(allow_null=True, help_text="Where it stood; it may be gone meanwhile.")
    site_name = serializers.CharField(help_text="As the site was called then; empty for no site.")
    connection_string = serializers.CharField(help_text="Redacted.")
    address = serializers.CharField(help_text="host:port")
    desired_state = serializers.ChoiceField(choices=DesiredState.choices, help_text="As it will be again.")
    generation = serializers.IntegerField(help_text="Its last one; a restored camera has the next.")
    deleted_at = serializers.DateTimeField()
    deleted_by = serializers.CharField()
    restorable_until = serializers.DateTimeField()


class CameraWrite(serializers.Serializer):
    """A camera to register."""

    def get_fields(self) -> dict[str, Shape]:
        decided = {field.name: _shape_to_write(field) for field in CAMERA_FIELDS}
        return _in_order(decided, _WRITE_ORDER)


class CameraUpdate(CameraWrite):
    """What shall change; what is left out stays."""

    def get_fields(self) -> dict[str, Shape]:
        return _optional(super().get_fields())


class Credentials(serializers.Serializer):
    connection_string = serializers.CharField()
    generation = serializers.IntegerField(help_text="Of the same moment, as the ETag is.")


@extend_schema_field(
    {
        "oneOf": [
            {"type": "array", "items": {"type": "string", "format": "uuid"}, "maxItems": MAX_SPECS},
            {
                "type": "object",
                "additionalProperties": {"type": ["string", "null"]},
                "maxProperties": MAX_SPECS,
            },
        ]
    }
)
class IdsToRead(serializers.Field):
    """Ids, or an object of ids with ETags."""


class SpecsWanted(serializers.Serializer):
    ids = IdsToRead(help_text=f"Up to {MAX_SPECS} ids; or an object of ids with the ETag of each that you hold.")
    credentials = serializers.BooleanField(
        required=False, default=False, help_text="With the connection strings in clear, which is audited."
    )


class SpecShape(serializers.Serializer):
    """What the worker of a camera runs on, all of one moment."""

    id = serializers.UUIDField()
    generation = serializers.IntegerField()
    etag = serializers.CharField(help_text="As in the header of `/cameras/{id}`, with its quotes.")

    def get_fields(self) -> dict[str, Shape]:
        runs_on = {
            field.name: _shape_to_read(field) for field in CAMERA_FIELDS if field.is_spec and not field.is_secret
        }
        asked = {
            "connection_string": serializers.CharField(
                required=False, allow_null=True, help_text="In clear. Only where `credentials` were asked."
            ),
            "reason": serializers.CharField(
                required=False,
                help_text="Only where the connection string is null: `code: words`, where the code is"
                " `credential_unreadable` or `forbidden`.",
            ),
        }
        return super().get_fields() | runs_on | asked


_STATUS_COUNTS = serializers.DictField(
    child=serializers.IntegerField(), help_text="Each status, with its cameras."
)


class SiteCount(serializers.Serializer):
    site = serializers.UUIDField(allow_null=True, help_text="Null for cameras without one.")
    name = serializers.CharField(allow_blank=True)
    cameras = serializers.IntegerField()
    by_status = _STATUS_COUNTS


class FleetSummary(serializers.Serializer):
    cameras = serializers.IntegerField(help_text="All that you may see.")
    by_status = _STATUS_COUNTS
    by_condition = serializers.DictField(
        child=serializers.IntegerField(), help_text="Each condition, with the cameras of which it holds."
    )
    by_site = SiteCount(many=True, help_text="Sites with cameras, by name; last those without a site.")


class SiteShape(serializers.Serializer):
    id = serializers.UUIDField()

    def get_fields(self) -> dict[str, Shape]:
        return super().get_fields() | {field.name: _shape_to_read(field) for field in SITE_FIELDS}


class SiteWrite(serializers.Serializer):
    """A site to register."""

    def get_fields(self) -> dict[str, Shape]:
        return {field.name: _shape_to_write(field) for field in SITE_FIELDS}


class SiteUpdate(SiteWrite):
    """What shall change; what is left out stays."""

    def get_fields(self) -> dict[str, Shape]:
        return _optional(super().get_fields())


class ChangeShape(serializers.Serializer):
    revision = serializers.IntegerField()
    block = serializers.IntegerField(help_text="The first revision of what was changed at once with it.")
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
