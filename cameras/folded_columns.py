"""Columns that are computed from others of their row whenever it is inserted or saved.

An UPDATE of chosen columns must name them too: `outdated_by` says which. They are NULL only in a row that a
process of an earlier version has inserted, until it is saved.
"""

from collections.abc import Collection
from typing import Any

from django.db import models

from cameras import names


class NameKeyColumn(models.CharField):
    """`names.key` of the name: what names are compared by."""

    sources = ("name",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "max_length": names.MAX_KEY, "null": True, "editable": False})

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def pre_save(self, row: Any, add: bool) -> str:
        value = names.key(row.name)
        setattr(row, self.attname, value)
        return value


class SearchedColumn(models.TextField):
    """The `names.folded` values of the `sources`, one a line: what a search looks through."""

    def __init__(self, sources: Collection[str] = (), **kwargs: Any) -> None:
        self.sources = tuple(sources)
        super().__init__(**{**kwargs, "null": True, "editable": False})

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def pre_save(self, row: Any, add: bool) -> str:
        value = "\n".join(names.folded(getattr(row, source)) for source in self.sources)
        setattr(row, self.attname, value)
        return value


def outdated_by(model: type[models.Model], columns: Collection[str]) -> set[str]:
    """The folded columns of the model that must be saved with these columns."""
    return {
        field.name
        for field in model._meta.get_fields()
        if isinstance(field, NameKeyColumn | SearchedColumn) and not {*field.sources}.isdisjoint(columns)
    }
