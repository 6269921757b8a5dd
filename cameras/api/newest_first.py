"""Pages of rows, the newest first: each names where the next begins, whatever is added meanwhile."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from cameras.api import parameters
from cameras.api.answers import json_answer, next_page

# The key of rows that are numbered.
NUMBER = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


def page(
    request: Request,
    rows: QuerySet[Any],
    moment: str,
    shown: Callable[[Any], object],
    *,
    default_limit: int,
    max_limit: int,
    key: Any = UUID,
) -> HttpResponse:
    """The page that the parameters `limit` and `cursor` ask for, with a link to the next.

    `moment` is the column by which rows are the newest, `key` the type of their keys. Raises Problem 400.
    """
    query = request.query_params
    limit = parameters.whole_number(query, "limit", default_limit, 1, max_limit)
    rows = rows.order_by(f"-{moment}", "pk")
    if "cursor" in query:
        ended_at, last_key = parameters.read_page_cursor(query["cursor"], tuple[datetime, key])
        at = parameters.moment_in_cursor(ended_at)
        # The first condition is implied by the second; it is there for the index.
        rows = rows.filter(Q((f"{moment}__lte", at)), Q((f"{moment}__lt", at)) | Q((moment, at), pk__gt=last_key))
    found = list(rows[: limit + 1])
    response = json_answer([shown(row) for row in found[:limit]])
    if len(found) > limit:
        last = found[limit - 1]
        ended = msgspec.to_builtins([getattr(last, moment), last.pk])
        response["Link"] = next_page(request, parameters.page_cursor(ended))
    return response
