"""How each kind of field is typed in a form: its input, the way from the row to text and back, and its place.

The fields are declared in `cameras.fields`, and their rules validate what was typed: an input only reads it.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, assert_never

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault
from django.utils.text import capfirst
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from cameras.admin import json_text
from cameras.admin.row_select import RowSelect
from cameras.admin.zones.editor import ZoneEditor, parse_zones
from cameras.fields import Field, Kind, Section
from cameras.models import Camera, Site
from cameras.rules import TIME_ZONES
from controlplane.access.admin.secret_input import SecretInput
from controlplane.access.principals import Principal

JSON_INPUT = {"rows": 12, "spellcheck": "false", "class": "cp-json-input"}
# Their inputs are filled in, and must not be left empty.
_NEVER_EMPTY = (Kind.CHOICE, Kind.SECONDS, Kind.TIME_ZONE)
_SIDE_BY_SIDE = (Section.COORDINATES,)


def input_of(field: Field, principal: Principal) -> forms.Field:
    """The input of a field for a principal, who chooses among the sites that they may see."""
    common: dict[str, Any] = {
        "label": capfirst(str(field.label)),
        "help_text": field.help,
        "required": field.is_required or field.kind in _NEVER_EMPTY,
    }
    match field.kind:
        case Kind.TEXT:
            return forms.CharField(widget=UnfoldAdminTextInputWidget({"maxlength": field.max_length}), **common)
        case Kind.LINES:
            return forms.CharField(widget=UnfoldAdminTextareaWidget({"rows": 4}), **common)
        case Kind.CONNECTION:
            return forms.CharField(strip=False, widget=SecretInput, **common)
        case Kind.CHOICE:
            return forms.ChoiceField(choices=field.choices, widget=UnfoldAdminSelectWidget, **common)
        case Kind.SECONDS:
            minimum, maximum = field.limits or (None, None)
            number = UnfoldAdminIntegerFieldWidget({"min": minimum, "max": maximum, "inputmode": "numeric"})
            return forms.IntegerField(widget=number, **common)
        case Kind.DEGREES:
            return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget({"step": "any"}), **common)
        case Kind.TIME_ZONE:
            return forms.ChoiceField(choices=_time_zones, widget=UnfoldAdminSelect2Widget, **common)
        case Kind.SITE:
            select = RowSelect(Camera._meta.get_field(field.name), admin.site)
            sites = Site.objects.visible_to(principal)
            return forms.ModelChoiceField(queryset=sites, widget=select, **common)
        case Kind.JSON:
            return forms.CharField(widget=UnfoldAdminTextareaWidget(JSON_INPUT), **common)
        case Kind.ZONES:
            return forms.CharField(widget=ZoneEditor(JSON_INPUT), **common)
        case _:
            assert_never(field.kind)


@cache
def _time_zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(TIME_ZONES)]


def text_of(field: Field, row: Model) -> str:
    """The value of a row as its input shows it; of a new row, the default."""
    value = getattr(row, field.column)
    if isinstance(value, DatabaseDefault):  # the row is new, and the database puts the value in
        (default,) = value.get_source_expressions()
        value = getattr(default, "value", None)
    if value is None:
        return ""
    if field.kind in (Kind.JSON, Kind.ZONES):
        return "" if row._state.adding else json_text.pretty(value)
    return str(value)


def words_of(field: Field, row: Model) -> str:
    """The stored value of a row in words, for a sentence; a secret is redacted."""
    if field.kind is Kind.SITE:
        return str(getattr(row, field.name) or "")
    if field.kind is Kind.CHOICE:
        value = getattr(row, field.column)
        return str(dict(field.choices).get(value, value))
    return text_of(field, row)


def value_of(field: Field, cleaned: Any) -> Any:
    """What the form field made of the typed text, as the rule of the field takes it. Raises ValidationError."""
    match field.kind:
        case Kind.LINES:
            return cleaned.replace("\r\n", "\n")
        case Kind.SITE:
            return str(cleaned.pk) if cleaned else None
        case Kind.JSON:
            return json_text.parse(cleaned)
        case Kind.ZONES:
            return parse_zones(cleaned)
        case _:
            return cleaned


def tidied(field: Field, typed: str) -> str:
    """A typed text laid out as `text_of` lays out a stored one, where it can be read."""
    text = typed.replace("\r\n", "\n")
    if field.kind not in (Kind.JSON, Kind.ZONES):
        return text
    try:
        return json_text.pretty(json_text.parse(text))
    except forms.ValidationError:
        return text


def fieldsets_of(
    fields: Iterable[Field], *, first: tuple[str, ...] = (), shown_as: Mapping[str, str] | None = None
) -> tuple[tuple[Any, dict[str, Any]], ...]:
    """The fields by section, as Django's admin takes them.

    `first` are other inputs ahead of them; `shown_as` names read-only columns that stand for a field.
    """
    sections = {Section.FIRST: list(first)}
    for field in fields:
        sections.setdefault(field.section, []).append((shown_as or {}).get(field.name, field.name))
    return tuple(
        (section.value, {"fields": (tuple(names),) if section in _SIDE_BY_SIDE else tuple(names)})
        for section, names in sections.items()
    )
