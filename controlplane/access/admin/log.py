"""A log in the admin as people read it: by day, a sentence a row, which opens into what else is known of it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from controlplane.access.admin.pages import ReadOnlyAdmin
from controlplane.access.time_zones import ago, exact, own_zone


class LogRow(NamedTuple):
    """One row of a log; `url` is the page that tells all of it, `facts` and `detail` show when it is opened."""

    at: datetime
    sentence: str
    url: str
    via: str = ""
    note: str = ""
    label: tuple[str, str] | None = None
    """A colour and a word before the sentence."""
    facts: Sequence[tuple[Any, Any]] = ()
    detail: SafeString | str = ""


class ShownRow(NamedTuple):
    """A row with its moment in words."""

    row: LogRow
    clock: str
    ago: str
    exact: str


class LogAdmin(ReadOnlyAdmin):
    rows_template = "admin/log_rows.html"

    def log_rows(self, rows: Sequence[Any], request: HttpRequest) -> Iterable[LogRow]:
        """The rows of a page, in their order; in as many queries for one row as for fifty."""
        raise NotImplementedError

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list; its `days` are what the page shows."""
        changelist = super().get_changelist_instance(request)
        changelist.days = days_of(self.log_rows(list(changelist.result_list), request), timezone.now())
        return changelist


def days_of(rows: Iterable[LogRow], now: datetime) -> list[tuple[str, list[ShownRow]]]:
    """The rows under the names of their days, in the zone of the person who asks."""
    zone = own_zone() or UTC
    today = now.astimezone(zone).date()
    named = {today: gettext("Today"), today - timedelta(days=1): gettext("Yesterday")}

    def shown(row: LogRow) -> ShownRow:
        return ShownRow(row, f"{row.at.astimezone(zone):%H:%M}", ago(row.at, now), exact(row.at))

    by_day = groupby(rows, key=lambda row: row.at.astimezone(zone).date())
    return [
        (named.get(day) or date_format(day, "l, j F Y"), [shown(row) for row in of_day]) for day, of_day in by_day
    ]
