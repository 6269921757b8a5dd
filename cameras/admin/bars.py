"""A chart of days as SVG: how much of each day was up, down, or not judged, and the same in words."""

import math
from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from cameras.panels import Uptime

WIDTH, GAP, HEIGHT = 10, 2, 100
# What was short is seen all the same.
LEAST_HEIGHT = 4


def percent_text(percent: float | None) -> str:
    """With two decimals, cut and not rounded: 100 % only where nothing was down."""
    return "–" if percent is None else f"{math.floor(percent * 100) / 100:.2f} %"


def bars(days: Sequence[tuple[str, Uptime]]) -> SafeString:
    """A bar for each day; what it says is in the table below as well."""
    words = gettext("Availability of each day, from %(first)s to %(last)s") % {
        "first": days[0][0] if days else "–",
        "last": days[-1][0] if days else "–",
    }
    width = max(1, len(days)) * (WIDTH + GAP) - GAP
    shown = format_html_join("", "{}", ((_bar(place, day, uptime),) for place, (day, uptime) in enumerate(days)))
    return format_html(
        '<svg class="cp-bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        width, HEIGHT, words, shown,
    )  # fmt: skip


def _bar(place: int, day: str, uptime: Uptime) -> SafeString:
    # From below, by the name of their class.
    parts = {"down": uptime.down, "up": uptime.up, "left-out": uptime.left_out, "unknown": uptime.unknown}
    whole = sum(parts.values())
    drawn, top = [], float(HEIGHT)
    for name, seconds in parts.items():
        if not seconds:
            continue
        height = min(top, max(HEIGHT * seconds / whole, LEAST_HEIGHT if name == "down" else 0))
        top -= height
        drawn.append((place * (WIDTH + GAP), f"{top:.2f}", WIDTH, f"{height:.2f}", name))
    rects = format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" class="cp-bar-{}"/>', drawn)
    return format_html("<g><title>{}: {}</title>{}</g>", day, percent_text(uptime.percent), rects)
