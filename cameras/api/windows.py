"""Windows over REST: times in which cameras are stopped, or in which nobody is notified of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cameras.api import newest_first, parameters, window_operations
from cameras.api.answers import StrictViewSet, clean_or_problem, json_answer, no_such
from cameras.api.window_shapes import WindowShape
from cameras.guards import OPERATE
from cameras.windows import window_actions
from cameras.windows.intent import clean_window
from cameras.windows.models import Window, WindowCamera
from cameras.windows.preview import Touched, next_occurrences, touched_by
from cameras.windows.querysets import VIEW, WindowQuerySet
from cameras.windows.recurrence import Span
from cameras.windows.state import state_of
from controlplane.access.authentication import author_of


@extend_schema(tags=["windows"])
class WindowViewSet(StrictViewSet):
    """Windows over cameras, a site, or everything."""

    queryset = Window.objects.all()
    serializer_class = WindowShape
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    required_permissions = {
        "list": VIEW,
        "retrieve": VIEW,
        "create": OPERATE,
        "preview": OPERATE,
        "partial_update": OPERATE,
        "destroy": OPERATE,
        "end": OPERATE,
        "extend": OPERATE,
    }
    query_parameters = {"list": ("limit", "cursor")}

    def get_queryset(self) -> WindowQuerySet:
        """With the cameras that the principal sees, and with what lasts or begins soon."""
        seen = WindowCamera.objects.filter(self.principal.scope_for(VIEW).as_q("camera_id", "camera__site_id"))
        rows = Window.objects.visible_to(self.principal)
        return rows.with_present(self.now).prefetch_related(Prefetch("covered", seen))

    @window_operations.LIST_WINDOWS
    def list(self, request: Request) -> HttpResponse:
        """Windows over what the principal may see, the newest first, in pages; also those that are over."""
        return newest_first.page(
            request,
            self.get_queryset(),
            "created_at",
            lambda window: shown(window, self.now),
            default_limit=window_operations.DEFAULT_LIMIT,
            max_limit=window_operations.MAX_LIMIT,
        )

    @window_operations.CREATE_WINDOW
    def create(self, request: Request) -> HttpResponse:
        """Schedule a window over what the principal may start and stop; one that lasts now acts at once."""
        values = clean_or_problem(lambda: clean_window(request.data, now=self.now))
        window = clean_or_problem(
            lambda: window_actions.schedule_window(values=values, by=author_of(request), now=self.now)
        )
        response = self._answer(window, 201)
        response["Location"] = f"/windows/{window.pk}"
        return response

    @window_operations.PREVIEW_WINDOW
    def preview(self, request: Request) -> HttpResponse:
        """When a window would begin and end, and what it would stop as things stand. Nothing is stored."""
        values = clean_or_problem(lambda: clean_window(request.data, now=self.now))
        clean_or_problem(lambda: window_actions.require_reach(self.principal, values.reach))
        touched = touched_by(values.reach, self.principal)
        return json_answer(_preview_shown(next_occurrences(values.schedule, self.now), touched))

    @window_operations.GET_WINDOW
    def retrieve(self, request: Request, id: str) -> HttpResponse:
        """One window."""
        return self._answer(self._window(id))

    @window_operations.UPDATE_WINDOW
    def partial_update(self, request: Request, id: str) -> HttpResponse:
        """Change just the fields that are sent. What is past stays as it was."""
        window = Window.objects.with_cameras().get(pk=self._window(id).pk)
        values = clean_or_problem(lambda: clean_window(request.data, now=self.now, stored=window))
        return self._after(
            lambda **how: window_actions.edit_window(window_id=window.pk, values=values, **how), request
        )

    @window_operations.DELETE_WINDOW
    def destroy(self, request: Request, id: str) -> Response:
        """Remove a window. What it stopped runs again, unless another window stops it."""
        window = self._window(id)
        how: dict[str, Any] = {"window_id": window.pk, "by": author_of(request), "now": self.now}
        try:
            clean_or_problem(lambda: window_actions.delete_window(**how))
        except Window.DoesNotExist:
            raise no_such("window") from None
        return Response(status=204)

    @window_operations.END_WINDOW
    def end(self, request: Request, id: str) -> HttpResponse:
        """End what lasts now of a window. What it stopped runs again, unless another window stops it."""
        window = self._window(id)
        return self._after(lambda **how: window_actions.end_window(window_id=window.pk, **how), request)

    @window_operations.EXTEND_WINDOW
    def extend(self, request: Request, id: str) -> HttpResponse:
        """Let what lasts now of a window last until another moment."""
        window, until = self._window(id), _until(request.data)
        return self._after(
            lambda **how: window_actions.extend_window(window_id=window.pk, until=until, **how), request
        )

    def _window(self, id: str) -> Window:
        found: Window | None = self.get_queryset().filter(pk=parameters.id_in_path(id)).first()
        if found is None:
            raise no_such("window")
        return found

    def _after(self, act: Any, request: Request) -> HttpResponse:
        try:
            return self._answer(clean_or_problem(lambda: act(by=author_of(request), now=self.now)))
        except Window.DoesNotExist:
            raise no_such("window") from None

    def _answer(self, window: Window, status: int = 200) -> HttpResponse:
        return json_answer(shown(self.get_queryset().get(pk=window.pk), self.now), status)


def _until(data: Any) -> datetime:
    text = data.get("until") if isinstance(data, dict) and data.keys() == {"until"} else None
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment and moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    parameters.refuse("until", "Must be the only field: a moment with an offset, e.g. 2026-11-30T22:00:00+01:00.")


def shown(window: Any, now: datetime) -> dict[str, Any]:
    """A window of `get_queryset`, as answers show it."""
    state = state_of(window, now)
    return {
        "id": window.pk,
        "action": window.action,
        "site": window.site_id,
        "cameras": sorted(row.camera_id for row in window.covered.all()),
        "everything": window.is_everything,
        "starts": window.starts,
        "ends": window.ends,
        "zone": window.zone,
        "rule": window.rule,
        "reason": window.reason,
        "created_by": window.created_by,
        "created_at": window.created_at,
        "next_at": state.begins_at,
        "lasts_until": state.lasts_until,
    }


def _preview_shown(occurrences: Sequence[Span], touched: Touched) -> dict[str, Any]:
    return {
        "occurrences": [{"starts_at": span.start, "ends_at": span.end} for span in occurrences],
        "camera_count": touched.camera_count,
        "running_count": touched.running_count,
        "running": [{"id": camera_id, "name": name} for camera_id, name in touched.named],
    }
