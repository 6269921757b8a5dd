"""Whether a window lasts, is to come, or is over; and until when, and from when."""

from datetime import datetime
from typing import Any, NamedTuple

from cameras.windows.models import Window, WindowState


class State(NamedTuple):
    """`lasts_until` is None unless it lasts now; `begins_at`, when it begins next, is None for never again."""

    name: WindowState
    lasts_until: datetime | None
    begins_at: datetime | None


def state_of(window: Window, now: datetime) -> State:
    """The state of a window that was read by `with_present`; without a query."""
    present: list[Any] = window.present  # type: ignore[attr-defined]
    until = max((each.ends_at for each in present if each.starts_at <= now), default=None)
    # One that begins soon is written already, and `next_at` is the one after it.
    starts = [each.starts_at for each in present if each.starts_at > now]
    begins_at = min([*starts, *([window.next_at] if window.next_at else [])], default=None)
    if until:
        return State(WindowState.LASTS, until, begins_at)
    return State(WindowState.PLANNED if begins_at else WindowState.OVER, None, begins_at)
