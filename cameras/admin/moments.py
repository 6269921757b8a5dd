"""The `now` and the interruptions of a request, and how the admin words moments."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cameras.facts import Interruptions
from cameras.interruptions import read_interruptions
from cameras.models import Camera
from controlplane.access.time_zones import age, ago, exact, own_zone

__all__ = ["age", "aged", "ago", "clock", "exact", "interruptions_of", "now_of", "zone_of"]


def now_of(request: HttpRequest) -> datetime:
    """The time of this request, in UTC, read once, so that everything on one page agrees."""
    if not hasattr(request, "asked_at"):
        request.asked_at = timezone.now()  # type: ignore[attr-defined]
    return request.asked_at  # type: ignore[attr-defined]


def interruptions_of(request: HttpRequest) -> Interruptions:
    """The interruptions at the time of this request, read once."""
    if not hasattr(request, "interruptions"):
        request.interruptions = read_interruptions(now_of(request))  # type: ignore[attr-defined]
    return request.interruptions  # type: ignore[attr-defined]


def zone_of(camera: Camera) -> ZoneInfo:
    """The time zone of a camera's pages: the person's own, else that of its site, which must be loaded."""
    return own_zone() or ZoneInfo(camera.site.timezone if camera.site else "UTC")


def clock(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """To the minute, with the time zone's abbreviation; the date too, unless it is today."""
    local = moment.astimezone(zone or own_zone() or UTC)
    is_today = local.date() == now.astimezone(local.tzinfo).date()
    return f"{local:%H:%M %Z}" if is_today else f"{local:%Y-%m-%d %H:%M %Z}"


def aged(moment: datetime | None, now: datetime, never: str = "", zone: tzinfo | None = None) -> SafeString | str:
    """The age of a moment above the moment itself."""
    if moment is None:
        return never or _("never")
    return format_html(
        '<span class="cp-stack">{}<span class="cp-under">{}</span></span>', ago(moment, now), exact(moment, zone)
    )
