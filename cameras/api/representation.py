"""Cameras and sites as the API shows them, without secrets."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec
from django.db.models import F

from cameras.api.serializers import CameraDetail, CameraListItem
from cameras.fields import CAMERA_FIELDS, SITE_FIELDS
from cameras.models import Camera, DeletedCamera, Site
from cameras.querysets import CameraQuerySet, QuickMoment
from cameras.recycle_bin import restorable_until
from cameras.status import Interruptions, derive_status
from controlplane.encoding import moment_text

LIST_FIELDS = tuple(CameraListItem().fields)
DETAIL_FIELDS = tuple(CameraDetail().fields)
ORDERINGS = ("name", "-name", "created_at", "-created_at")
# Of a search: cameras of exactly that name, then the others, both by name. Cursors say it; nobody asks for it.
BEST_FIRST = "best"
CHUNK = 2_000

# What the list reads of each row: first what a status is derived from.
_COLUMNS: dict[str, Any] = {
    "desired_state": F("desired_state"),
    "desired_state_at": QuickMoment("desired_state_at"),
    "last_contact": QuickMoment("vitals__last_contact"),
    "expected_interval_seconds": F("expected_interval_seconds"),
    "id": F("id"),
    "name": F("name"),
    "address": F("address"),
    "generation": F("generation"),
    "created_at": QuickMoment("created_at"),
    **{field.name: F(field.column) for field in CAMERA_FIELDS if field.is_listed},
}
_KNOWN = (*_COLUMNS, "status", "status_reason")
_CREATED_AT = _KNOWN.index("created_at")


def camera_detail(camera: Camera, now: datetime, interruptions: Interruptions) -> dict[str, Any]:
    """All fields of a camera that was asked for `with_vitals`; its connection string is redacted."""
    vitals = getattr(camera, "vitals", None)
    verdict = camera.verdict(now, interruptions)
    latest = None
    if vitals and vitals.latest_timestamp:
        latest = {
            "timestamp": vitals.latest_timestamp,
            "occupancy": vitals.latest_occupancy,
            "confidence": vitals.latest_confidence,
        }
    values = {field.name: getattr(camera, field.column) for field in CAMERA_FIELDS} | {
        "id": camera.pk,
        "address": camera.address,
        "status": verdict.status.value,
        "status_reason": verdict.reason.value,
        "status_since": verdict.since,
        "last_contact": vitals.last_contact if vitals else None,
        "latest": latest,
        "generation": camera.generation,
        "observed_generation": vitals.observed_generation if vitals else None,
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


def site_detail(site: Site) -> dict[str, Any]:
    return {"id": site.pk} | {field.name: getattr(site, field.column) for field in SITE_FIELDS}


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
    """The list in pages by key, each with where the next begins; no model instances, and a query a page.

    The parts follow one another, each in the ordering; a page that goes over into the next takes two queries.
    Moments are texts already.
    """
    places = [_KNOWN.index(name) for name in fields]
    # One place too many, which zip drops: with a single place itemgetter would return no tuple.
    pick = itemgetter(*places, places[0])
    while True:
        rows, part = _rows(parts, "name" if ordering == BEST_FIRST else ordering, after, size)
        more, rows = len(rows) > size, rows[:size]
        after = None
        if more:
            last = dict(zip(_COLUMNS, rows[-1], strict=True))
            after = ListPosition(ordering, last[column_of(ordering)], str(last["id"]), part)
        yield [dict(zip(fields, pick(_with_status(row, now, interruptions)), strict=False)) for row in rows], after
        if after is None:
            return


def _rows(
    parts: Sequence[CameraQuerySet], ordering: str, after: ListPosition | None, size: int
) -> tuple[list[tuple[Any, ...]], int]:
    """The rows of a page and one more, if there is one; and the part that the last row of the page is of."""
    rows: list[tuple[Any, ...]] = []
    ends_in = first = after.part if after else 0
    for part in range(first, len(parts)):
        ordered = parts[part].after(ordering, after if part == first else None)
        found = list(ordered.values_list(*_COLUMNS.values())[: size + 1 - len(rows)])
        if found and len(rows) < size:
            ends_in = part
        rows += found
        if len(rows) > size:
            break
    return rows, ends_in


def _with_status(row: tuple[Any, ...], now: datetime, interruptions: Interruptions) -> tuple[Any, ...]:
    """The values of `_KNOWN`."""
    desired_state, desired_state_at, last_contact, interval = row[:4]
    created_at = row[_CREATED_AT]
    verdict = derive_status(
        desired_state=desired_state,
        desired_state_at=desired_state_at,
        last_contact=last_contact,
        expected_interval_seconds=interval,
        now=now,
        interruptions=interruptions,
        created_at=created_at,
    )
    shown = moment_text(last_contact) if last_contact else None
    return (*row[:2], shown, *row[3:], verdict.status.value, verdict.reason.value)
