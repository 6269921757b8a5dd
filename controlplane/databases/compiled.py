"""Queries of the ORM that are compiled once: making the SQL of a large one takes longer than running it."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, UUIDField

# Stands in the compiled query for the id that each reading gives.
ANY_ID = UUID(int=2**128 - 1)


class _Compiled(NamedTuple):
    sql: str
    parameters: list[Any]
    converters: list[tuple[int, list[Any], Any]]  # the place of a column, what converts its values, its expression
    id_places: list[int]


class CompiledQuery:
    """Rows as tuples of a query by `values_list`, which `make` gives; it depends on nothing but an id, if at all.

    `make` writes ANY_ID where that id belongs.
    """

    def __init__(self, make: Callable[[], QuerySet[Any, Any]]) -> None:
        self._make = make
        self._compiled: _Compiled | None = None

    def rows(self, id: UUID | None = None) -> list[tuple[Any, ...]]:
        """The rows; raises what reading the query would."""
        compiled = self._compiled = self._compiled or _compile(self._make())
        parameters = compiled.parameters
        if id is not None:
            value, parameters = _as_parameter(id), parameters.copy()
            for place in compiled.id_places:
                parameters[place] = value
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, parameters)
            rows = cursor.fetchall()
        return _converted(rows, compiled.converters) if compiled.converters else rows


def _compile(query: QuerySet[Any, Any]) -> _Compiled:
    compiler = query.query.get_compiler(connection=connection)
    sql, parameters = compiler.as_sql()
    converters = compiler.get_converters([expression for expression, _, _ in compiler.select])
    placeholder = _as_parameter(ANY_ID)
    return _Compiled(
        sql,
        list(parameters),
        [(place, convert, expression) for place, (convert, expression) in converters.items()],
        [place for place, value in enumerate(parameters) if value == placeholder],
    )


def _as_parameter(id: UUID) -> Any:
    return UUIDField().get_db_prep_value(id, connection, prepared=False)


def _converted(rows: list[Any], converters: list[tuple[int, list[Any], Any]]) -> list[tuple[Any, ...]]:
    converted = []
    for row in map(list, rows):
        for place, convert_all, expression in converters:
            for convert in convert_all:
                row[place] = convert(row[place], expression, connection)
        converted.append(tuple(row))
    return converted
