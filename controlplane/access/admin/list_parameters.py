"""What may stand in the address of a list: the list's own filters and Django's own parameters, and nothing else.

Django lets any lookup on a model's own fields through, so `name__regex=...` in an address would choose what the
database computes, and `sealed_connection__startswith=...` what is found out about a column that is never shown.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.contrib.admin.options import IS_FACETS_VAR, IS_POPUP_VAR, TO_FIELD_VAR
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from controlplane.problems import shown_name
from controlplane.search_terms import fault_of_search
from controlplane.strict_json import fault_of_text, refuse

# What Django puts in the place of bytes that are no UTF-8.
REPLACEMENT_CHARACTER = "\ufffd"
MAX_ALTERNATIVES = 100

Check = Callable[[str], str | None]


def check_list_parameters(model_admin: Any, request: HttpRequest) -> None:
    """Raises Problem 400, in words, for a parameter that the list does not know or whose value it cannot use."""
    checks = {**_checks_of_django(model_admin, request), **checks_of_filters(model_admin, request)}
    for name, values in request.GET.lists():
        check = checks.get(name) or _check_of_other_filter(model_admin, request, name)
        if check is None:
            known = ", ".join(sorted(checks))
            refuse(shown_name(name), f"There is no such parameter in this list. Known are: {known}.")
        for value in values:
            if fault := _fault_of_any_value(value) or check(value):
                refuse(name, fault)


def checks_of_filters(model_admin: Any, request: HttpRequest) -> Mapping[str, Check]:
    """By parameter, what each filter of the list takes; the filters are not asked for what they offer."""
    checks: dict[str, Check] = {}
    for entry in model_admin.get_list_filter(request):
        own: Any = entry
        if isinstance(entry, type) and hasattr(entry, "check"):
            checks[own.parameter_name] = _if_any(own.check)
        elif isinstance(entry, type):
            offered = entry(request, {}, model_admin.model, model_admin)
            checks |= dict.fromkeys(offered.expected_parameters(), _one_of(offered.lookup_choices))
        else:
            checks |= _checks_of_field(model_admin.model, entry if isinstance(entry, str) else entry[0])
    if model_admin.date_hierarchy:
        parts = ("year", "month", "day")
        checks |= {f"{model_admin.date_hierarchy}__{part}": _whole_number_up_to(9_999) for part in parts}
    return checks


def _fault_of_any_value(value: str) -> str | None:
    return "Is not UTF-8." if REPLACEMENT_CHARACTER in value else fault_of_text(value)


# --- Django's own parameters ------------------------------------------------------------------------------


def _checks_of_django(model_admin: Any, request: HttpRequest) -> dict[str, Check]:
    columns = len(model_admin.get_list_display(request)) + 1  # the boxes of the actions are one more
    flag = _one_of([("1", ""), ("True", "")])
    return {
        ALL_VAR: flag,
        ERROR_FLAG: flag,
        IS_FACETS_VAR: flag,
        IS_POPUP_VAR: flag,
        ORDER_VAR: lambda value: _fault_of_order(value, columns),
        PAGE_VAR: _whole_number_up_to(999_999_999),
        SEARCH_VAR: fault_of_search,
        # Django itself refuses what is no field that may be pointed at.
        TO_FIELD_VAR: lambda value: None,
    }


def _fault_of_order(value: str, columns: int) -> str | None:
    order = re.fullmatch(r"(-?[0-9]{1,3}(\.-?[0-9]{1,3})*)?", value)
    if order and all(int(column) < columns for column in re.findall(r"[0-9]+", value)):
        return None
    return "Must be numbers of columns with full stops between, such as 1.-2."


def _if_any(check: Check) -> Check:
    return lambda value: check(value) if value else None


def _whole_number_up_to(most: int) -> Check:
    def check(value: str) -> str | None:
        if re.fullmatch(r"[0-9]{1,9}", value) and 1 <= int(value) <= most:
            return None
        return f"Must be a whole number from 1 to {most:,}."

    return check


def _one_of(choices: Iterable[tuple[Any, Any]]) -> Check:
    known = [str(value) for value, _label in choices]
    # A form of filters sends those that are not in use as empty texts.
    return lambda value: None if not value or value in known else f"Must be one of {', '.join(known)}."


# --- Filters by a field -----------------------------------------------------------------------------------


def _checks_of_field(model: Any, path: str) -> dict[str, Check]:
    field: Any = get_fields_from_path(model, path)[-1]
    check = _takes(field)
    checks: dict[str, Check] = {}
    paths = [path, f"{path}__{field.target_field.name}"] if field.is_relation else [path]
    for prefix in paths:
        checks |= {
            prefix: check,
            f"{prefix}__exact": check,
            f"{prefix}__in": _each_of(check),
            f"{prefix}__isnull": _is_truth_value,
        }
    return checks


def _takes(field: Any) -> Check:
    target = field.target_field if field.is_relation else field
    if target.choices:
        return _one_of(target.flatchoices)

    def check(value: str) -> str | None:
        try:
            target.to_python(value)
        except ValidationError:
            return "Is no value of this field."
        return None

    return _if_any(check)


def _each_of(check: Check) -> Check:
    def check_all(value: str) -> str | None:
        values = value.split(",")
        if len(values) > MAX_ALTERNATIVES:
            return f"At most {MAX_ALTERNATIVES} values are taken."
        return next((fault for one in values if (fault := check(one))), None)

    return check_all


def _is_truth_value(value: str) -> str | None:
    return None if value.lower() in ("", "0", "1", "true", "false") else "Must be True or False."


def _check_of_other_filter(model_admin: Any, request: HttpRequest, name: str) -> Check | None:
    """For a filter with parameters of its own, such as those of a range: it judges the values itself."""
    for entry in model_admin.get_list_filter(request):
        if isinstance(entry, tuple):
            path, kind = entry
            field = get_fields_from_path(model_admin.model, path)[-1]
            spec = kind(field, request, {}, model_admin.model, model_admin, field_path=path)
            if name in spec.expected_parameters():
                return lambda value: None
    return None
