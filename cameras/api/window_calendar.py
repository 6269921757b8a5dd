"""Windows as a file of iCalendar, and from one."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cameras.api import window_operations
from cameras.api.answers import clean_or_problem, json_answer
from cameras.api.window_operations import CALENDAR
from cameras.api.windows import WindowViewSet, shown
from cameras.guards import OPERATE
from cameras.windows import window_actions
from cameras.windows.calendars import calendar_of, windows_in
from cameras.windows.querysets import VIEW
from controlplane.access.authentication import author_of
from controlplane.negotiation import WhateverAcceptSays, preferred_type
from controlplane.problem_types import ErrorCode
from controlplane.problems import shown_name
from controlplane.strict_json import refuse

JSON = "application/json"


@extend_schema(tags=["windows"])
class WindowCalendarViewSet(WindowViewSet):
    """All windows at once, by a file."""

    content_negotiation_class = WhateverAcceptSays
    required_permissions = {"export": VIEW, "create": OPERATE}
    query_parameters = {}

    @window_operations.EXPORT_CALENDAR
    def export(self, request: Request) -> HttpResponse:
        """The windows that are not over, over what the principal may see; at most the newest 1,000."""
        preferred_type(request.headers.get("Accept", ""), (CALENDAR,))
        answer = HttpResponse(calendar_of(self.principal, self.now), content_type=f"{CALENDAR}; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="windows.ics"'
        return answer

    @window_operations.IMPORT_CALENDAR
    def create(self, request: Request) -> HttpResponse:
        """Each event becomes a window; all of them, or none. Events that are over are left out."""
        preferred_type(request.headers.get("Accept", ""), (JSON,))
        given = request.data if isinstance(request.data, dict) else {}
        text = given.get("calendar")
        if not isinstance(text, str):
            refuse("calendar", "Must be the text of a calendar.")
        scope = {name: value for name, value in given.items() if name != "calendar"}
        for name in scope.keys() - {"action", "site", "cameras", "everything"}:
            refuse(shown_name(name), "There is no such field.", ErrorCode.UNKNOWN)
        windows = clean_or_problem(lambda: self._schedule(text, scope))
        found = self.get_queryset().in_bulk([window.pk for window in windows])
        return json_answer([shown(found[window.pk], self.now) for window in windows], 201)

    def _schedule(self, text: str, scope: dict[str, Any]) -> Any:
        read = windows_in(text, scope, now=self.now)
        return window_actions.schedule_windows(values=read.values, by=author_of(self.request), now=self.now)
