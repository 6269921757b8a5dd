"""JSON or CSV, as `format` in the address says, or else the Accept header."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from itertools import islice
from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request

from cameras.api import parameters
from cameras.api.answers import streamed_answer
from controlplane.encoding import moment_text
from controlplane.negotiation import JSON, preferred_type

CSV = "text/csv"
FORMATS = ("json", "csv")
ROWS_A_CHUNK = 1_000
# A spreadsheet would take a text that begins so for a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv(request: Request) -> bool:
    """Whether CSV is asked for. A link cannot set Accept, so `format` comes before it.

    Raises Problem 400 for another format, and 406 if Accept takes neither.
    """
    if named := parameters.one_of(request.query_params, "format", None, FORMATS):
        return named == "csv"
    return preferred_type(request.headers.get("Accept", ""), (JSON, CSV)) == CSV


def csv_answer(
    request: Request, name: str, columns: Sequence[str], rows: Iterable[Iterable[Any]]
) -> HttpResponseBase:
    """Rows as CSV, streamed as they come (RFC 4180, UTF-8, with a header); a browser saves it as `name`.csv."""
    table = streamed_answer(request, _chunks(columns, iter(rows)), f"{CSV}; charset=utf-8")
    table["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return table


def _chunks(columns: Sequence[str], rows: Iterator[Iterable[Any]]) -> Iterator[bytes]:
    head: list[Iterable[Any]] = [columns]
    while chunk := [*head, *islice(rows, ROWS_A_CHUNK)]:
        text = StringIO()
        csv.writer(text).writerows([_cell(value) for value in row] for row in chunk)
        yield text.getvalue().encode()
        head = []


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
