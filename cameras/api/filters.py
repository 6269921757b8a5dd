"""The filters of the list of cameras."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from cameras.models import Camera, DesiredState
from cameras.querysets import CameraQuerySet
from cameras.rules import parse_uuid
from cameras.status import STATUS_CHOICES
from controlplane.search_terms import fault_of_search


def is_canonical_uuid(value: str) -> None:
    if parse_uuid(value) is None:
        raise ValidationError("Must be the id of a site (a UUID).")


def is_searchable(value: str) -> None:
    if fault := fault_of_search(value):
        raise ValidationError(fault)


def _words(choices: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Django's own words would repeat the value that was sent."""
    return {"invalid_choice": f"Must be one of {', '.join(value for value, _ in choices)}."}


@extend_schema_field(OpenApiTypes.UUID)
class SiteFilter(filters.CharFilter):
    """Takes the one form of a UUID that bodies and paths take too."""


class CameraFilter(filters.FilterSet):
    status = filters.ChoiceFilter(
        choices=STATUS_CHOICES,
        method="with_this_status",
        help_text="Derived health of the camera.",
        error_messages=_words(STATUS_CHOICES),
    )
    desired_state = filters.ChoiceFilter(choices=DesiredState.choices, error_messages=_words(DesiredState.choices))
    site = SiteFilter(field_name="site_id", validators=[is_canonical_uuid], help_text="Id of a site.")
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

    def with_this_status(self, cameras: CameraQuerySet, name: str, value: str) -> CameraQuerySet:
        view = self.request.parser_context["view"]
        return cameras.in_status(value, view.now, view.interruptions)

    def matching(self, cameras: CameraQuerySet, name: str, value: str) -> CameraQuerySet:
        return cameras.matching(value)
