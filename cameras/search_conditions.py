"""What a search asks of the column `searched` and of ids; `querysets` puts the conditions together."""

import re
from typing import Any
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Value, When

from cameras import names


def best_first(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Those with exactly this name before the others, else in the order that they have."""
    rank = Case(When(is_named(text), then=Value(0)), default=Value(1))
    return rows.order_by(rank, *rows.query.order_by)


def contains(word: str) -> Q:
    return Q(searched__contains=names.folded(word))


def is_named(text: str) -> Q:
    """The name is the first line of what is searched, and a location may be empty, but its line is there."""
    return Q(searched__startswith=f"{names.folded(text)}\n")


def ids_beginning_with(word: str) -> tuple[UUID, UUID] | None:
    """The first and the last id that begin with at least 4 characters, in canonical form or without its dashes."""
    digits = word.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", digits):
        return None
    first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    return (first, last) if "-" not in word or str(first).startswith(word.lower()) else None
