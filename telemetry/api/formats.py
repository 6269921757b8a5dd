"""JSON or CSV, as the Accept header says."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from itertools import islice
from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request

from cameras.api.answers import json_answer, streamed_answer
from controlplane.encoding import moment_text
from controlplane.problems import Problem

JSON, CSV = "application/json", "text/csv"
ROWS_A_CHUNK = 1_000
# A spreadsheet would take a text that begins so for a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv(request: Request) -> bool:
    """Whether CSV is preferred to JSON. Raises Problem 406 if neither is accepted."""
    preferred = request._request.get_preferred_type([JSON, CSV])
    if preferred is None:
        raise Problem(406, f"There is {JSON} and {CSV} here.")
    return preferred == CSV


def answer(request: Request, value: Any, columns: Sequence[str], rows: Iterable[Any]) -> HttpResponseBase:
    """The value as JSON, or `rows`, which have the columns as attributes, as CSV."""
    if wants_csv(request):
        cells = ([getattr(row, column) for column in columns] for row in rows)
        return csv_answer(request, columns, cells)
    return json_answer(value)


def csv_answer(request: Request, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> HttpResponseBase:
    """Rows as CSV, streamed as they come (RFC 4180, UTF-8, with a header)."""
    return streamed_answer(request, _chunks(columns, iter(rows)), f"{CSV}; charset=utf-8")


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
