"""The filters by which a list is narrowed, in words, each with the address of the list without it."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import BooleanField
from django.http import HttpRequest
from django.utils.translation import gettext

# What stands in the address of a list and narrows nothing.
NO_FILTERS = {*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG} - {SEARCH_VAR}
LOOKUPS = ("exact", "in", "isnull")


class FilterInUse(NamedTuple):
    name: str
    value: str
    url_without: str


def filters_in_use(changelist: Any, request: HttpRequest) -> list[FilterInUse]:
    """In the order of the address; the search is one of them. A query for each filter by a related row."""
    found = []
    for parameter, values in request.GET.lists():
        given = [value for value in values if value]
        if given and parameter not in NO_FILTERS:
            name, words = _in_words(changelist, parameter, given, request)
            found.append(FilterInUse(name, words, query_of_list(request, without=parameter) or "?"))
    return found


def query_of_list(request: HttpRequest, without: str = PAGE_VAR) -> str:
    """The query string of a list as it is filtered and sorted, from its first page; empty where there is none.

    It is as it was sent: whoever follows it is refused what the list does not know.
    """
    query = request.GET.copy()
    for name in (without, PAGE_VAR):
        query.pop(name, None)
    return f"?{query.urlencode()}" if query else ""


def _in_words(changelist: Any, parameter: str, values: list[str], request: HttpRequest) -> tuple[str, str]:
    if parameter == SEARCH_VAR:
        return gettext("Search"), " ".join(values)
    spec = next((spec for spec in changelist.filter_specs if parameter in spec.expected_parameters()), None)
    choices = {str(value): str(words) for value, words in getattr(spec, "lookup_choices", ())}
    path, lookup = _split(parameter)
    name = str(spec.title) if spec else path.replace("__", " ").replace("_", " ")
    if lookup == "isnull":
        return name, gettext("none") if values[0].lower() in ("1", "true") else gettext("any")
    if lookup == "in":
        values = [one for value in values for one in value.split(",")]
    return name, ", ".join(_names(changelist.model, path, values, choices, request))


def _split(parameter: str) -> tuple[str, str]:
    path, _, lookup = parameter.rpartition("__")
    return (path, lookup) if path and lookup in LOOKUPS else (parameter, "exact")


def _names(model: Any, path: str, values: list[str], choices: dict[str, str], request: HttpRequest) -> list[str]:
    """What is chosen, in words: of a choice, of a related row that the person may see, or the value itself."""
    try:
        fields: list[Any] = get_fields_from_path(model, path)
    except FieldDoesNotExist:
        return [choices.get(value, value) for value in values]
    field = fields[-2] if len(fields) > 1 and fields[-1].primary_key else fields[-1]
    if field.is_relation:
        try:
            page = admin.site.get_model_admin(field.related_model)
            rows = list(page.get_queryset(request).filter(pk__in=values))
        except (ValidationError, ValueError):
            return values
        choices = {str(row.pk): str(row) for row in rows} | choices
    elif isinstance(field, BooleanField):
        choices = {value: gettext("yes") if value in ("1", "True", "true") else gettext("no") for value in values}
    else:
        choices = {str(value): str(words) for value, words in field.flatchoices} | choices
    return [choices.get(value, value) for value in values]
