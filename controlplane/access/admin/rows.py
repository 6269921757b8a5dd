"""The rows of a list as the admin shows them, with little markup: a page of fifty is light on the wire."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import BooleanField
from django.urls import NoReverseMatch
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext

TICK = "action_checkbox"


class Cell(NamedTuple):
    """`url` is set where the cell leads to the page of its row; `is_head` for the one that names the row."""

    field: str
    shown: Any
    url: str = ""
    is_head: bool = False


class Row(NamedTuple):
    key: str
    cells: list[Cell]


def headers_of(changelist: Any) -> list[dict[str, Any]]:
    """The columns but that of the ticks; `url` is empty where a column does not sort."""
    named = zip(changelist.list_display, result_headers(changelist), strict=True)
    return [
        {
            "field": field,
            "text": header["text"],
            "sorted": header.get("sorted", False),
            "ascending": header.get("ascending", True),
            "url": header.get("url_primary", ""),
            "url_unsorted": header.get("url_remove", ""),
        }
        for field, header in named
        if field != TICK
    ]


def rows_of(changelist: Any) -> list[Row]:
    return [Row(str(row.pk), list(_cells(changelist, row))) for row in changelist.result_list]


def _cells(changelist: Any, row: Any) -> Iterator[Cell]:
    linked = changelist.list_display_links
    is_first = True
    for field in changelist.list_display:
        if field == TICK:
            yield Cell(field, _tick(row))
            continue
        shown = _shown(changelist, row, field)
        is_link = linked is not None and (field in linked if linked else is_first)
        yield Cell(field, shown, _address(changelist, row) if is_link else "", is_first)
        is_first = False


def _tick(row: Any) -> str:
    words = gettext("Select %(name)s") % {"name": row}
    template = '<input type="checkbox" class="action-select" name="{}" value="{}" aria-label="{}">'
    return format_html(template, ACTION_CHECKBOX_NAME, row.pk, words)


def _shown(changelist: Any, row: Any, name: str) -> Any:
    empty = changelist.model_admin.get_empty_value_display()
    try:
        field, attribute, value = lookup_field(name, row, changelist.model_admin)
    except ObjectDoesNotExist:
        return empty
    if isinstance(field, BooleanField) or getattr(attribute, "boolean", False):
        return gettext("Yes") if value else gettext("No")
    if field is not None and not field.auto_created:
        if field.is_relation:
            return getattr(row, field.name) or empty
        return display_for_field(value, field, empty)
    if colours := getattr(attribute, "label", None):
        return _badge(value, colours)
    return display_for_value(value, empty)


def _badge(value: Any, colours: Any) -> Any:
    """What `display(label=...)` of unfold shows: a badge coloured by the first of a pair, or plain ones."""
    if isinstance(value, tuple) and isinstance(colours, dict):
        kind, words = value
        return format_html('<span class="cp-label cp-label-{}">{}</span>', colours.get(kind, "default"), words)
    several = value if isinstance(value, list | tuple) else [value] if value else []
    return format_html_join(" ", '<span class="cp-label cp-label-default">{}</span>', ((one,) for one in several))


def _address(changelist: Any, row: Any) -> str:
    try:
        url = changelist.url_for_result(row)
    except NoReverseMatch:
        return ""
    kept = {"preserved_filters": changelist.preserved_filters, "opts": changelist.opts}
    return add_preserved_filters(kept, url)
