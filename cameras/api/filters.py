"""The filters of the list of cameras."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from cameras.conditions import CONDITION_CHOICES, ConditionType
from cameras.models import Camera, DesiredState
from cameras.querysets import CameraQuerySet
from cameras.rules import parse_uuid
from cameras.status import Status
from controlplane.search_terms import fault_of_search

NO_SITE = "null"
YES_OR_NO = [("true", "true"), ("false", "false")]


def is_canonical_uuid(value: str) -> None:
    if value != NO_SITE and parse_uuid(value) is None:
        raise ValidationError("Must be the id of a site (a UUID), or null.")


def are_statuses(value: str) -> None:
    wanted = value.split(",")
    if not set(wanted) <= set(Status) or len(set(wanted)) < len(wanted):
        raise ValidationError(f"Must be of {', '.join(Status)}, each once, with commas between.")


def is_searchable(value: str) -> None:
    if fault := fault_of_search(value):
        raise ValidationError(fault)


def _words(choices: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Django's own words would repeat the value that was sent."""
    return {"invalid_choice": f"Must be one of {', '.join(value for value, _ in choices)}."}


@extend_schema_field(OpenApiTypes.UUID)
class SiteFilter(filters.CharFilter):
    """Takes the one form of a UUID that bodies and paths take too."""


STATUSES = {
    "type": "array",
    "items": {"type": "string", "enum": [status.value for status in Status]},
    "minItems": 1,
}


@extend_schema_field(STATUSES)
class StatusesFilter(filters.CharFilter):
    """Several with commas between, as OpenAPI's `explode: false` has it."""


class CameraFilter(filters.FilterSet):
    status = StatusesFilter(
        method="in_statuses",
        validators=[are_statuses],
        help_text="Derived health of the camera; several with commas between.",
    )
    condition = filters.ChoiceFilter(
        choices=CONDITION_CHOICES,
        method="in_condition",
        help_text="What is wrong with the camera.",
        error_messages=_words(CONDITION_CHOICES),
    )
    outdated = filters.ChoiceFilter(
        choices=YES_OR_NO,
        method="outdated_or_not",
        help_text="Whether its worker runs another generation than the camera's.",
        error_messages=_words(YES_OR_NO),
    )
    desired_state = filters.ChoiceFilter(choices=DesiredState.choices, error_messages=_words(DesiredState.choices))
    site = SiteFilter(
        method="at_site",
        validators=[is_canonical_uuid],
        help_text="Id of a site; `null` for cameras without one.",
    )
    search = filters.CharFilter(
        method="matching",
        validators=[is_searchable],
        help_text="At most 10 words, whatever their case and accents. Each stands in the name, the address, the"
        " location, or the site's name or location; or is an id, or at least its first 4 characters. Without"
        " `ordering`, cameras of exactly this name come first.",
    )

    class Meta:
        model = Camera
        fields: list[str] = []

    def in_statuses(self, cameras: CameraQuerySet, name: str, value: str) -> CameraQuerySet:
        view = self.request.parser_context["view"]
        return cameras.in_status(value.split(","), view.now, view.interruptions)

    def in_condition(self, cameras: CameraQuerySet, name: str, value: str) -> CameraQuerySet:
        view = self.request.parser_context["view"]
        return cameras.in_condition(ConditionType(value), view.now, view.interruptions)

    def outdated_or_not(self, cameras: CameraQuerySet, name: str, value: str) -> CameraQuerySet:
        return cameras.outdated(value == "true")

    def at_site(self, cameras: CameraQuerySet, name: str, value: str) -> CameraQuerySet:
        return cameras.filter(site_id=None if value == NO_SITE else value)

    def matching(self, cameras: CameraQuerySet, name: str, value: str) -> CameraQuerySet:
        return cameras.matching(value)
