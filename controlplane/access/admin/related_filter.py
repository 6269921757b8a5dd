"""A filter of a list by a related row, which is picked from those that the person may see."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter


class RelatedFilter(AutocompleteSelectFilter):
    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """unfold's form shows the name of any row whose id stands in the address."""
        page = admin.site.get_model_admin(self.field.related_model)
        for choice in super().choices(changelist):
            for field in choice["form"].fields.values():
                field.queryset = page.get_queryset(self.request)
            yield choice
