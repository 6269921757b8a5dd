"""Cameras and sites as the API shows them, without secrets."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import F

from cameras.api.serializers import CameraDetail, LatestSample, PlacementShape, ReportShape
from cameras.conditions import Condition, ConditionType
from cameras.facts import Facts, Interruptions
from cameras.fields import CAMERA_FIELDS, SITE_FIELDS
from cameras.models import Camera, DeletedCamera, Site
from cameras.observed import FACTS_IN_CAMERA
from cameras.querysets import CameraQuerySet
from cameras.recycle_bin import restorable_until
from cameras.status import derive_status
from cameras.status_queries import HAS_MORE_FACTS, QuickMoment
from controlplane.databases.compiled import ANY_ID, CompiledQuery
from controlplane.encoding import moment_text, with_texts

Rows = list[tuple[Any, ...]]

DETAIL_FIELDS = tuple(CameraDetail().fields)
ORDERINGS = ("name", "-name", "created_at", "-created_at")
# Of a search: cameras of exactly that name, then the others, both by name. Cursors say it; nobody asks for it.
BEST_FIRST = "best"
CHUNK = 2_000
LATEST = tuple(LatestSample().fields)
REPORT_FIELDS = tuple(ReportShape().fields)
PLACEMENT_FIELDS = tuple(PlacementShape().fields)

# What the list reads of each row: first what the status of an ordinary camera is derived from, in the order of
# `Facts`; whether there is more to know, which is then read for those few by one query more a page.
_COLUMNS: dict[str, Any] = {
    "desired_state": F("desired_state"),
    "desired_state_at": QuickMoment("desired_state_at"),
    "expected_interval_seconds": F("expected_interval_seconds"),
    "generation": F("generation"),
    "created_at": QuickMoment("created_at"),
    "generation_at": QuickMoment("generation_at"),
    "last_contact": QuickMoment("vitals__last_contact"),
    "last_sample_at": QuickMoment("vitals__last_sample_at"),
    "has_more": HAS_MORE_FACTS,
    "id": F("id"),
    "name": F("name"),
    "address": F("address"),
    "observed_generation": F("vitals__observed_generation"),
    **{field.name: F(field.column) for field in CAMERA_FIELDS if field.is_listed},
}
_ORDINARY = 8
_HAS_MORE, _ID, _CONTACT = (list(_COLUMNS).index(name) for name in ("has_more", "id", "last_contact"))
_DERIVED = ("status", "status_reason", "conditions", "boundary")
# Fields of the detail that the list gives where they are asked for, from columns of these names.
_ON_REQUEST: dict[str, dict[str, Any]] = {
    **{field.name: {field.name: F(field.column)} for field in CAMERA_FIELDS if field.name not in _COLUMNS},
    "created_at": {"created_at": QuickMoment("created_at")},
    "updated_at": {"updated_at": QuickMoment("updated_at")},
    "status_since": {
        "known_status": F("known_status__status"),
        "known_since": QuickMoment("known_status__since_at"),
    },
    "latest": {f"latest_{name}": F(f"vitals__latest_{name}") for name in LATEST},
    "report": {f"report_{name}": F(f"report__{name}") for name in REPORT_FIELDS},
    "placement": {f"placement_{name}": F(f"placement__{name}") for name in PLACEMENT_FIELDS},
}


class _Shape:
    """Items with these fields: which columns of a row they are made from, and how."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = fields
        self._on_request = [name for name in fields if name in _ON_REQUEST]
        self.columns = _COLUMNS | {
            alias: column for name in self._on_request for alias, column in _ON_REQUEST[name].items()
        }
        self._known = known = (*self.columns, *_DERIVED, *self._on_request)
        places = [
            known.index(name, len(self.columns)) if name in self._on_request else known.index(name)
            for name in fields
        ]
        # One place too many, which zip drops: with a single place itemgetter would return no tuple.
        self._pick = itemgetter(*places, places[0])

    def items(self, rows: Rows, now: datetime, interruptions: Interruptions) -> list[dict[str, Any]]:
        """The items; their moments are texts. One query where something is to be said of some of them."""
        more_facts = _more_facts([row[_ID] for row in rows if row[_HAS_MORE]])
        judged = [_judged(row, more_facts, now, interruptions) for row in rows]
        if self._on_request:
            judged = [
                (*row, *_requested(self._on_request, dict(zip(self._known, row, strict=False)))) for row in judged
            ]
        return [dict(zip(self._fields, self._pick(row), strict=False)) for row in judged]


_shape_of = lru_cache(maxsize=64)(_Shape)
_DETAIL = _Shape(DETAIL_FIELDS)
_detail_row = CompiledQuery(
    lambda: Camera.objects.filter(pk=ANY_ID).values_list(*_DETAIL.columns.values(), "revision")
)


def camera_detail(
    camera_id: UUID, now: datetime, interruptions: Interruptions
) -> tuple[dict[str, Any], int] | None:
    """All fields of a camera, its connection string redacted, and its revision; None where there is none.

    Its moments are texts. One query, and one more where something is to be said of it.
    """
    rows = _detail_row.rows(camera_id)
    if not rows:
        return None
    ((*row, revision),) = rows
    (item,) = _DETAIL.items([tuple(row)], now, interruptions)
    return item, revision


def deleted_detail(row: DeletedCamera) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "site": row.site_id,
        "site_name": row.site_name,
        "connection_string": row.redacted_connection,
        "address": row.address,
        "desired_state": row.configuration["desired_state"],
        "generation": row.generation,
        "deleted_at": row.deleted_at,
        "deleted_by": row.deleted_by,
        "restorable_until": restorable_until(row),
    }


def conditions_shown(
    conditions: Iterable[Condition], report_message: str, placement_message: str
) -> list[dict[str, Any]]:
    """Conditions with the message of whoever reported them, where there is one."""
    messages = {
        ConditionType.WORKER_FAILED: report_message,
        ConditionType.PLACEMENT_FAILED: placement_message,
    }
    return [
        {
            "type": condition.type.value,
            "reason": condition.reason,
            "message": messages.get(condition.type) or condition.words,
            "since": moment_text(condition.since),
        }
        for condition in conditions
    ]


def site_detail(site: Site) -> dict[str, Any]:
    return {"id": site.pk} | {field.name: getattr(site, field.column) for field in SITE_FIELDS}


class _MoreFacts(NamedTuple):
    facts: Facts
    report_message: str
    placement_message: str


class ListPosition(msgspec.Struct, array_like=True):
    """Where a page of the list of cameras ended."""

    ordering: str
    value: Any  # of the column that orders
    id: str
    part: int = 0  # of the list, which begins anew in each


def column_of(ordering: str) -> str:
    return "name" if ordering == BEST_FIRST else ordering.lstrip("-")


def camera_pages(
    *parts: CameraQuerySet,
    ordering: str,
    fields: Collection[str],
    now: datetime,
    interruptions: Interruptions,
    after: ListPosition | None = None,
    size: int,
) -> Iterator[tuple[list[dict[str, Any]], ListPosition | None]]:
    """The list in pages by key, each with where the next begins; no model instances.

    A query a page, and one more where something is to be said of some of its cameras. The parts follow one
    another, each in the ordering; a page that goes over into the next takes two queries. Moments are texts.
    """
    shape = _shape_of(tuple(fields))
    while True:
        rows, part = _rows(parts, shape, "name" if ordering == BEST_FIRST else ordering, after, size)
        more, rows = len(rows) > size, rows[:size]
        after = None
        if more:
            last = dict(zip(shape.columns, rows[-1], strict=True))
            after = ListPosition(ordering, last[column_of(ordering)], str(last["id"]), part)
        yield shape.items(rows, now, interruptions), after
        if after is None:
            return


def _rows(
    parts: Sequence[CameraQuerySet],
    shape: _Shape,
    ordering: str,
    after: ListPosition | None,
    size: int,
) -> tuple[Rows, int]:
    """The rows of a page and one more, if there is one; and the part that the last row of the page is of."""
    rows: Rows = []
    ends_in = first = after.part if after else 0
    if after is None and len(parts) == 1 and parts[0].is_whole:
        return _first_page(ordering, shape, size).rows(), 0
    for part in range(first, len(parts)):
        ordered = parts[part].after(ordering, after if part == first else None)
        found = list(ordered.values_list(*shape.columns.values())[: size + 1 - len(rows)])
        if found and len(rows) < size:
            ends_in = part
        rows += found
        if len(rows) > size:
            break
    return rows, ends_in


@lru_cache(maxsize=64)
def _first_page(ordering: str, shape: _Shape, size: int) -> CompiledQuery:
    """The first page of all cameras, which is asked for most."""
    return CompiledQuery(lambda: Camera.objects.after(ordering).values_list(*shape.columns.values())[: size + 1])


def _judged(
    row: tuple[Any, ...], more_facts: dict[UUID, _MoreFacts], now: datetime, interruptions: Interruptions
) -> tuple[Any, ...]:
    """The row with the values of `_DERIVED`."""
    more = more_facts.get(row[_ID]) if row[_HAS_MORE] else None
    messages = (more.report_message, more.placement_message) if more else ("", "")
    verdict = derive_status(more.facts if more else Facts(*row[:_ORDINARY]), now, interruptions)
    contact = row[_CONTACT]
    return (
        *row[:_CONTACT],
        moment_text(contact) if contact else None,
        *row[_CONTACT + 1 :],
        verdict.status.value,
        verdict.reason,
        conditions_shown(verdict.conditions, *messages) if verdict.conditions else [],
        verdict.since,
    )


def _more_facts(camera_ids: Sequence[UUID]) -> dict[UUID, _MoreFacts]:
    """All that is known of these cameras."""
    if not camera_ids:
        return {}
    columns = [name if name in FACTS_IN_CAMERA else f"vitals__{name}" for name in Facts._fields]
    rows = Camera.objects.filter(pk__in=camera_ids).values_list(
        "pk", "report__message", "placement__message", *columns
    )
    return {pk: _MoreFacts(Facts(*facts), reported or "", placed or "") for pk, reported, placed, *facts in rows}


def _requested(names: Sequence[str], values: Mapping[str, Any]) -> Iterator[Any]:
    """The values of the fields that were asked for beside those that the list gives always."""
    for name in names:
        if name == "status_since":
            known_since = values["known_since"] if values["known_status"] == values["status"] else None
            yield with_texts(values["boundary"] or known_since)
        elif name in ("latest", "report", "placement"):
            of = {"latest": LATEST, "report": REPORT_FIELDS, "placement": PLACEMENT_FIELDS}[name]
            whole = {member: values[f"{name}_{member}"] for member in of}
            yield with_texts(whole) if whole[of[0]] is not None else None
        else:
            yield with_texts(values[name])
