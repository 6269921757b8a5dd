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


class Summary(NamedTuple):
    """Statuses and conditions without a camera are left out."""

    by_status: Counter[str]
    by_condition: Counter[str]
    by_site: list[SiteCounts]
    """Sites with cameras, by name; last the cameras without one."""


def summarise(cameras: CameraQuerySet, now: datetime, interruptions: Interruptions) -> Summary:
    """One query, however many cameras there are."""
    holding: dict[str, Any] = {
        condition.name.lower(): Count("pk", filter=status_queries.condition_holds(condition))
        for condition in ConditionType
    }
    rows = (
        cameras.with_status(now, interruptions)
        .order_by()
        .values("site_id", "site__name", "derived_status")
        .annotate(cameras=Count("pk"), **holding)
    )
    by_status: Counter[str] = Counter()
    by_condition: Counter[str] = Counter()
    sites: dict[UUID | None, SiteCounts] = {}
    for row in rows:
        status = Status(row["derived_status"]).value
        by_status[status] += row["cameras"]
        for condition in ConditionType:
            by_condition[condition.value] += row[condition.name.lower()]
        site = sites.setdefault(row["site_id"], SiteCounts(row["site_id"], row["site__name"] or "", Counter()))
        site.by_status[status] += row["cameras"]
    in_order = sorted(sites.values(), key=lambda site: (site.site_id is None, site.name, str(site.site_id)))
    return Summary(by_status, by_condition, in_order)
