"""Cameras and sites as the API shows them. Secrets are not among what is read here."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import F

from cameras.models import Camera, Site
from cameras.querysets import CameraQuerySet, QuickMoment
from cameras.status import Pulse, derive_status

LIST_FIELDS = (
    "id", "name", "status", "status_reason", "desired_state", "site", "address", "last_contact", "generation",
)  # fmt: skip
ORDERINGS = ("name", "-name", "created_at", "-created_at")
CHUNK = 2_000

_COLUMNS = {
    name: QuickMoment(name) if name in ("vitals__last_contact", "desired_state_at", "created_at") else F(name)
    for name in (
        "id", "name", "desired_state", "site_id", "address", "vitals__last_contact", "generation",
        "desired_state_at", "expected_interval_seconds", "created_at",
    )
}  # fmt: skip


def camera_detail(camera: Camera, now: datetime, pulse: Pulse) -> dict[str, Any]:
    """All fields of a camera that was asked for `with_vitals`; its connection string in the redacted form."""
    vitals = getattr(camera, "vitals", None)
    verdict = camera.verdict(now, pulse)
    latest = None
    if vitals and vitals.latest_timestamp:
        latest = {
            "timestamp": vitals.latest_timestamp,
            "occupancy": vitals.latest_occupancy,
            "confidence": vitals.latest_confidence,
        }
    return {
        "id": camera.pk,
        "name": camera.name,
        "site": camera.site_id,
        "location": camera.location,
        "connection_string": camera.redacted_connection,
        "address": camera.address,
        "model_config": camera.model_config,
        "zone_config": camera.zone_config,
        "desired_state": camera.desired_state,
        "status": verdict.status.value,
        "status_reason": verdict.reason.value,
        "status_since": verdict.since,
        "last_contact": vitals.last_contact if vitals else None,
        "latest": latest,
        "generation": camera.generation,
        "observed_generation": vitals.observed_generation if vitals else None,
        "expected_interval_seconds": camera.expected_interval_seconds,
        "notes": camera.notes,
        "created_at": camera.created_at,
        "updated_at": camera.updated_at,
    }


def site_detail(site: Site) -> dict[str, Any]:
    return {
        "id": site.pk,
        "name": site.name,
        "timezone": site.timezone,
        "location": site.location,
        "latitude": site.latitude,
        "longitude": site.longitude,
    }


class ListPosition(msgspec.Struct, array_like=True):
    """Where a page of the list of cameras ended."""

    ordering: str
    value: Any  # of the column that orders
    id: str


def camera_pages(
    cameras: CameraQuerySet,
    *,
    ordering: str,
    fields: Collection[str],
    now: datetime,
    pulse: Pulse,
    after: ListPosition | None = None,
    size: int,
) -> Iterator[tuple[list[dict[str, Any]], ListPosition | None]]:
    """The list in pages by key, each with where the next begins; one query a page, no object a row."""
    while True:
        rows = list(cameras.after(ordering, after).values_list(*_COLUMNS.values())[: size + 1])
        more, rows = len(rows) > size, rows[:size]
        after = None
        if more:
            last = dict(zip(_COLUMNS, rows[-1], strict=True))
            after = ListPosition(ordering, last[ordering.lstrip("-")], str(last["id"]))
        yield [_item(row, fields, now, pulse) for row in rows], after
        if after is None:
            return


def _item(row: tuple[Any, ...], fields: Collection[str], now: datetime, pulse: Pulse) -> dict[str, Any]:
    id_, name, desired_state, site, address, last_contact, generation, desired_state_at, interval, _ = row
    verdict = derive_status(
        desired_state=desired_state,
        desired_state_at=desired_state_at,
        last_contact=last_contact,
        expected_interval_seconds=interval,
        now=now,
        pulse=pulse,
    )
    item = {
        "id": id_,
        "name": name,
        "status": verdict.status.value,
        "status_reason": verdict.reason.value,
        "desired_state": desired_state,
        "site": site,
        "address": address,
        "last_contact": last_contact,
        "generation": generation,
    }
    return item if len(fields) == len(item) else {field: item[field] for field in fields}
