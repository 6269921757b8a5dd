"""The columns of windows in the admin, at one moment for all rows; and the filter by their state."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from cameras.admin.moments import clock, now_of
from cameras.admin.windows.words import day_and_time, over_in_words, rule_in_words, zone_of_window
from cameras.windows.models import Window, WindowState
from cameras.windows.querysets import WindowQuerySet
from cameras.windows.state import state_of
from controlplane.access.principals import in_words

STATE_COLOURS = {
    WindowState.LASTS.value: "warning",
    WindowState.PLANNED.value: "info",
    WindowState.OVER.value: "default",
}


class StateFilter(DropdownFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return WindowState.choices

    def queryset(self, request: HttpRequest, queryset: WindowQuerySet) -> WindowQuerySet:
        chosen = self.value()
        return queryset.in_state(chosen, now_of(request)) if chosen in WindowState.values else queryset


class TimedChangeList(ChangeList):
    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        for window in self.result_list:
            window.asked_at = now_of(request)


def when_in_words(window: Any) -> str:
    """Until when it lasts, from when it is planned, or when it was: of a window that has its `asked_at`."""
    now, zone = window.asked_at, zone_of_window(window)
    state = state_of(window, now)
    if state.lasts_until:
        return gettext("until %(when)s") % {"when": clock(state.lasts_until, now, zone)}
    if state.begins_at:
        return gettext("from %(when)s") % {"when": clock(state.begins_at, now, zone)}
    return gettext("was from %(when)s") % {"when": day_and_time(datetime.fromisoformat(window.starts))}


class WindowColumns:
    """The columns and read-only fields."""

    @display(description=_("over"))
    def over(self, window: Any) -> str:
        return over_in_words(window)

    @display(description=_("what"), ordering="action", label={"stop": "default", "mute": "default"})
    def what(self, window: Window) -> tuple[str, str]:
        return window.action, window.get_action_display()

    @display(description=_("state"), label=STATE_COLOURS)
    def state(self, window: Any) -> tuple[str, str]:
        name = state_of(window, window.asked_at).name
        return name.value, str(name.label)

    @display(description=_("when"))
    def when(self, window: Any) -> str:
        return when_in_words(window)

    @display(description=_("repeats"))
    def repeats(self, window: Window) -> str:
        return rule_in_words(window.rule)

    @display(description=_("by"))
    def who(self, window: Any) -> Any:
        return in_words(window.created_by)

    @display(description=_("times"))
    def times(self, window: Window) -> str:
        starts, ends = (day_and_time(datetime.fromisoformat(text)) for text in (window.starts, window.ends))
        return f"{starts} – {ends} ({window.zone})"
