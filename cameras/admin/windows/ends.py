"""What lasts of a window is ended or extended, from its page."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cameras.admin.moments import clock, exact, now_of
from cameras.admin.windows.columns import STATE_COLOURS, when_in_words
from cameras.admin.windows.words import span_in_words, zone_of_window
from cameras.intent import InvalidIntent
from cameras.windows import window_actions
from cameras.windows.models import Window
from cameras.windows.preview import next_occurrences
from cameras.windows.state import state_of
from controlplane.access.admin.pages import PlainAdmin
from controlplane.access.authentication import author_of
from controlplane.access.principals import in_words
from controlplane.problems import FieldError

EXTENSIONS = (
    (timedelta(hours=1), _("1 hour")),
    (timedelta(hours=4), _("4 hours")),
    (timedelta(days=1), _("1 day")),
    (timedelta(days=7), _("1 week")),
)


class EndPages(PlainAdmin):
    """What stands above the form of a window: its state, and what can be done about it now."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:window_id>/end/", wrap(self.end_view), name="windows_window_end"),
            path("<uuid:window_id>/extend/", wrap(self.extend_view), name="windows_window_extend"),
            *super().get_urls(),
        ]

    def present_context(self, request: HttpRequest, window: Any) -> dict[str, Any]:
        now, zone, state = now_of(request), zone_of_window(window), state_of(window, now_of(request))
        until = state.lasts_until
        return {
            "state_colour": STATE_COLOURS[state.name.value],
            "state_label": state.name.label,
            "state_when": when_in_words(window),
            "made_by": in_words(window.created_by),
            "made_at": exact(window.created_at, zone),
            "spans": [
                span_in_words(span, zone)
                for span in next_occurrences(window.schedule, now)
                if state.begins_at and span.start >= state.begins_at
            ],
            "may_end": bool(until) and self.has_change_permission(request, window),
            "extensions": [
                ((until + each).isoformat(), words, clock(until + each, now, zone)) for each, words in EXTENSIONS
            ]
            if until
            else [],
        }

    def end_view(self, request: HttpRequest, window_id: UUID) -> HttpResponse:
        """A POST ends what lasts now."""
        words = gettext("Ended. What it stopped runs again, unless another window stops it.")
        return self._do(request, window_id, window_actions.end_window, lambda window: words)

    def extend_view(self, request: HttpRequest, window_id: UUID) -> HttpResponse:
        """A POST lets what lasts now last until `until`, as the page offered it."""
        until = _moment(request.POST.get("until", ""))

        def extend(**how: Any) -> Window:
            if until is None:
                raise InvalidIntent([FieldError("until", gettext("Choose until when."))])
            return window_actions.extend_window(until=until, **how)

        def words(window: Window) -> str:
            when = clock(until, now_of(request), zone_of_window(window)) if until else ""
            return gettext("It lasts until %(when)s.") % {"when": when}

        return self._do(request, window_id, extend, words)

    def _do(
        self, request: HttpRequest, window_id: UUID, act: Callable[..., Window], words: Callable[[Window], str]
    ) -> HttpResponse:
        page = HttpResponseRedirect(reverse("admin:windows_window_change", args=[window_id]))
        if request.method != "POST":
            return page
        window = self.get_object(request, str(window_id))
        if window is None:
            raise self.nothing_at(request, str(window_id))
        if not self.has_change_permission(request, window):
            raise PermissionDenied
        try:
            act(window_id=window_id, by=author_of(request, "admin"), now=now_of(request))
        except InvalidIntent as error:
            self.message_user(request, " ".join(one.detail for one in error.errors), messages.ERROR)
        except Window.DoesNotExist:
            raise self.nothing_at(request, str(window_id)) from None
        else:
            self.message_user(request, words(window), messages.SUCCESS)
        return page


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
