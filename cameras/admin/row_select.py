"""A select of cameras or sites that searches on the server, however many there are."""

from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect

from cameras.rules import parse_uuid


class RowSelect(AutocompleteSelect):
    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        """A value that is no id is left out: the form has refused it, and Django would look it up."""
        return super().optgroups(name, [sent for sent in value if parse_uuid(str(sent))], attr)
