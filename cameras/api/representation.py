"""Cameras and sites as the API shows them, without secrets."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
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
from controlplane.encoding import moment_text, with_texts

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


def camera_detail(camera: Camera, now: datetime, interruptions: Interruptions) -> dict[str, Any]:
    """All fields of a camera that was asked for `with_vitals`; its connection string is redacted."""
    vitals = getattr(camera, "vitals", None)
    verdict = camera.verdict(now, interruptions)
    report, placement = getattr(camera, "report", None), getattr(camera, "placement", None)
    latest = None
    if vitals and vitals.latest_timestamp:
        latest = {name: getattr(vitals, f"latest_{name}") for name in LATEST}
    values = {field.name: getattr(camera, field.column) for field in CAMERA_FIELDS} | {
        "id": camera.pk,
        "address": camera.address,
        "status": verdict.status.value,
        "status_reason": verdict.reason,
        "status_since": verdict.since,
        "last_contact": vitals.last_contact if vitals else None,
        "latest": latest,
        "generation": camera.generation,
        "observed_generation": vitals.observed_generation if vitals else None,
        "conditions": conditions_shown(
            verdict.conditions, report.message if report else "", placement.message if placement else ""
        ),
        "report": report and {name: getattr(report, name) for name in REPORT_FIELDS},
        "placement": placement and {name: getattr(placement, name) for name in PLACEMENT_FIELDS},
        "created_at": camera.created_at,
        "updated_at": camera.updated_at,
    }
    return {name: values[name] for name in DETAIL_FIELDS}


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
    """Conditions with the message of whoever told of them, where there is one."""
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
    on_request = [name for name in fields if name in _ON_REQUEST]
    columns = _COLUMNS | {alias: column for name in on_request for alias, column in _ON_REQUEST[name].items()}
    known = (*columns, *_DERIVED, *on_request)
    places = [known.index(name, len(columns)) if name in on_request else known.index(name) for name in fields]
    # One place too many, which zip drops: with a single place itemgetter would return no tuple.
    pick = itemgetter(*places, places[0])
    while True:
        rows, part = _rows(parts, columns.values(), "name" if ordering == BEST_FIRST else ordering, after, size)
        more, rows = len(rows) > size, rows[:size]
        after = None
        if more:
            last = dict(zip(columns, rows[-1], strict=True))
            after = ListPosition(ordering, last[column_of(ordering)], str(last["id"]), part)
        more_facts = _more_facts([row[_ID] for row in rows if row[_HAS_MORE]])
        judged = [_judged(row, more_facts, now, interruptions) for row in rows]
        if on_request:
            judged = [(*row, *_requested(on_request, dict(zip(known, row, strict=False)))) for row in judged]
        yield [dict(zip(fields, pick(row), strict=False)) for row in judged], after
        if after is None:
            return


def _rows(
    parts: Sequence[CameraQuerySet],
    columns: Iterable[Any],
    ordering: str,
    after: ListPosition | None,
    size: int,
) -> tuple[list[tuple[Any, ...]], int]:
    """The rows of a page and one more, if there is one; and the part that the last row of the page is of."""
    rows: list[tuple[Any, ...]] = []
    ends_in = first = after.part if after else 0
    for part in range(first, len(parts)):
        ordered = parts[part].after(ordering, after if part == first else None)
        found = list(ordered.values_list(*columns)[: size + 1 - len(rows)])
        if found and len(rows) < size:
            ends_in = part
        rows += found
        if len(rows) > size:
            break
    return rows, ends_in


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
        conditions_shown(verdict.conditions, *messages),
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
    return {pk: _MoreFacts(Facts(*facts), told or "", placed or "") for pk, told, placed, *facts in rows}


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
