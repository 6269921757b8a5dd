"""A small picture of the last day: a line with gaps where nothing is known, and the same in words."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from cameras.panels import LastDay

WIDTH, HEIGHT, PAD = 112, 26, 3


def sparkline(day: LastDay) -> SafeString | str:
    """The picture as SVG; nothing where nothing is known."""
    known = [value for value in day if value is not None]
    if not known:
        return format_html('<span class="cp-muted">{}</span>', gettext("no data"))
    words = gettext("Hourly mean over the last day: from %(least)s to %(most)s") % {
        "least": f"{min(known):.1f}",
        "most": f"{max(known):.1f}",
    }
    return format_html(
        '<svg class="cp-spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">'
        '<title>{}</title><path class="cp-spark-area" d="{}"/><path class="cp-spark-line" d="{}"/></svg>',
        *(WIDTH, HEIGHT, WIDTH, HEIGHT, words, words),
        " ".join(_area(run) for run in _runs(day)),
        " ".join(_line(run) for run in _runs(day)),
    )


def _runs(day: LastDay) -> list[list[tuple[float, float]]]:
    """The points of each run without a gap."""
    top = max((value for value in day if value is not None), default=0) or 1
    step = (WIDTH - 2 * PAD) / max(1, len(day) - 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(day):
        if value is None:
            runs.append([])
        else:
            height = (HEIGHT - 2 * PAD) * value / top
            runs[-1].append((round(PAD + place * step, 1), round(HEIGHT - PAD - height, 1)))
    return [run for run in runs if run]


def _line(run: Sequence[tuple[float, float]]) -> str:
    """A line; for a single point one of no length, which its round ends show as a dot."""
    first, *rest = run
    return f"M{first[0]} {first[1]}" + "".join(f"L{x} {y}" for x, y in rest or [first])


def _area(run: Sequence[tuple[float, float]]) -> str:
    ground = HEIGHT - PAD
    return f"M{run[0][0]} {ground}" + "".join(f"L{x} {y}" for x, y in run) + f"L{run[-1][0]} {ground}Z"
