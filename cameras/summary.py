"""The fleet in numbers: how many cameras in each status, with each condition, at each site."""

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count

from cameras import status_queries
from cameras.conditions import ConditionType
from cameras.facts import Interruptions
from cameras.querysets import CameraQuerySet
from cameras.status import Status


class SiteCounts(NamedTuple):
    site_id: UUID | None
    """None for the cameras without a site."""
    name: str
    by_status: Counter[str]


class Counts(NamedTuple):
    """Statuses and conditions without a camera are left out."""

    by_status: Counter[str]
    by_condition: Counter[str]


class Summary(NamedTuple):
    """Statuses and conditions without a camera are left out."""

    by_status: Counter[str]
    by_condition: Counter[str]
    by_site: list[SiteCounts]
    """Sites with cameras, by name; last the cameras without one."""


def count_cameras(cameras: CameraQuerySet, now: datetime, interruptions: Interruptions) -> Counts:
    """One query, however many cameras there are."""
    return _added_up(_counted(cameras, now, interruptions))


def summarise(cameras: CameraQuerySet, now: datetime, interruptions: Interruptions) -> Summary:
    """One query, however many cameras there are."""
    rows = _counted(cameras, now, interruptions, "site_id", "site__name")
    sites: dict[UUID | None, SiteCounts] = {}
    for row in rows:
        site = sites.setdefault(row["site_id"], SiteCounts(row["site_id"], row["site__name"] or "", Counter()))
        site.by_status[Status(row["derived_status"]).value] += row["cameras"]
    in_order = sorted(sites.values(), key=lambda site: (site.site_id is None, site.name, str(site.site_id)))
    return Summary(*_added_up(rows), in_order)


def _counted(
    cameras: CameraQuerySet, now: datetime, interruptions: Interruptions, *by: str
) -> list[dict[str, Any]]:
    """How many cameras there are of each status, for each value of `by`, and how many have each condition."""
    holding: dict[str, Any] = {
        condition.name.lower(): Count("pk", filter=status_queries.condition_holds(condition))
        for condition in ConditionType
    }
    rows = cameras.with_status(now, interruptions).order_by().values(*by, "derived_status")
    return list(rows.annotate(cameras=Count("pk"), **holding))


def _added_up(rows: list[dict[str, Any]]) -> Counts:
    counts = Counts(Counter(), Counter())
    for row in rows:
        counts.by_status[Status(row["derived_status"]).value] += row["cameras"]
        for condition in ConditionType:
            counts.by_condition[condition.value] += row[condition.name.lower()]
    return counts
