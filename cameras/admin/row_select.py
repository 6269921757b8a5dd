"""Selects of cameras or sites that search on the server, however many there are."""

from typing import Any

from django.contrib.admin.widgets import AutocompleteMixin, AutocompleteSelect, AutocompleteSelectMultiple

from cameras.rules import parse_uuid


class _OfRows(AutocompleteMixin):
    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        """Leaves out values that are not ids: the form has refused them, and Django would query for them."""
        return super().optgroups(name, [sent for sent in value if parse_uuid(str(sent))], attr)


class RowSelect(_OfRows, AutocompleteSelect):
    """Selects one row."""


class RowsSelect(_OfRows, AutocompleteSelectMultiple):
    """Selects several rows, removed one by one.

    A button that removes all would stand in the list of chosen rows without being an item of it.
    """

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> dict[str, Any]:
        return {**super().build_attrs(base_attrs, extra_attrs), "data-allow-clear": "false"}
