"""What the page of a camera shows around its form: its health explained, what was observed, its tabs."""

from datetime import tzinfo
from typing import Any

from django.contrib.admin.helpers import AdminForm
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cameras.admin.camera.columns import STATUS_COLOURS, STATUS_LABELS, reason_in_words
from cameras.admin.moments import age, aged, ago, exact, zone_of
from cameras.models import Camera, CameraVitals, DesiredState
from cameras.panels import LogLine, log_of_camera
from cameras.status import OFFLINE_AFTER_INTERVALS, STALE_AFTER_INTERVALS

ZONES = _("Zones")


def by_tab(form: AdminForm) -> dict[str, Any]:
    """The fieldsets of the form by the tab that they stand in, and how many faults each tab holds."""
    sets: list[Any] = list(form)
    tabs = {
        "settings": [one for one in sets if one.name != ZONES],
        "zones": [one for one in sets if one.name == ZONES],
    }
    faults = {
        name: sum(field in form.form.errors for one in fieldsets for field in one.fields)
        for name, fieldsets in tabs.items()
    }
    return {"fieldsets_by_tab": tabs, "faults_by_tab": faults}


def overview_of(camera: Any) -> dict[str, Any]:
    """The context of the first tab, for a camera that `judge` has seen and whose vitals and site are loaded."""
    health, zone = camera.health, zone_of(camera)
    vitals: CameraVitals | None = getattr(camera, "vitals", None)
    running = camera.desired_state == DesiredState.RUNNING
    interval = camera.expected_interval_seconds
    return {
        "health_label": STATUS_LABELS[health.status.value],
        "health_colour": STATUS_COLOURS[health.status.value],
        "health_reason": reason_in_words(camera, zone),
        "health_for": age(health.since, camera.asked_at) if health.since else "",
        "late_after": STALE_AFTER_INTERVALS * interval,
        "offline_after": OFFLINE_AFTER_INTERVALS * interval,
        "desired_state_url": reverse("admin:cameras_camera_desired_state", args=[camera.pk]),
        "other_state": (DesiredState.STOPPED if running else DesiredState.RUNNING).value,
        "clone_url": f"{reverse('admin:cameras_camera_add')}?{urlencode({'clone_of': camera.pk})}",
        "zone_name": zone.key,
        "series_url": f"/telemetry/{camera.pk}",
        "observed": _observed(camera, vitals, zone),
        "chart_zones": _zones_of(camera),
        "log": [_line(line, camera, zone) for line in log_of_camera(camera.pk, camera.asked_at)],
    }


def _line(line: LogLine, camera: Any, zone: tzinfo) -> dict[str, str]:
    return {
        "label": STATUS_LABELS[line.status],
        "colour": STATUS_COLOURS[line.status],
        "reason": line.reason,
        "ago": ago(line.at, camera.asked_at),
        "at": exact(line.at, zone),
    }


def _observed(camera: Any, vitals: CameraVitals | None, zone: tzinfo) -> list[tuple[str, Any]]:
    now = camera.asked_at
    return [
        (gettext("Last contact"), aged(vitals.last_contact if vitals else None, now, zone=zone)),
        (gettext("Latest sample"), _latest(vitals, camera, zone)),
        (gettext("Configuration"), _generations(camera, vitals)),
        (gettext("Samples"), _counters(vitals)),
        (gettext("Desired state"), _desired(camera, zone)),
        (gettext("Last edited"), aged(camera.updated_at, now, zone=zone)),
        (gettext("Registered"), aged(camera.created_at, now, zone=zone)),
    ]


def _desired(camera: Any, zone: tzinfo) -> SafeString:
    since = aged(camera.desired_state_at, camera.asked_at, zone=zone)
    return format_html("{} · {}", camera.get_desired_state_display(), since)


def _latest(vitals: CameraVitals | None, camera: Any, zone: tzinfo) -> SafeString | str:
    if not vitals or vitals.latest_timestamp is None:
        return gettext("none")
    seen = gettext("occupancy %(occupancy)s, confidence %(confidence)s") % {
        "occupancy": vitals.latest_occupancy,
        "confidence": f"{vitals.latest_confidence:.2f}",
    }
    return format_html("{} · {}", seen, aged(vitals.latest_timestamp, camera.asked_at, zone=zone))


def _generations(camera: Camera, vitals: CameraVitals | None) -> str:
    observed = vitals.observed_generation if vitals else None
    if observed is None:
        return gettext("generation %(generation)d; no worker has named one") % {"generation": camera.generation}
    return gettext("generation %(generation)d; the worker runs %(observed)d") % {
        "generation": camera.generation,
        "observed": observed,
    }


def _counters(vitals: CameraVitals | None) -> str:
    if not vitals:
        return gettext("none")
    return gettext("accepted %(a)s, duplicates %(d)s, conflicts %(c)s, rejected %(r)s") % {
        "a": f"{vitals.accepted_count:,}",
        "d": f"{vitals.duplicate_count:,}",
        "c": f"{vitals.conflict_count:,}",
        "r": f"{vitals.rejected_count:,}",
    }


def _zones_of(camera: Camera) -> list[tuple[str, str]]:
    """Id and name of each zone, for the choice of what the chart draws."""
    features = camera.zone_config.get("features", [])
    named = ((feature.get("id", ""), feature.get("properties", {}).get("name") or "") for feature in features)
    return [(str(zone_id), str(name or zone_id)) for zone_id, name in named if zone_id]
