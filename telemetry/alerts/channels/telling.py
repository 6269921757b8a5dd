"""What a message for people says, whichever way it goes: what happened, where, since when, how long, and a link.

Times are in the time zone of the site, and in UTC where there is none.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from cameras.models import Camera, Site
from cameras.reasons import PLACEMENT_REASONS, WORKER_REASONS, Reason, code_of, words_of
from controlplane.access.time_zones import age, exact
from telemetry.alerts.models import Alert, Breach, Kind, Transition

# What ends what began; the values are the statuses of the beginning.
_ENDED_STATUS = {Kind.RECOVERED: "offline", Kind.ORPHAN_GONE: "orphaned", Kind.WORKING: "failing"}
ENDS = {*_ENDED_STATUS, Kind.SITE_HEARD, Kind.MASS_SILENCE_ENDED, Kind.CROWD_GONE}
_REASONS = PLACEMENT_REASONS | WORKER_REASONS | {code_of(reason): reason for reason in Reason}


class Fact(NamedTuple):
    label: str
    value: str


class Telling(NamedTuple):
    """A message for people. `title` is one line; `link` is empty where nobody has said where the service is."""

    title: str
    text: str
    facts: list[Fact]
    link: str
    is_over: bool


def telling_of(alert: Alert, now: datetime) -> Telling:
    """At most three queries."""
    camera = (
        Camera.objects.filter(pk=alert.camera_id).only("name", "location").first() if alert.camera_id else None
    )
    site = Site.objects.filter(pk=alert.site_id).only("name", "timezone").first() if alert.site_id else None
    zone: tzinfo = ZoneInfo(site.timezone) if site else UTC
    name = alert.data.get("camera", "")
    where = ", ".join(part for part in (name, site.name if site else "") if part)
    kind = str(alert.get_kind_display())
    # The sentence is stored with its time in UTC.
    text = alert.text.replace(exact(alert.at, UTC), exact(alert.at, zone))
    facts = [
        Fact(_("Site"), site.name if site else ""),
        Fact(_("Camera"), name),
        Fact(_("Place"), camera.location if camera else ""),
        *_time_facts(alert, zone, now),
        Fact(_("Reason"), _reason_unless_in(text, alert)),
    ]
    return Telling(
        title=one_line(f"{kind}: {where}" if where else kind),
        text=text,
        facts=[fact for fact in facts if fact.value],
        link=_link_to(camera, alert),
        is_over=is_over(alert),
    )


def is_over(alert: Alert) -> bool:
    """Whether it tells that something has ended."""
    steady = alert.kind == Kind.STEADY and alert.data.get("status") != "offline"
    return alert.kind in ENDS or steady


def fact_lines(telling: Telling) -> list[str]:
    return [f"{fact.label}: {fact.value}" for fact in telling.facts]


def one_line(text: str) -> str:
    """The text without any break of a line, and without characters that cannot be shown."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def shortened(text: str, most: int) -> str:
    """At most so many characters, the last an ellipsis where any are left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _time_facts(alert: Alert, zone: tzinfo, now: datetime) -> list[Fact]:
    if alert.kind == Kind.TEST:
        return [Fact(_("Sent"), exact(alert.at, zone))]
    if not is_over(alert):
        return [Fact(_("Since"), exact(alert.at, zone)), Fact(_("For"), age(alert.at, now))]
    began_at = _began_at(alert)
    lasted = (
        [Fact(_("Began"), exact(began_at, zone)), Fact(_("Lasted"), age(began_at, alert.at))] if began_at else []
    )
    return [*lasted, Fact(_("Over since"), exact(alert.at, zone))]


def _began_at(alert: Alert) -> datetime | None:
    """When that began whose end the alert tells."""
    if alert.camera_id is None:
        return None
    if alert.kind == Kind.CROWD_GONE:
        breaches = Breach.objects.filter(
            camera_id=alert.camera_id, zone=alert.data.get("zone"), ended_at__gte=alert.at - timedelta(seconds=1)
        )
        return breaches.order_by("began_at").values_list("began_at", flat=True).first()
    status = _ENDED_STATUS.get(Kind(alert.kind))
    if not status:
        return None
    began = Transition.objects.filter(camera_id=alert.camera_id, to_status=status, at__lt=alert.at)
    return began.order_by("-at").values_list("at", flat=True).first()


def _reason_unless_in(text: str, alert: Alert) -> str:
    words = "" if is_over(alert) else words_of(_REASONS.get(alert.data.get("reason", ""), ""))
    return "" if words in text else words


def _link_to(camera: Camera | None, alert: Alert) -> str:
    """The page of the incident, where it can be acknowledged; of what is none, the camera's."""
    if not settings.PUBLIC_URL:
        return ""
    if alert.incident_id:
        page = reverse("admin:alerts_incident_change", args=[alert.incident_id])
    else:
        page = reverse("admin:cameras_camera_change", args=[camera.pk]) if camera else reverse("admin:index")
    return urljoin(settings.PUBLIC_URL, page)
